"""The perceptual hash as a channel: its 64 bits as signs, or the products of three of them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from samesku.embedding.hashing import scramble

BITS = 64
TRIPLES = 41_664  # of 64 bits
BLOCK = 4096  # listings at a time


def encode(
    hashes: NDArray[np.uint64], present: NDArray[np.bool_], dim: int | None = None
) -> NDArray[np.float32]:
    """Spread each hash into a unit row.

    Two unrelated hashes differ in about 32 bits, give or take 4: as signs they are alike by 0 ± 0.125, which
    a mean with other channels carries as noise. The product of three bits agrees with expectation
    Σ_j (−1)^j C(h, j) C(64 − h, 3 − j) / C(64, 3), about (1 − 2h/64)³ for h bits that differ (a Krawtchouk
    polynomial): near pictures stay near, and the rest lies at 0.

    Args:
        hashes: (N,) uint64.
        present: (N,) bool; a listing without a hash has a zero row.
        dim: None for the 64 bits themselves, whose inner product is 1 − 2h/64 exactly; else how many triples
            of bits stand for all 41,664 (the inner product then strays by about 1/√dim), 8 to 41,664.

    Returns:
        (N, 64 or dim) float32 of ±1/√columns; bits, + where set, most significant first.
    """
    chosen = None if dim is None else triples(dim).T
    out = np.empty((len(hashes), dim or BITS), np.float32)
    for start in range(0, len(hashes), BLOCK):
        at = slice(start, start + BLOCK)
        octets = hashes[at].astype(">u8").view(np.uint8).reshape(-1, 8)
        signs = np.unpackbits(octets, axis=1).astype(np.float32) * 2 - 1
        rows = signs if chosen is None else signs[:, chosen[0]] * signs[:, chosen[1]] * signs[:, chosen[2]]
        scale = np.float32(1 / np.sqrt(out.shape[1]))
        out[at] = rows * (scale * present[at].astype(np.float32))[:, None]
    return out


def triples(dim: int) -> NDArray[np.int64]:
    """(dim, 3): the first `dim` triples of bits in a fixed shuffled order, each once."""
    order = np.argsort(scramble(np.arange(TRIPLES, dtype=np.uint64)), kind="stable")
    return np.array(list(combinations(range(BITS), 3)), dtype=np.int64)[order[:dim]]
