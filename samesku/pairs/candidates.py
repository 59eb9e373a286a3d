"""Candidate pairs: two listings of which one is among the neighbours of the other."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from samesku.arrays import Floats, Int32, Int64, Ints
from samesku.search.fusion import DECIMALS
from samesku.search.neighbours import Neighbours, no_neighbours


@dataclass(frozen=True)
class Candidates:
    """P unordered pairs within a gallery of G listings, ordered by (left, right).

    A listing's list holds the pairs that it is in, so a pair stands in two lists.

    Attributes:
        rows: int32 (G,), the gallery as rows of the catalogue, ascending.
        left, right: int32 (P,), positions in `rows`, left < right.
    """

    rows: Int32
    left: Int32
    right: Int32

    def __len__(self) -> int:
        return len(self.left)

    @property
    def catalogue_rows(self) -> tuple[Int32, Int32]:
        """The left and the right listings as rows of the catalogue."""
        return self.rows[self.left], self.rows[self.right]

    @property
    def lists(self) -> tuple[Int32, Int32, Int64]:
        """All lists, one after the other: listing, candidate and the index of their pair, each (2P,)."""
        listing = np.concatenate([self.left, self.right])
        order = np.argsort(listing, kind="stable")
        candidate = np.concatenate([self.right, self.left])
        return listing[order], candidate[order], order % max(1, len(self))

    def index(self, left: Ints, right: Ints) -> Int64:
        """The indices of M pairs that are among these, given as rows of the catalogue in either order."""
        keys = self.left.astype(np.int64) * max(1, len(self.rows)) + self.right
        return np.searchsorted(keys, _pair_keys(self.rows, left, right))


def unite_candidates(rows: Int32, searches: Iterable[Neighbours]) -> Candidates:
    """The pairs of several searches in one gallery, each pair once.

    Args:
        rows: int32 (G,), the gallery, ascending. searches: neighbours of its listings within it.
    """
    keys = [np.empty(0, np.int64)]
    for neighbours in searches:
        position, rank = np.nonzero(neighbours.valid)
        keys.append(_pair_keys(rows, neighbours.query[position], neighbours.neighbour[position, rank]))
    left, right = np.divmod(np.unique(np.concatenate(keys)), max(1, len(rows)))
    return Candidates(rows, left.astype(np.int32), right.astype(np.int32))


def best_candidates(candidates: Candidates, score: Floats, k: int) -> Neighbours:
    """The k best candidates of each listing.

    Args:
        score: (P,), −1 to 1: the score of a pair in both of its lists.
    """
    listing, candidate, pair = candidates.lists
    order = np.lexsort((candidate, -np.rint(score[pair] * 10**DECIMALS), listing))
    size = len(candidates.rows)
    count = np.bincount(listing, minlength=size)
    rank = np.arange(len(listing)) - np.repeat(np.cumsum(count) - count, count)
    order, listing, rank = order[rank < k], listing[rank < k], rank[rank < k]
    best = no_neighbours(candidates.rows, min(k, int(count.max(initial=0))))
    best.neighbour[listing, rank] = candidates.rows[candidate[order]]
    best.score[listing, rank] = np.round(score[pair[order]], DECIMALS)
    return best


def _pair_keys(rows: Int32, left: Ints, right: Ints) -> Int64:
    """One number for each unordered pair of catalogue rows, int64 (M,): ascending by (left, right)."""
    a, b = np.searchsorted(rows, left), np.searchsorted(rows, right)
    return np.minimum(a, b).astype(np.int64) * max(1, len(rows)) + np.maximum(a, b)
