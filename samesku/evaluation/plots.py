"""Rows of the plots: curves thinned to what a screen shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from samesku.evaluation.threshold_sweep import Curve, f1_curve

POINTS = 200
BINS = 60

_Scored = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.integer]]


def threshold_rows(splits: Mapping[str, _Scored]) -> list[dict[str, float]]:
    """Rows {threshold, <split>_f1…}: the exact mean F1 of each split on one grid of thresholds.

    Args:
        splits: name -> (statistic (Q, k), relevant (Q, k), n_relevant (Q,)).
    """
    curves = {name: f1_curve(*scored) for name, scored in splits.items() if len(scored[0])}
    cuts = [curve.threshold[np.isfinite(curve.threshold)] for curve in curves.values()]
    every = np.concatenate(cuts) if cuts else np.array([])
    if not len(every):
        return []
    return [
        {
            "threshold": threshold,
            **{f"{name}_f1": curve.f1[curve.at(threshold)] for name, curve in curves.items()},
        }
        for threshold in np.linspace(every.min(), every.max(), POINTS)
    ]


def score_rows(statistic: NDArray[np.float64], relevant: NDArray[np.bool_]) -> list[dict[str, float | int]]:
    """Rows {low, high, true_pairs, false_pairs}: how what is held against the threshold lies.

    Args:
        statistic, relevant: (Q, k); places that are not finite hold no neighbour, or one kept at any threshold.
    """
    some = np.isfinite(statistic)
    if not some.any():
        return []
    edges = np.linspace(statistic[some].min(), statistic[some].max(), BINS + 1)
    true, false = (np.histogram(statistic[some & of], edges)[0] for of in (relevant, ~relevant))
    return [
        {"low": low, "high": high, "true_pairs": int(t), "false_pairs": int(f)}
        for low, high, t, f in zip(edges[:-1], edges[1:], true, false, strict=True)
    ]


def precision_recall_rows(curve: Curve) -> list[dict[str, float]]:
    """Rows {recall, precision, threshold} over pooled pairs, self left out, highest threshold first."""
    some = np.flatnonzero((curve.kept > 0) & np.isfinite(curve.threshold))
    if not len(some) or not curve.n_relevant:
        return []
    # Evenly along recall: most pairs lie past the end that people look at.
    grid = np.linspace(0, curve.hits[some[-1]], POINTS)
    some = some[np.unique(np.searchsorted(curve.hits[some], grid).clip(max=len(some) - 1))]
    recall, precision = curve.hits[some] / curve.n_relevant, curve.hits[some] / curve.kept[some]
    return [
        {"recall": r, "precision": p, "threshold": t}
        for r, p, t in zip(recall, precision, curve.threshold[some], strict=True)
    ]
