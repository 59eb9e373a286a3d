"""Perceptual hashes: 64 bits that stay nearly the same when a picture is scaled or recompressed."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_HEX = re.compile(r"[0-9a-f]{16}")
#: A picture of one colour has no frequencies but the constant one; all ones is a common stand-in for "none".
_FLAT = frozenset({"0" * 16, "8" + "0" * 15, "f" * 16})


def perceptual_hash(image: Image.Image) -> str:
    """The DCT hash of ImageHash (32 × 32 grey, 8 × 8 low frequencies above their median) as 16 hex digits."""
    import imagehash  # brings scipy: only where a hash is asked for

    return str(imagehash.phash(image))


def is_hash(text: str) -> bool:
    """Whether `text` is 16 lower-case hex digits."""
    return _HEX.fullmatch(text) is not None


def is_flat(hash_: str) -> bool:
    """Whether the hash is that of a one-colour picture: equal hashes of this kind say nothing."""
    return hash_ in _FLAT


def to_uint64(hashes: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Hex digits -> numbers.

    Args:
        hashes: N strings, 16 hex digits or "".

    Returns:
        hashes as uint64 (N,), 0 where absent; present as bool (N,).
    """
    present = np.array([bool(h) for h in hashes], dtype=bool)
    return np.array([int(h or "0", 16) for h in hashes], dtype=np.uint64), present


def hamming(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The number of bits that differ, 0 to 64; `a` and `b` broadcast."""
    return np.bitwise_count(a ^ b)
