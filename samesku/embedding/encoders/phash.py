"""The perceptual hash as a channel: its 64 bits as signs, or the products of three of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from samesku.embedding.encoder import Encoder, Rows, Spec, scramble

BITS = 64
TRIPLES = 41_664  # of 64 bits


@dataclass(kw_only=True)
class PhashEncoder(Encoder):
    """Gives each hash a row of ±1/√dim.

    Two unrelated hashes differ in about 32 bits, give or take 4. By their 64 bits as signs (`dim` 64, spec.dim
    None) the inner product is 1 − 2h/64 exactly where h bits differ, for unrelated ones 0 ± 0.125: noise in a
    mean with other channels. The product of three bits agrees with expectation
    Σ_j (−1)^j C(h, j) C(64 − h, 3 − j) / C(64, 3), about (1 − 2h/64)³ (a Krawtchouk polynomial): rows of
    similar pictures stay similar, and those of unrelated ones are near 0. spec.dim triples stand for all
    41,664, with an error of the inner product of about 1/√dim.
    """

    @cached_property
    def triples(self) -> NDArray[np.int64] | None:
        return None if self.spec.dim is None else choose_triples(self.spec.dim)

    def encode(self, column: Sequence[str]) -> Rows:
        """Hashes of 16 hex digits -> (B, dim) float32; zero for "". Bits: + where set, most significant first."""
        hashes = np.array([int(digits or "0", 16) for digits in column], np.uint64)
        octets = hashes.astype(">u8").view(np.uint8).reshape(-1, 8)
        rows = np.unpackbits(octets, axis=1).astype(np.float32) * 2 - 1
        if self.triples is not None:
            first, second, third = self.triples.T
            rows = rows[:, first] * rows[:, second] * rows[:, third]
        scale = np.float32(1 / np.sqrt(self.dim))
        present = np.array([bool(digits) for digits in column], np.float32)
        return rows * (scale * present)[:, None]


def load(spec: Spec) -> PhashEncoder:
    return PhashEncoder(spec=spec, dim=spec.dim or BITS)


def choose_triples(dim: int) -> NDArray[np.int64]:
    """(dim, 3): the first `dim` triples of bits in a fixed shuffled order, each once; dim 8 to 41,664."""
    order = np.argsort(scramble(np.arange(TRIPLES, dtype=np.uint64)), kind="stable")
    return np.array(list(combinations(range(BITS), 3)), dtype=np.int64)[order[:dim]]
