"""Rows of the plots: curves thinned to what a screen shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stages.scoring.sweep import Curve, f1_curve

POINTS = 200

_Scored = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.integer]]


def threshold_rows(splits: Mapping[str, _Scored]) -> list[dict[str, float]]:
    """Rows {threshold, <split>_f1…}: the exact mean F1 of each split on one grid of thresholds.

    Args:
        splits: name -> (statistic (Q, k), relevant (Q, k), to_find (Q,)).
    """
    curves = {name: f1_curve(*scored) for name, scored in splits.items() if len(scored[0])}
    cuts = [curve.cut[np.isfinite(curve.cut)] for curve in curves.values()]
    every = np.concatenate(cuts) if cuts else np.array([])
    if not len(every):
        return []
    return [
        {"threshold": cut, **{f"{name}_f1": curve.f1[curve.at(cut)] for name, curve in curves.items()}}
        for cut in np.linspace(every.min(), every.max(), POINTS)
    ]


def precision_recall_rows(curve: Curve) -> list[dict[str, float]]:
    """Rows {recall, precision, threshold} over pooled pairs, self left out, highest threshold first."""
    some = np.flatnonzero((curve.kept > 0) & np.isfinite(curve.cut))
    if not len(some) or not curve.to_find:
        return []
    # Evenly along recall: most pairs lie past the end that people look at.
    grid = np.linspace(0, curve.hits[some[-1]], POINTS)
    some = some[np.unique(np.searchsorted(curve.hits[some], grid).clip(max=len(some) - 1))]
    recall, precision = curve.hits[some] / curve.to_find, curve.hits[some] / curve.kept[some]
    return [
        {"recall": r, "precision": p, "threshold": t}
        for r, p, t in zip(recall, precision, curve.cut[some], strict=True)
    ]
