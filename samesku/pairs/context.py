"""A pair's similarity beside what else stands in its two listings' candidate lists."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from samesku.pairs.candidates import Candidates

PAIRS = 32_768  # in one block

Sides = tuple[NDArray[np.float32], NDArray[np.float32]]


def ranks(candidates: Candidates, similarity: NDArray[np.float32]) -> Sides:
    """The place of the right in the left's list by this similarity, 1 the best, and the other way round.

    Args:
        similarity: float32 (P,); NaN comes last.

    Returns:
        Two float32 (P,); the rank of the last of equals, so that the order of listings decides nothing.
    """
    owner, pair = candidates.sides
    value = np.nan_to_num(similarity, nan=-np.inf)[pair]
    order = np.lexsort((-value, owner))
    owner, pair, value = owner[order], pair[order], value[order]
    first = np.searchsorted(owner, owner)
    last = np.append((owner[1:] != owner[:-1]) | (value[1:] != value[:-1]), True)
    end = np.flatnonzero(last)
    rank = end[np.searchsorted(end, np.arange(len(owner)))] - first + 1
    return _by_side(candidates, owner, pair, rank)


def statistics(candidates: Candidates, similarity: NDArray[np.float32]) -> NDArray[np.float32]:
    """The best, mean and standard deviation of each listing's list; float32 (G, 3), 0 where it has none.

    Args:
        similarity: float32 (P,); NaN is left out.
    """
    size = len(candidates.rows)
    known = ~np.isnan(similarity)
    owner = np.concatenate([candidates.left[known], candidates.right[known]])
    value = np.concatenate([similarity[known]] * 2).astype(np.float64)
    count = np.maximum(np.bincount(owner, minlength=size), 1)
    mean = np.bincount(owner, value, size) / count
    variance = np.bincount(owner, (value - mean[owner]) ** 2, size) / count
    top = np.full(size, -np.inf)
    np.maximum.at(top, owner, value)
    return np.stack([np.where(np.isfinite(top), top, 0), mean, np.sqrt(variance)], axis=1).astype(np.float32)


def total(candidates: Candidates, value: NDArray[np.floating]) -> NDArray[np.float32]:
    """Σ of a pair's value over each listing's list; float32 (G,)."""
    owner = np.concatenate([candidates.left, candidates.right])
    return np.bincount(owner, np.concatenate([value, value]), len(candidates.rows)).astype(np.float32)


def best_other(candidates: Candidates, value: NDArray[np.float32]) -> Sides:
    """The best value in either side's list but for the pair itself; float32 (P,), 0 if none."""
    owner, pair = candidates.sides
    order = np.lexsort((-value[pair], owner))
    owner, pair = owner[order], pair[order]
    first = np.searchsorted(owner, owner)
    own = np.arange(len(owner))
    rival = np.where(own == first, first + 1, first)
    inside = rival < len(owner)
    inside[inside] = owner[rival[inside]] == owner[inside]
    found = np.zeros(len(owner), dtype=np.float32)
    found[inside] = value[pair[rival[inside]]]
    return _by_side(candidates, owner, pair, found)


def shared_neighbours(candidates: Candidates, weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Σ over the third listings that both have in their lists of √(weight · weight); float32 (P,).

    Args:
        weight: float32 (P,), 0 or more: what each pair counts.
    """
    size = len(candidates.rows)
    both = np.concatenate([candidates.left, candidates.right])
    other = np.concatenate([candidates.right, candidates.left])
    lists = csr_array((np.sqrt(np.concatenate([weight, weight])), (both, other)), shape=(size, size))
    found = np.empty(len(candidates), dtype=np.float32)
    for start in range(0, len(candidates), PAIRS):
        left, right = candidates.left[start : start + PAIRS], candidates.right[start : start + PAIRS]
        found[start : start + PAIRS] = lists[left].multiply(lists[right]).sum(axis=1)
    return found


def _by_side(
    candidates: Candidates, owner: NDArray[np.int32], pair: NDArray[np.intp], value: NDArray
) -> Sides:
    """Values of both directions, from any order of them, as (left's, right's) by pair."""
    found = np.empty((2, len(candidates)), dtype=np.float32)
    found[(owner == candidates.right[pair]).astype(int), pair] = value
    return found[0], found[1]
