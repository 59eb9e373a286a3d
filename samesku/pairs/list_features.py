"""Features of a pair from the lists of its two listings: ranks, statistics of lists, shared neighbours.

A listing's list holds its candidate pairs, see `Candidates`. Everything is computed for a block of listings or of
pairs at a time.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array

from samesku.arrays import Float32, Floats, Int64, Ints
from samesku.pairs.candidates import Candidates, Lists
from samesku.scratch import new_array, slices

PAIRS = 32_768  # in one block


def ranks_in_lists(candidates: Candidates, value: Float32) -> Float32:
    """The rank of each pair in the list of its left listing and of its right one, 1 for the highest value.

    Args:
        value: float32 (P,); NaN ranks last.

    Returns:
        float32 (2, P). Equal values share the last of their ranks: the order of listings does not matter.
    """
    ranks = new_array((2, len(candidates)), np.float32)
    for _, lists in candidates.list_blocks():
        of_entry = np.nan_to_num(value[lists.pair], nan=-np.inf)
        order = np.lexsort((-of_entry, lists.listing))
        listing, of_entry = lists.listing[order], of_entry[order]
        last_of_equals = np.append((listing[1:] != listing[:-1]) | (of_entry[1:] != of_entry[:-1]), True)
        ends = np.flatnonzero(last_of_equals)
        rank = ends[np.searchsorted(ends, np.arange(len(listing)))] - lists.start[listing] + 1
        ranks[lists.is_right[order].astype(int), lists.pair[order]] = rank
    return ranks


def list_statistics(candidates: Candidates, value: Float32) -> Float32:
    """The maximum, mean and standard deviation of each list: float32 (G, 3), 0 where a list is empty.

    Args:
        value: float32 (P,); NaN is left out.
    """
    statistics = np.zeros((len(candidates.rows), 3), np.float32)
    for first, lists in candidates.list_blocks():
        size = len(lists.start) - 1
        order = _left_first(lists)
        values = value[lists.pair[order]].astype(np.float64)
        valid = ~np.isnan(values)
        listing, values = lists.listing[order][valid], values[valid]
        count = np.maximum(np.bincount(listing, minlength=size), 1)
        mean = np.bincount(listing, values, size) / count
        variance = np.bincount(listing, (values - mean[listing]) ** 2, size) / count
        highest = np.full(size, -np.inf)
        np.maximum.at(highest, listing, values)
        highest = np.where(np.isfinite(highest), highest, 0)
        statistics[first : first + size] = np.stack([highest, mean, np.sqrt(variance)], axis=1)
    return statistics


def list_sums(candidates: Candidates, value: Floats) -> Float32:
    """The sum of each list: float32 (G,)."""
    sums = np.zeros(len(candidates.rows), np.float32)
    for first, lists in candidates.list_blocks():
        order, size = _left_first(lists), len(lists.start) - 1
        sums[first : first + size] = np.bincount(lists.listing[order], value[lists.pair[order]], size)
    return sums


def best_rivals(candidates: Candidates, value: Float32) -> Float32:
    """The highest value in the left's list and the right's but the pair's: float32 (2, P), 0 for none."""
    rivals = new_array((2, len(candidates)), np.float32)
    for _, lists in candidates.list_blocks():
        order = np.lexsort((-value[lists.pair], lists.listing))
        listing, pair = lists.listing[order], lists.pair[order]
        first = lists.start[listing]
        rival = np.where(np.arange(len(listing)) == first, first + 1, first)
        exists = rival < lists.start[listing + 1]
        best = np.zeros(len(listing), dtype=np.float32)
        best[exists] = value[pair[rival[exists]]]
        rivals[lists.is_right[order].astype(int), pair] = best
    return rivals


def shared_neighbours(candidates: Candidates, score: Float32) -> Float32:
    """Σ √(s(left, third) · s(third, right)) over the third listings in both lists: float32 (P,).

    Args:
        score: float32 (P,), s of each pair; one below 0, or NaN, counts as 0.
    """

    def root(pair: Ints) -> Float32:
        return np.sqrt(np.nan_to_num(np.maximum(score[pair], 0)))

    shared = new_array(len(candidates), np.float32)
    for block in slices(len(candidates), PAIRS):
        shared[block] = _paths(candidates, block, root).sum(axis=1)
    return shared


def two_step_paths(
    candidates: Candidates, probability: Float32, min_probability: float
) -> tuple[Float32, Float32]:
    """Σ and max of p(left, third) · p(third, right) over third listings: two float32 (P,).

    Args:
        probability: float32 (P,), p of each pair. min_probability: pairs below it are left out.
    """
    total, strongest = (new_array(len(candidates), np.float32) for _ in range(2))
    for block in slices(len(candidates), PAIRS):
        paths = _paths(candidates, block, probability.__getitem__, min_probability)
        total[block], strongest[block] = paths.sum(axis=1), paths.max(axis=1).toarray()
    return total, strongest


def _paths(
    candidates: Candidates, block: slice, value: Callable[..., Float32], least: float = -np.inf
) -> csr_array:
    """value(left, third) · value(third, right) of each pair of a block and each third listing: sparse (B, G).

    Args:
        value: of pairs, by their indices. least: pairs of a lower value are left out.
    """
    few = candidates.select(block)
    listings, place = np.unique(np.concatenate([few.left, few.right]), return_inverse=True)
    lists = candidates.lists_of(listings)
    values, candidate, start = value(lists.pair), lists.candidate, lists.start
    if np.isfinite(least):
        enough = values >= least
        start = np.append(0, np.cumsum(enough))[start]
        values, candidate = values[enough], candidate[enough]
    matrix = csr_array((values, candidate, start), shape=(len(listings), len(candidates.rows)))
    return matrix[place[: len(few)]].multiply(matrix[place[len(few) :]])


def _left_first(lists: Lists) -> Int64:
    """The entries of pairs whose left listing has the list, then the others: one fixed order of every sum."""
    return np.argsort(lists.is_right, kind="stable")
