"""Pairs of listings: what each channel says of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

PAIRS = 65_536  # in one block


def similarities(
    channels: Mapping[str, NDArray[np.float32]], left: NDArray[np.integer], right: NDArray[np.integer]
) -> dict[str, NDArray[np.float32]]:
    """Each channel's cosine for P pairs: why they matched.

    Args:
        channels: name -> float32 (N, d), rows L2-normalised or zero.
        left, right: (P,) rows of the catalogue.

    Returns:
        name -> float32 (P,), rounded to 1e-6; NaN where one of the two lacks the channel.
    """
    return {name: _cosines(rows, left, right) for name, rows in channels.items()}


def _cosines(
    rows: NDArray[np.float32], left: NDArray[np.integer], right: NDArray[np.integer]
) -> NDArray[np.float32]:
    cosine = np.full(len(left), np.nan, dtype=np.float32)
    if rows.shape[1] == 0:
        return cosine
    has = np.concatenate([rows[i : i + PAIRS].any(axis=1) for i in range(0, len(rows), PAIRS)])
    for start in range(0, len(left), PAIRS):
        a, b = left[start : start + PAIRS], right[start : start + PAIRS]
        value = np.einsum("pd,pd->p", rows[a], rows[b])
        cosine[start : start + PAIRS] = np.where(has[a] & has[b], np.round(value, 6), np.nan)
    return cosine
