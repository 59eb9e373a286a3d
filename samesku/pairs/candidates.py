"""Candidate pairs: each unordered pair of listings of which one is among the other's neighbours, once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesku.search.neighbours import Neighbours
from samesku.search.scorer import DECIMALS


@dataclass(frozen=True)
class Candidates:
    """P unordered pairs within a gallery, ordered by (left, right).

    Attributes:
        rows: int32 (G,), the gallery as rows of the catalogue, ascending.
        left, right: int32 (P,), places in `rows`, left < right.
    """

    rows: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.left)

    @property
    def pairs(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The two sides as rows of the catalogue."""
        return self.rows[self.left], self.rows[self.right]

    @property
    def sides(self) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
        """Both directions of every pair: (2P,) whose list it stands in, and (2P,) the pair; by listing."""
        owner = np.concatenate([self.left, self.right])
        order = np.argsort(owner, kind="stable")
        return owner[order], order % max(1, len(self))

    def find(self, one: NDArray[np.integer], other: NDArray[np.integer]) -> NDArray[np.intp]:
        """The places of M pairs, given as rows of the catalogue in either order, that are among these."""
        a, b = np.searchsorted(self.rows, one), np.searchsorted(self.rows, other)
        size = max(1, len(self.rows))
        keys = self.left.astype(np.int64) * size + self.right
        return np.searchsorted(keys, np.minimum(a, b).astype(np.int64) * size + np.maximum(a, b))


def union(rows: NDArray[np.int32], found: list[Neighbours]) -> Candidates:
    """The pairs of every neighbour list, each once, whichever of its sides named the other.

    Args:
        rows: int32 (G,), ascending. found: neighbours of queries among `rows`, within `rows`.
    """
    keys = [np.empty(0, np.int64)]
    for neighbours in found:
        at, rank = np.nonzero(neighbours.valid)
        a = np.searchsorted(rows, neighbours.query[at])
        b = np.searchsorted(rows, neighbours.neighbour[at, rank])
        keys.append(np.minimum(a, b).astype(np.int64) * len(rows) + np.maximum(a, b))
    left, right = np.divmod(np.unique(np.concatenate(keys)), max(1, len(rows)))
    return Candidates(rows, left.astype(np.int32), right.astype(np.int32))


def as_neighbours(candidates: Candidates, score: NDArray[np.floating], k: int) -> Neighbours:
    """Each listing's k best candidates by a score of pairs, which is therefore the same from either side.

    Args:
        score: (P,), −1 to 1.
    """
    size, step = len(candidates.rows), 10**DECIMALS
    owner, pair = candidates.sides
    other = candidates.left[pair] + candidates.right[pair] - owner
    order = np.lexsort((other, -np.rint(score[pair] * step), owner))
    count = np.bincount(owner, minlength=size)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    order, owner, rank = order[rank < k], owner[rank < k], rank[rank < k]
    found = Neighbours(
        candidates.rows,
        np.full((size, min(k, int(count.max(initial=0)))), -1, dtype=np.int32),
        np.full((size, min(k, int(count.max(initial=0)))), -np.inf, dtype=np.float32),
    )
    found.neighbour[owner, rank] = candidates.rows[other[order]]
    found.score[owner, rank] = np.round(score[pair[order]], DECIMALS)
    return found
