"""How well the neighbours are ranked, before any decision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def average_precision(relevant: NDArray[np.bool_], n_relevant: NDArray[np.integer]) -> NDArray[np.float64]:
    """AP@k: Σ over the ranks of true matches of precision at that rank, over min(n_relevant, k).

    Args:
        relevant: bool (Q, k), in rank order; n_relevant: int (Q,).

    Returns:
        float64 (Q,), 0 to 1; NaN where there is nothing to find.
    """
    ranks = np.arange(1, relevant.shape[1] + 1)
    gained = (np.cumsum(relevant, axis=1) / ranks * relevant).sum(axis=1)
    return _over(gained, np.minimum(n_relevant, relevant.shape[1]))


def recall_at_k(relevant: NDArray[np.bool_], n_relevant: NDArray[np.integer]) -> NDArray[np.float64]:
    """True matches among the k neighbours over those there are to find; NaN where there are none."""
    return _over(relevant.sum(axis=1).astype(np.float64), n_relevant)


def _over(gained: NDArray[np.float64], most: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.divide(gained, most, out=np.full(len(gained), np.nan), where=most > 0)
