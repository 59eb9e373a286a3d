"""Clerical review: accept the probable pairs, reject the improbable ones, let a person see the rest."""

from dataclasses import dataclass

import numpy as np

from samesku.arrays import Bools, Float64, Floats, Int64, Ints
from samesku.scratch import slices
from samesku.search.fusion import UNREACHABLE

OUTCOMES = ("reject", "review", "accept")
MAX_THRESHOLDS = 400  # tried for `accept`
RESAMPLES = 1000
DRAWN = 50  # of them at once
ERROR = 0.05  # of 95% confidence


@dataclass(frozen=True)
class ReviewThresholds:
    """A pair is accepted from `accept` on, rejected below `reject`, and reviewed in between."""

    accept: float
    reject: float

    def outcome(self, probability: Floats) -> Int64:
        """What happens to pairs, as indices into OUTCOMES, of the shape of `probability`."""
        return (probability >= self.reject).astype(np.intp) + (probability >= self.accept)


def choose_review_thresholds(
    probability: Floats,
    same_product: Bools,
    component: Ints,
    *,
    precision: float,
    missed: float,
    seed: int = 0,
) -> ReviewThresholds:
    """The lowest `accept` that reaches a precision, and the highest `reject` that misses few pairs.

    Args:
        probability: (P,), scored out of fold. same_product: bool (P,).
        component: int (P,), the connected component of each pair's query.
        precision: what the precision of accepted pairs must reach at the lower end of its one-sided 95%
            bootstrap interval (percentiles, over components), so that unseen products are likely to reach it.
        missed: the largest share of the pairs of one product that may be rejected.
    """
    true = np.sort(probability[same_product])
    if not len(true):
        return ReviewThresholds(UNREACHABLE, 0.0)
    reject = float(true[min(int(missed * len(true)), len(true) - 1)])
    thresholds = np.unique(np.quantile(true, np.linspace(0, 1, MAX_THRESHOLDS), method="higher"))
    reached = _lower_precision(probability, same_product, component, thresholds, seed) >= precision
    accept = float(thresholds[np.argmax(reached)]) if reached.any() else UNREACHABLE
    return ReviewThresholds(round(accept, 6), round(min(reject, accept), 6))


def review_figures(
    thresholds: ReviewThresholds, probability: Floats, same_product: Bools, n_relevant: int
) -> dict[str, dict[str, float]]:
    """For each outcome: its pairs, their share of the candidates, their precision, their recall.

    Args:
        probability, same_product: (P,), the candidates of some queries, one after the other.
        n_relevant: the number of relevant listings of these queries, candidates or not.
    """
    outcome = thresholds.outcome(probability)
    figures = {}
    for i, name in enumerate(OUTCOMES):
        n_pairs, n_correct = int((outcome == i).sum()), int(same_product[outcome == i].sum())
        figures[name] = {
            "pairs": n_pairs,
            "share": n_pairs / max(1, len(outcome)),
            "precision": n_correct / max(1, n_pairs),
            "recall": n_correct / max(1, n_relevant),
        }
    return figures


def _lower_precision(
    probability: Floats, same_product: Bools, component: Ints, thresholds: Floats, seed: int
) -> Float64:
    """The 5th percentile of precision at T ascending thresholds, components drawn with replacement.

    Where all n components are correct, each draw is: then the bound is that of n successes of n, 0.05^(1/n) (Clopper
    and Pearson 1934). It holds for the others as well, so three right components promise no more than 0.37.
    """
    names, component = np.unique(component, return_inverse=True)
    n_reached = np.searchsorted(thresholds, probability, side="right")  # thresholds that a pair reaches
    shape = len(names), len(thresholds) + 1

    def accepted(pairs: Bools) -> Float64:
        """Of these pairs, the number in each component at each threshold: (components, T)."""
        counts = np.bincount(component[pairs] * shape[1] + n_reached[pairs], minlength=shape[0] * shape[1])
        return counts.reshape(shape)[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:].astype(np.float64)

    n_accepted, n_correct = accepted(np.ones(len(same_product), bool)), accepted(same_product)
    generator = np.random.default_rng(seed)
    share = np.full(len(names), 1 / len(names))
    precision = np.empty((RESAMPLES, len(thresholds)))
    for block in slices(RESAMPLES, DRAWN):
        drawn = generator.multinomial(len(names), share, block.stop - block.start).astype(float)
        precision[block] = (drawn @ n_correct) / np.maximum(drawn @ n_accepted, 1.0)
    n_components = (n_accepted > 0).sum(axis=0)
    return np.minimum(np.quantile(precision, ERROR, axis=0), ERROR ** (1 / np.maximum(1, n_components)))
