"""Features of a pair from the lists of its two listings: ranks, statistics of lists, shared neighbours.

A listing's list holds its candidate pairs, see `Candidates`.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from samesku.arrays import Bools, Float32, Floats, Int32, Int64
from samesku.pairs.candidates import Candidates

PAIRS = 32_768  # in one block

LeftRight = tuple[Float32, Float32]


def ranks_in_lists(candidates: Candidates, value: Float32) -> LeftRight:
    """The rank of each pair in the list of its left listing and of its right one, 1 for the highest value.

    Args:
        value: float32 (P,); NaN ranks last.

    Returns:
        Two float32 (P,). Equal values share the last of their ranks: the order of listings does not matter.
    """
    listing, _, pair = candidates.lists
    value = np.nan_to_num(value, nan=-np.inf)[pair]
    order = np.lexsort((-value, listing))
    listing, pair, value = listing[order], pair[order], value[order]
    first = np.searchsorted(listing, listing)
    last_of_equals = np.append((listing[1:] != listing[:-1]) | (value[1:] != value[:-1]), True)
    ends = np.flatnonzero(last_of_equals)
    rank = ends[np.searchsorted(ends, np.arange(len(listing)))] - first + 1
    return _left_right(candidates, listing, pair, rank)


def list_statistics(candidates: Candidates, value: Float32) -> Float32:
    """The maximum, mean and standard deviation of each list: float32 (G, 3), 0 where a list is empty.

    Args:
        value: float32 (P,); NaN is left out.
    """
    size = len(candidates.rows)
    valid = ~np.isnan(value)
    listing = np.concatenate([candidates.left[valid], candidates.right[valid]])
    values = np.concatenate([value[valid]] * 2).astype(np.float64)
    count = np.maximum(np.bincount(listing, minlength=size), 1)
    mean = np.bincount(listing, values, size) / count
    variance = np.bincount(listing, (values - mean[listing]) ** 2, size) / count
    highest = np.full(size, -np.inf)
    np.maximum.at(highest, listing, values)
    highest = np.where(np.isfinite(highest), highest, 0)
    return np.stack([highest, mean, np.sqrt(variance)], axis=1).astype(np.float32)


def list_sums(candidates: Candidates, value: Floats) -> Float32:
    """The sum of each list: float32 (G,)."""
    listing = np.concatenate([candidates.left, candidates.right])
    return np.bincount(listing, np.concatenate([value, value]), len(candidates.rows)).astype(np.float32)


def best_rivals(candidates: Candidates, value: Float32) -> LeftRight:
    """The highest value in the left's list and the right's but the pair's: two float32 (P,), 0 for none."""
    listing, _, pair = candidates.lists
    order = np.lexsort((-value[pair], listing))
    listing, pair = listing[order], pair[order]
    first = np.searchsorted(listing, listing)
    rival = np.where(np.arange(len(listing)) == first, first + 1, first)
    exists = rival < len(listing)
    exists[exists] = listing[rival[exists]] == listing[exists]
    best = np.zeros(len(listing), dtype=np.float32)
    best[exists] = value[pair[rival[exists]]]
    return _left_right(candidates, listing, pair, best)


def shared_neighbours(candidates: Candidates, weight: Float32) -> Float32:
    """Σ √(w(left, third) · w(third, right)) over the third listings in both lists: float32 (P,).

    Args:
        weight: float32 (P,), w of each pair, 0 or more.
    """
    lists = _symmetric_matrix(candidates, np.sqrt(weight))
    shared = np.empty(len(candidates), dtype=np.float32)
    for start in range(0, len(candidates), PAIRS):
        block = slice(start, start + PAIRS)
        shared[block] = lists[candidates.left[block]].multiply(lists[candidates.right[block]]).sum(axis=1)
    return shared


def two_step_paths(
    candidates: Candidates, probability: Float32, min_probability: float
) -> tuple[Float32, Float32]:
    """Σ and max of p(left, third) · p(third, right) over third listings: two float32 (P,).

    Args:
        probability: float32 (P,), p of each pair. min_probability: pairs below it are left out.
    """
    graph = _symmetric_matrix(candidates, probability, probability >= min_probability)
    total, strongest = np.zeros((2, len(candidates)), dtype=np.float32)
    for start in range(0, len(candidates), PAIRS):
        block = slice(start, start + PAIRS)
        paths = graph[candidates.left[block]].multiply(graph[candidates.right[block]])
        total[block], strongest[block] = paths.sum(axis=1), paths.max(axis=1).toarray()
    return total, strongest


def _symmetric_matrix(candidates: Candidates, value: Float32, mask: Bools | slice = slice(None)) -> csr_array:
    """The values of the pairs in `mask`, from either side, as a sparse (G, G) matrix."""
    left, right, size = candidates.left[mask], candidates.right[mask], len(candidates.rows)
    both = np.concatenate([left, right]), np.concatenate([right, left])
    return csr_array((np.concatenate([value[mask]] * 2), both), shape=(size, size))


def _left_right(candidates: Candidates, listing: Int32, pair: Int64, value: NDArray) -> LeftRight:
    """Values of the entries of all lists, in any order, as (left's, right's) values of each pair."""
    sides = np.empty((2, len(candidates)), dtype=np.float32)
    sides[(listing == candidates.right[pair]).astype(int), pair] = value
    return sides[0], sides[1]
