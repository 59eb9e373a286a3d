"""Intervals by resampling connected components: listings of one component are not independent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000


def interval(
    values: NDArray[np.float64], component: NDArray[np.integer], *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95% percentile interval of the mean of `values`, resampling whole components with replacement.

    Args:
        values: float64 (Q,), one figure for each query, or the difference of two systems on it (paired).
        component: int (Q,), the connected component of each query.

    Efron's percentile bootstrap over clusters: a resample's mean is Σ sums / Σ sizes of the drawn components.
    """
    if len(values) == 0:
        return (0.0, 0.0)
    _, at = np.unique(component, return_inverse=True)
    sums, sizes = np.bincount(at, weights=values), np.bincount(at)
    means = np.empty(resamples)
    generator = np.random.default_rng(seed)
    for i in range(resamples):
        drawn = np.bincount(generator.integers(0, len(sizes), len(sizes)), minlength=len(sizes))
        means[i] = drawn @ sums / (drawn @ sizes)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
