"""The two F1s of the field, which must never be compared with each other, and B-cubed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def row_f1(
    hits: NDArray[np.integer],
    kept: NDArray[np.integer] | NDArray[np.float64],
    n_relevant: NDArray[np.integer],
) -> NDArray[np.float64]:
    """F1 of each query with the query itself in both sets, as the Shopee competition scores it.

    Each float64 (Q,) value is 2 (hits + 1) / ((kept + 1) + (n_relevant + 1)), in (0, 1].

    Args:
        hits: true matches kept; kept: matches kept; n_relevant: true matches in the gallery (all without self).
    """
    return 2.0 * (hits + 1) / (kept + n_relevant + 2)


def row_precision(hits: NDArray[np.integer], kept: NDArray[np.integer]) -> NDArray[np.float64]:
    """(hits + 1) / (kept + 1) of each query, the query itself in both sets."""
    return (hits + 1) / (kept + 1)


def row_recall(hits: NDArray[np.integer], n_relevant: NDArray[np.integer]) -> NDArray[np.float64]:
    """(hits + 1) / (n_relevant + 1) of each query, the query itself in both sets."""
    return (hits + 1) / (n_relevant + 1)


def micro_f1(hits: NDArray[np.integer], kept: NDArray[np.integer], n_relevant: NDArray[np.integer]) -> float:
    """2 TP / (2 TP + FP + FN) over the pooled pairs, self left out, of the queries that have a true match.

    The figure that the seed reported for its trained models; 0 where no query has a true match.
    """
    has = n_relevant > 0
    total = kept[has].sum() + n_relevant[has].sum()
    return float(2 * hits[has].sum() / total) if total else 0.0


def b_cubed(
    hits: NDArray[np.integer], kept: NDArray[np.integer], n_relevant: NDArray[np.integer]
) -> dict[str, float]:
    """B-cubed precision, recall and their harmonic mean, each query's match list standing for its cluster.

    Bagga and Baldwin (1998): an item's precision is the share of its cluster that is its product, its recall
    the share of its product that is in its cluster, the item included; both are averaged over items.
    """
    precision, recall = row_precision(hits, kept).mean(), row_recall(hits, n_relevant).mean()
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(2 * precision * recall / (precision + recall)),
    }
