"""The perceptual hash as a channel: its 64 bits as signs, or the products of three of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from samesku.arrays import Float32, Int64
from samesku.embedding.encoder import Encoder, Spec, scramble

BITS = 64
TRIPLES = 41_664  # of 64 bits


@dataclass(kw_only=True)
class PhashEncoder(Encoder):
    """Gives each hash a row of ±1/√dim.

    Without spec.dim the row is the 64 bits as signs. The inner product of two hashes that differ in h bits is
    then 1 − 2h/64. Unrelated hashes differ in about 32 ± 4 bits, so theirs is 0 ± 0.125: noise in a mean with
    further channels.

    With spec.dim the row is that many products of three bits. Over all 41,664 triples the inner product is
    Σ_j (−1)^j C(h, j) C(64 − h, 3 − j) / C(64, 3), a Krawtchouk polynomial, about (1 − 2h/64)³: it stays high
    for similar pictures and is nearly 0 for unrelated ones. Fewer triples have an error of about 1/√dim.
    """

    @cached_property
    def triples(self) -> Int64 | None:
        return None if self.spec.dim is None else choose_triples(self.spec.dim)

    def encode(self, column: Sequence[str]) -> Float32:
        """Hashes of 16 hex digits -> (B, dim) float32, zero for "". Set bits are +, the highest is first."""
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


def choose_triples(dim: int) -> Int64:
    """(dim, 3): the first `dim` triples of bits in a fixed shuffled order, each once; dim 8 to 41,664."""
    order = np.argsort(scramble(np.arange(TRIPLES, dtype=np.uint64)), kind="stable")
    return np.array(list(combinations(range(BITS), 3)), dtype=np.int64)[order[:dim]]
