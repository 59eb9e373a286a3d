"""From the model's log-odds to a probability that can be taken at its word."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression


@dataclass(frozen=True)
class Platt:
    """1 / (1 + exp(−(slope · margin + intercept))): Platt (1999), two numbers, so that no order is lost."""

    slope: float
    intercept: float

    def __call__(self, margin: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities of log-odds, of the same shape."""
        return 1.0 / (1.0 + np.exp(-(self.slope * margin + self.intercept)))

    def plain(self) -> dict[str, float]:
        """For a JSON file; `Platt(**content)` reads it back."""
        return asdict(self)


def fit(
    margin: NDArray[np.float64], same: NDArray[np.bool_], times: NDArray[np.integer] | None = None
) -> Platt:
    """The maximum-likelihood curve over pairs whose models saw none of them.

    Args:
        margin: float64 (P,). same: bool (P,), with at least one pair of each kind.
        times: (P,), how often each pair is met; once each where not given.
    """
    line = LogisticRegression(C=np.inf).fit(margin[:, None], same, times)
    slope, intercept = float(line.coef_[0, 0]), float(line.intercept_[0])
    # Margins that speak against themselves are taken as they are: order is never turned round.
    return Platt(slope, intercept) if slope > 0 else Platt(1.0, 0.0)


def error(probability: NDArray[np.float64], same: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error: the mean gap of probability and truth over bins of equally many pairs.

    Args:
        probability: float64 (P,). same: bool (P,).
    """
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [abs(probability[part].mean() - same[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / max(1, len(probability)))
