"""What test shares with train and val: the ways in which a test listing could have been seen before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from samesku.catalogue.phash import hamming, to_uint64

#: Hashes this near are, as a rule, one picture saved twice.
NEAR = 4
_BLOCK = 4_000_000  # pairs compared at a time: 32 MB


def leaks(
    test: NDArray[np.bool_],
    *,
    label: Sequence[str],
    image: Sequence[str],
    phash: Sequence[str],
    title: Sequence[str],
) -> dict[str, int]:
    """Count the test listings that share a value with a listing of train or val.

    Args:
        test: bool (N,), true for listings of test; the others are train or val.
        label, image, phash, title: N values; "" is shared by nobody.

    Returns:
        counts under label, image, phash and title; near_phash: within Hamming distance 4 of a hash (equal
        ones included); largest: of the five.
    """
    counts = {
        name: int(_shared(test, values).sum())
        for name, values in {"label": label, "image": image, "phash": phash, "title": title}.items()
    }
    counts["near_phash"] = int(_near(test, phash).sum())
    return counts | {"largest": max(counts.values())}


def _shared(test: NDArray[np.bool_], values: Sequence[str]) -> NDArray[np.bool_]:
    elsewhere = {value for value, is_test in zip(values, test, strict=True) if value and not is_test}
    return np.array(
        [bool(is_test) and value in elsewhere for value, is_test in zip(values, test, strict=True)]
    )


def _near(test: NDArray[np.bool_], phash: Sequence[str]) -> NDArray[np.bool_]:
    """Blockwise XOR and bit count over distinct hashes: exact, and never N × N in memory."""
    hashes, present = to_uint64(phash)
    mine, back = np.unique(hashes[test & present], return_inverse=True)
    others = np.unique(hashes[~test & present])
    near = np.zeros(len(mine), dtype=bool)
    step = max(1, _BLOCK // max(len(others), 1))
    for start in range(0, len(mine), step):
        near[start : start + step] = (hamming(mine[start : start + step, None], others) <= NEAR).any(axis=1)
    found = np.zeros(len(hashes), dtype=bool)
    found[test & present] = near[back]
    return found
