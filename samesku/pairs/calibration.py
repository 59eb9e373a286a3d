"""Calibration: from the log-odds of the pair model to probabilities that hold on unseen pairs."""

from dataclasses import dataclass

import numpy as np

from samesku.arrays import Bools, Float64, Ints
from samesku.scratch import new_array, slices

BLOCK = 2**20  # pairs at once


@dataclass(frozen=True)
class Platt:
    """1 / (1 + exp(−(slope · log-odds + intercept))), Platt (1999). A slope above 0 keeps the order."""

    slope: float
    intercept: float

    def probability(self, log_odds: Float64) -> Float64:
        """Probabilities of log-odds, float64 (P,)."""
        probability = new_array(log_odds.shape, np.float64)
        for block in slices(len(log_odds), BLOCK):
            probability[block] = 1.0 / (1.0 + np.exp(-(self.slope * log_odds[block] + self.intercept)))
        return probability


def fit_platt(log_odds: Float64, same_product: Bools, count: Ints | None = None) -> Platt:
    """The maximum-likelihood curve over pairs that are scored out of fold.

    Args:
        log_odds: float64 (P,). same_product: bool (P,), with at least one pair of each kind.
        count: (P,), how often each pair counts; by default once.
    """
    from sklearn.linear_model import LogisticRegression  # here: who only asks a fitted model waits 3 s for it

    regression = LogisticRegression(C=np.inf).fit(log_odds[:, None], same_product, count)
    slope, intercept = float(regression.coef_[0, 0]), float(regression.intercept_[0])
    # A slope of 0 or less would turn the order of pairs round: log-odds are then taken as they are.
    return Platt(slope, intercept) if slope > 0 else Platt(1.0, 0.0)


def calibration_error(probability: Float64, same_product: Bools, bins: int = 15) -> float:
    """Expected calibration error: the mean of |mean probability − share of true pairs| over bins.

    Bins hold equally many pairs and weigh by their size; Naeini et al. (2015).

    Args:
        probability: float64 (P,). same_product: bool (P,).
    """
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [abs(probability[part].mean() - same_product[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / max(1, len(probability)))
