"""Which neighbours are matches: a rule is a statistic of each neighbour, kept where it is ≥ a cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samesku.search.neighbours import Neighbours
from samesku.search.scorer import DECIMALS


def static(neighbours: Neighbours) -> NDArray[np.float64]:
    """The score itself, float64 (Q, k), −inf where there is no neighbour; the cut is a threshold on it."""
    return neighbours.score.astype(np.float64).round(DECIMALS)


def dynamic(neighbours: Neighbours) -> NDArray[np.float64]:
    """How many standard deviations a score stands above the mean of its query's own neighbour scores.

    score ≥ mean + m · std is statistic ≥ m, with mean and std (ddof 0) over the k = min(index.k, gallery − 1)
    neighbours, self left out. float64 (Q, k); +inf where all scores of a query are equal (std 0: every one
    reaches the mean), −inf where there is no neighbour.
    """
    score, found = static(neighbours), neighbours.valid
    count = np.maximum(found.sum(axis=1, keepdims=True), 1)
    known = np.where(found, score, 0.0)
    mean = known.sum(axis=1, keepdims=True) / count
    std = np.sqrt((np.where(found, known - mean, 0.0) ** 2).sum(axis=1, keepdims=True) / count)
    flat = std < 10.0**-DECIMALS / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        deviations = np.where(flat, np.inf, (score - mean) / std)
    return np.where(found, np.round(deviations, DECIMALS), -np.inf)


def statistic(kind: str, neighbours: Neighbours) -> NDArray[np.float64]:
    """`static` or `dynamic`, by name."""
    return {"static": static, "dynamic": dynamic}[kind](neighbours)


def at_least_one(keep: NDArray[np.bool_], neighbours: Neighbours, floor: float) -> NDArray[np.bool_]:
    """`keep` (Q, k), and the best neighbour of each query that kept none, where its score is ≥ floor.

    A prior of data where every product has two listings; wrong where many have none.
    """
    kept = keep.copy()
    if neighbours.k:
        kept[:, 0] |= ~keep.any(axis=1) & neighbours.valid[:, 0] & (static(neighbours)[:, 0] >= floor)
    return kept
