"""What the other pairs of a pair's two listings say of it, once each pair has a first probability."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from samesku.pairs import context
from samesku.pairs.candidates import Candidates
from samesku.pairs.features import Features

LEAST = 0.01  # a less probable pair supports no other
PAIRS = 32_768  # in one block


def describe(candidates: Candidates, margin: NDArray[np.float64]) -> Features:
    """Features of each pair from the log-odds of all; each is the same from either side.

    Args:
        margin: float64 (P,), log-odds that the two are one product.
    """
    left, right = candidates.left, candidates.right
    probability = (1.0 / (1.0 + np.exp(-margin))).astype(np.float32)
    found = Features(len(candidates))
    found.add("pair", "pair", margin)
    found.add_sides("support", "pair_rank", context.ranks(candidates, probability))
    total = context.total(candidates, probability)
    others = total[left] - probability, total[right] - probability
    found.add_sides("support", "others", others)
    found.add_sides("support", "best_other", context.best_other(candidates, probability))
    through, strongest = _through(candidates, probability)
    found.add("support", "through", through)
    found.add("support", "through_share", through / (others[0] + others[1] + np.float32(1e-3)))
    found.add("support", "through_strongest", strongest)
    return found


def _through(
    candidates: Candidates, probability: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Σ and max over third listings of p(left, third) · p(third, right); float32 (P,) each."""
    size = len(candidates.rows)
    some = probability >= LEAST
    a, b = candidates.left[some], candidates.right[some]
    graph = csr_array(
        (np.concatenate([probability[some]] * 2), (np.concatenate([a, b]), np.concatenate([b, a]))),
        shape=(size, size),
    )
    summed, strongest = np.zeros((2, len(candidates)), dtype=np.float32)
    for start in range(0, len(candidates), PAIRS):
        at = slice(start, start + PAIRS)
        both = graph[candidates.left[at]].multiply(graph[candidates.right[at]])
        summed[at], strongest[at] = both.sum(axis=1), both.max(axis=1).toarray()
    return summed, strongest
