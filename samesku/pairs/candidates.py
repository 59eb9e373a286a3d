"""Candidate pairs: two listings of which one is among the neighbours of the other.

At a million listings these are some fifty million pairs. So nothing here holds more than one block of them but arrays
of `new_array`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import DTypeLike, NDArray

from samesku.arrays import Bools, Floats, Int32, Int64, Ints
from samesku.scratch import new_array, slices
from samesku.search.fusion import DECIMALS
from samesku.search.neighbours import Neighbours, no_neighbours

ENTRIES = 2**19  # of lists, in one block


@dataclass(frozen=True)
class Lists:
    """The lists of L listings, one after the other: E entries, by (listing, candidate).

    Attributes:
        start: int64 (L + 1,), where each list begins, with the end.
        listing: int64 (E,), the place of the entry's listing among the L. candidate: int32 (E,), a position in the
            gallery. pair: int64 (E,), the index of the pair. is_right: bool (E,), the listing is the pair's right one.
    """

    start: Int64
    listing: Int64
    candidate: Int32
    pair: Int64
    is_right: Bools


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

    def select(self, pair: Ints | slice) -> Candidates:
        """Some of the pairs, by their indices, in ascending order."""
        return Candidates(self.rows, self.left[pair], self.right[pair])

    @cached_property
    def _of_left(self) -> Int64:
        """int64 (G + 1,): the first pair of each left listing, with the end."""
        return np.searchsorted(self.left, np.arange(len(self.rows) + 1, dtype=np.int32))

    @cached_property
    def _of_right(self) -> tuple[Int64, Int32]:
        """The pairs by their right listing, and where those of each listing begin, as of `group_by_listing`."""

        def blocks() -> Iterator[tuple[Int32, Int64]]:
            for block in slices(len(self), ENTRIES):
                yield self.right[block], np.arange(block.start, block.stop)

        return group_by_listing(blocks, len(self.rows), np.int32)

    def lists_of(self, listings: Ints) -> Lists:
        """The lists of some listings, int (L,), positions in the gallery."""
        of_left, (of_right, by_right) = self._of_left, self._of_right
        counts = np.stack([np.diff(of_right)[listings], np.diff(of_left)[listings]], axis=1)
        # Candidates before the listing come first: there it is the right one.
        begin = np.append(0, np.cumsum(counts)).astype(np.int64)
        is_right = np.repeat(np.tile([True, False], len(counts)), counts.ravel())
        first = np.stack([of_right[listings], of_left[listings]], axis=1).ravel()
        place = np.arange(begin[-1]) + np.repeat(first - begin[:-1], counts.ravel())
        pair = place.copy()
        pair[is_right] = by_right[place[is_right]]
        candidate = np.where(is_right, self.left[pair], self.right[pair])
        listing = np.repeat(np.arange(len(counts)), counts.sum(axis=1))
        return Lists(begin[::2], listing, candidate, pair, is_right)

    def list_blocks(self) -> Iterator[tuple[int, Lists]]:
        """The lists of all listings, as blocks of about ENTRIES: the first listing of each, and the lists."""
        for first, end in _runs(self._of_left + self._of_right[0]):
            yield first, self.lists_of(np.arange(first, end))

    @property
    def longest_list(self) -> int:
        """The pairs in the longest list."""
        return int(np.diff(self._of_left + self._of_right[0]).max(initial=0))

    def index(self, left: Ints, right: Ints) -> Int64:
        """The indices of M pairs that are among these, given as rows of the catalogue in either order."""
        low, high = _in_order(self.rows, left, right)
        first, end = self._of_left[low], self._of_left[low + 1]
        while (open_ := first < end).any():
            middle = (first + end) // 2
            before = open_ & (self.right[np.minimum(middle, len(self) - 1)] < high)
            first, end = np.where(before, middle + 1, first), np.where(open_ & ~before, middle, end)
        return first


def group_by_listing(
    blocks: Callable[[], Iterable[tuple[Ints, Ints]]], n_listings: int, dtype: DTypeLike
) -> tuple[Int64, NDArray]:
    """Values in the order of their listings, else in the given one: a counting sort that holds one block.

    Args:
        blocks: gives the listings, int (B,), and the values, int (B,), block after block, each time it is called.

    Returns:
        int64 (n_listings + 1,), where the values of each listing begin, with the end; the values, of `dtype`.
    """
    count = np.zeros(n_listings + 1, np.int64)
    for listing, _ in blocks():
        count[1:] += np.bincount(listing, minlength=n_listings)
    start = np.cumsum(count)
    free, values = start[:-1].copy(), new_array(int(start[-1]), dtype)
    for listing, value in blocks():
        order = np.argsort(listing, kind="stable")
        listing = listing[order]
        first = np.flatnonzero(np.diff(listing, prepend=-1))
        length = np.diff(first, append=len(listing))
        values[free[listing] + np.arange(len(listing)) - np.repeat(first, length)] = value[order]
        free[listing[first]] += length
    return start, values


def unite_candidates(rows: Int32, searches: Iterable[Neighbours]) -> Candidates:
    """The pairs of several searches in one gallery, each pair once.

    Args:
        rows: int32 (G,), the gallery, ascending. searches: neighbours of its listings within it.
    """
    searches = list(searches)

    def blocks() -> Iterator[tuple[Int64, Int64]]:
        for neighbours in searches:
            for block in slices(len(neighbours.query), max(1, ENTRIES // max(1, neighbours.k))):
                position, rank = np.nonzero(neighbours.neighbour[block] >= 0)
                nearest = neighbours.neighbour[block][position, rank]
                yield _in_order(rows, neighbours.query[block][position], nearest)

    start, partner = group_by_listing(blocks, len(rows), np.int32)
    left, right = (new_array(len(partner), np.int32) for _ in range(2))
    n_pairs = 0
    for first, end in _runs(start):
        listing = np.repeat(np.arange(first, end), np.diff(start[first : end + 1]))
        keys = np.unique(listing * len(rows) + partner[start[first] : start[end]])
        block = slice(n_pairs, n_pairs + len(keys))
        left[block], right[block] = np.divmod(keys, len(rows))
        n_pairs = block.stop
    return Candidates(rows, left[:n_pairs], right[:n_pairs])


def best_candidates(candidates: Candidates, score: Floats, k: int) -> Neighbours:
    """The k best candidates of each listing.

    Args:
        score: (P,), −1 to 1: the score of a pair in both of its lists.
    """
    best = no_neighbours(candidates.rows, min(k, candidates.longest_list))
    for first, lists in candidates.list_blocks():
        of_entry = score[lists.pair]
        order = np.lexsort((lists.candidate, -np.rint(of_entry * 10**DECIMALS), lists.listing))
        rank = np.arange(len(order)) - lists.start[lists.listing]
        order, listing, rank = order[rank < k], first + lists.listing[rank < k], rank[rank < k]
        best.neighbour[listing, rank] = candidates.rows[lists.candidate[order]]
        best.score[listing, rank] = np.round(of_entry[order], DECIMALS)
    return best


def _runs(start: Int64) -> Iterator[tuple[int, int]]:
    """Runs of listings that have about ENTRIES values together; start: as of `group_by_listing`."""
    ends = np.searchsorted(start, np.arange(ENTRIES, int(start[-1]) + ENTRIES, ENTRIES), side="right") - 1
    ends = np.unique(np.append(ends, len(start) - 1))
    return pairwise(np.unique(np.append(0, ends)).tolist())


def _in_order(rows: Int32, left: Ints, right: Ints) -> tuple[Int64, Int64]:
    """Pairs of catalogue rows as positions in `rows`, int64 (M,) twice: the lower one, the higher one."""
    a, b = np.searchsorted(rows, left), np.searchsorted(rows, right)
    return np.minimum(a, b), np.maximum(a, b)
