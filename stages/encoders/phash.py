"""The perceptual hash as a channel: 64 bits as ±1/8, so that the inner product is 1 − 2 · hamming / 64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS = 64


def encode(hashes: NDArray[np.uint64], present: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Spread each hash into a unit row.

    Args:
        hashes: (N,) uint64.
        present: (N,) bool; a listing without a hash has a zero row.

    Returns:
        (N, 64) float32 of +1/8 (bit set) and −1/8, most significant bit first.
    """
    octets = hashes.astype(">u8").view(np.uint8).reshape(-1, 8)
    bits = np.unpackbits(octets, axis=1).astype(np.float32)
    return (bits * 2 - 1) / np.float32(8) * present[:, None].astype(np.float32)
