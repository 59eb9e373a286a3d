"""The rows of plots: F1 by threshold and by α, precision and recall, scores."""

from collections.abc import Callable, Mapping

import numpy as np

from samesku.arrays import Bools, Float64
from samesku.catalogue.listings import GALLERIES, Listings
from samesku.evaluation.decisions import Decisions, decide
from samesku.evaluation.figures import SPLITS
from samesku.evaluation.rules import Rules
from samesku.evaluation.thresholds import Curve
from samesku.params import Decision
from samesku.search.neighbours import Neighbours

POINTS = 200  # of a curve in a plot
BINS = 60  # of the histogram of scores
ALPHAS = [step / 20 for step in range(21)]


def plot_rows(decisions: Decisions) -> dict[str, list[dict[str, float]]]:
    """The rows of the plots by name: F1 against both kinds of threshold, precision–recall, scores of test."""
    splits = [split for split in SPLITS if (decisions.split == split).any()]
    rows = {}
    for kind, statistic in decisions.statistics.items():
        rows[f"threshold_{kind}"] = threshold_rows({s: decisions.curve(s, statistic) for s in splits})
    for split in SPLITS:
        rows[f"precision_recall_{split}"] = precision_recall_rows(decisions.curve(split))
    test = decisions.split == "test"
    return rows | {"scores": score_rows(decisions.statistic[test], decisions.relevant[test])}


def threshold_rows(curves: Mapping[str, Curve]) -> list[dict[str, float]]:
    """Rows {threshold, <split>_f1 …}: the exact mean F1 of each split at POINTS thresholds."""
    finite = [curve.threshold[np.isfinite(curve.threshold)] for curve in curves.values()]
    thresholds = np.concatenate([np.empty(0), *finite])
    if not len(thresholds):
        return []
    return [
        {"threshold": threshold}
        | {f"{split}_f1": curve.f1[curve.index(threshold)] for split, curve in curves.items()}
        for threshold in np.linspace(thresholds.min(), thresholds.max(), POINTS)
    ]


def alpha_rows(
    rank: Callable[[float], Neighbours], listings: Listings, decision: Decision, rules: Rules | None = None
) -> list[dict[str, float]]:
    """Rows {alpha, val_f1, test_f1}: the mean F1 of each split at ALPHAS, in the split gallery.

    Args:
        rank: the neighbours in that gallery at an α.
    """
    rows = []
    for alpha in ALPHAS:
        decisions = decide(rank(alpha), listings, decision, "split", rules)
        f1 = {f"{split}_f1": decisions.f1[decisions.split == split] for split in GALLERIES["split"]}
        rows.append({"alpha": alpha} | {name: values.mean() for name, values in f1.items() if len(values)})
    return rows


def precision_recall_rows(curve: Curve) -> list[dict[str, float]]:
    """Rows {recall, precision, threshold} over pooled pairs without self, highest threshold first."""
    points = np.flatnonzero((curve.n_predicted > 0) & np.isfinite(curve.threshold))
    if not len(points) or not curve.n_relevant:
        return []
    # Evenly along recall: most thresholds lie where recall no longer rises.
    grid = np.linspace(0, curve.hits[points[-1]], POINTS)
    points = points[np.unique(np.searchsorted(curve.hits[points], grid).clip(max=len(points) - 1))]
    recall, precision = curve.hits[points] / curve.n_relevant, curve.hits[points] / curve.n_predicted[points]
    return [
        {"recall": r, "precision": p, "threshold": t}
        for r, p, t in zip(recall, precision, curve.threshold[points], strict=True)
    ]


def score_rows(statistic: Float64, relevant: Bools) -> list[dict[str, float]]:
    """Rows {low, high, true_pairs, false_pairs}: a histogram of the statistic.

    Args:
        statistic, relevant: (Q, k); what is not finite is no neighbour, or a match at any threshold.
    """
    finite = np.isfinite(statistic)
    if not finite.any():
        return []
    bounds = np.linspace(statistic[finite].min(), statistic[finite].max(), BINS + 1)
    true, false = (np.histogram(statistic[finite & of], bounds)[0] for of in (relevant, ~relevant))
    return [
        {"low": low, "high": high, "true_pairs": int(n_true), "false_pairs": int(n_false)}
        for low, high, n_true, n_false in zip(bounds[:-1], bounds[1:], true, false, strict=True)
    ]
