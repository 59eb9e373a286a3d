"""Mean F1 for every threshold at once, and the threshold that is best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesku.evaluation.f1 import row_f1

DECIMALS = 6


@dataclass(frozen=True)
class Curve:
    """Mean row-wise F1, and pooled pair counts, when pairs of statistic ≥ threshold are kept.

    Attributes:
        threshold: float64 (T,), the distinct statistics, descending; first +inf: nothing but self is kept.
        f1: float64 (T,). hits, kept: int64 (T,), pooled over queries. n_relevant: pooled true matches.
    """

    threshold: NDArray[np.float64]
    f1: NDArray[np.float64]
    hits: NDArray[np.int64]
    kept: NDArray[np.int64]
    n_relevant: int

    def at(self, threshold: float) -> int:
        """The place of the curve that keeps what `threshold` keeps."""
        return int(np.searchsorted(-self.threshold, -threshold, side="right")) - 1


def f1_curve(
    statistic: NDArray[np.float64],
    relevant: NDArray[np.bool_],
    n_relevant: NDArray[np.integer],
    negative_weight: float = 1.0,
) -> Curve:
    """F1 at every threshold, exactly.

    Args:
        statistic: float64 (Q, k), never rising along a row; −inf where there is no neighbour.
        relevant: bool (Q, k); n_relevant: int (Q,).
        negative_weight: how many neighbours of other products one stands for: in a gallery of `negative_weight` times as
            many listings so many reach a threshold, in expectation. 1: F1 in this very gallery.

    A query keeps a prefix of its list, so its F1 steps from one prefix to the next; the steps of all queries
    in descending order of statistic, summed up, are the mean F1 at every threshold.
    """
    kept = np.arange(statistic.shape[1] + 1)
    hits = np.concatenate([np.zeros((len(relevant), 1), int), np.cumsum(relevant, axis=1)], axis=1)
    steps = np.diff(row_f1(hits, hits + negative_weight * (kept - hits), n_relevant[:, None]), axis=1)
    at = statistic.ravel()
    order = np.flatnonzero(~np.isneginf(at))
    order = order[np.argsort(-at[order], kind="stable")]
    values = at[order]
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True)) if len(values) else np.array([], int)
    base = row_f1(np.zeros(len(n_relevant), int), np.zeros(len(n_relevant), int), n_relevant).sum()
    mean = (base + np.cumsum(steps.ravel()[order])[last]) / max(1, len(n_relevant))
    true = np.cumsum(relevant.ravel()[order])[last]
    if len(values) and np.isposinf(values[0]):  # kept at every threshold: the curve starts there
        return Curve(values[last], mean, true, last + 1, int(n_relevant.sum()))
    return Curve(
        np.concatenate([[np.inf], values[last]]),
        np.concatenate([[base / max(1, len(n_relevant))], mean]),
        np.concatenate([[0], true]),
        np.concatenate([[0], last + 1]),
        int(n_relevant.sum()),
    )


def best_threshold(curve: Curve) -> float:
    """The threshold of highest mean F1: halfway to the next statistic below, which unseen listings favour.

    The highest of equals; where keeping nothing is best, just above the largest statistic.
    """
    at = int(np.argmax(curve.f1))
    upper = curve.threshold[at]
    lower = curve.threshold[at + 1] if at + 1 < len(curve.threshold) else upper
    if not np.isfinite(upper):
        return float(np.round(lower + 10.0**-DECIMALS, DECIMALS)) if np.isfinite(lower) else 1.0
    middle = np.round((upper + lower) / 2, DECIMALS)
    return float(middle if lower < middle <= upper else upper)
