"""Mean F1 for every cut at once, and the cut that is best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.scoring.f1 import row_f1

DECIMALS = 6


@dataclass(frozen=True)
class Curve:
    """Mean row-wise F1, and pooled pair counts, when pairs of statistic ≥ cut are kept.

    Attributes:
        cut: float64 (T,), the distinct statistics, descending; first +inf: nothing but self is kept.
        f1: float64 (T,). hits, kept: int64 (T,), pooled over queries. to_find: pooled true matches.
    """

    cut: NDArray[np.float64]
    f1: NDArray[np.float64]
    hits: NDArray[np.int64]
    kept: NDArray[np.int64]
    to_find: int

    def at(self, cut: float) -> int:
        """The place of the curve that keeps what `cut` keeps."""
        return int(np.searchsorted(-self.cut, -cut, side="right")) - 1


def f1_curve(
    statistic: NDArray[np.float64],
    relevant: NDArray[np.bool_],
    to_find: NDArray[np.integer],
    strangers: float = 1.0,
) -> Curve:
    """F1 at every cut, exactly.

    Args:
        statistic: float64 (Q, k), never rising along a row; −inf where there is no neighbour.
        relevant: bool (Q, k); to_find: int (Q,).
        strangers: how many neighbours of other products one stands for: in a gallery of `strangers` times as
            many listings so many reach a cut, in expectation. 1: F1 in this very gallery.

    A query keeps a prefix of its list, so its F1 steps from one prefix to the next; the steps of all queries
    in descending order of statistic, summed up, are the mean F1 at every cut.
    """
    kept = np.arange(statistic.shape[1] + 1)
    hits = np.concatenate([np.zeros((len(relevant), 1), int), np.cumsum(relevant, axis=1)], axis=1)
    steps = np.diff(row_f1(hits, hits + strangers * (kept - hits), to_find[:, None]), axis=1)
    at = statistic.ravel()
    order = np.flatnonzero(~np.isneginf(at))
    order = order[np.argsort(-at[order], kind="stable")]
    values = at[order]
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True)) if len(values) else np.array([], int)
    base = row_f1(np.zeros(len(to_find), int), np.zeros(len(to_find), int), to_find).sum()
    mean = (base + np.cumsum(steps.ravel()[order])[last]) / max(1, len(to_find))
    true = np.cumsum(relevant.ravel()[order])[last]
    if len(values) and np.isposinf(values[0]):  # kept at every cut: the curve starts there
        return Curve(values[last], mean, true, last + 1, int(to_find.sum()))
    return Curve(
        np.concatenate([[np.inf], values[last]]),
        np.concatenate([[base / max(1, len(to_find))], mean]),
        np.concatenate([[0], true]),
        np.concatenate([[0], last + 1]),
        int(to_find.sum()),
    )


def best_cut(curve: Curve) -> float:
    """The cut of highest mean F1: halfway to the next statistic below, which unseen listings favour.

    The highest of equals; where keeping nothing is best, just above the largest statistic.
    """
    at = int(np.argmax(curve.f1))
    upper = curve.cut[at]
    lower = curve.cut[at + 1] if at + 1 < len(curve.cut) else upper
    if not np.isfinite(upper):
        return float(np.round(lower + 10.0**-DECIMALS, DECIMALS)) if np.isfinite(lower) else 1.0
    middle = np.round((upper + lower) / 2, DECIMALS)
    return float(middle if lower < middle <= upper else upper)
