"""Clerical review: the thresholds hold on the pairs that choose them, with caution."""

import numpy as np
import pytest

from samesku.pairs.clerical_review import (
    OUTCOMES,
    ReviewThresholds,
    choose_review_thresholds,
    review_figures,
)
from samesku.search.fusion import UNREACHABLE


def test_a_threshold_belongs_to_the_outcome_above_it():
    thresholds = ReviewThresholds(accept=0.9, reject=0.2)
    outcome = thresholds.outcome(np.array([0.1, 0.2, 0.5, 0.9, 1.0]))
    assert [OUTCOMES[i] for i in outcome] == ["reject", "review", "review", "accept", "accept"]


def test_figures_by_hand():
    probability = np.array([0.95, 0.92, 0.5, 0.4, 0.1, 0.15, 0.12])
    same = np.array([True, False, True, True, False, False, True])
    figures = review_figures(ReviewThresholds(0.9, 0.2), probability, same, n_relevant=5)
    assert figures["accept"] == {"pairs": 2, "share": 2 / 7, "precision": 1 / 2, "recall": 1 / 5}
    assert figures["review"] == {"pairs": 2, "share": 2 / 7, "precision": 1.0, "recall": 2 / 5}
    assert figures["reject"] == {"pairs": 3, "share": 3 / 7, "precision": 1 / 3, "recall": 1 / 5}


def ladder():
    """200 components of five pairs: the probability is 0.95, 0.9, 0.5, 0.3, 0.05; the first two are true."""
    probability = np.tile([0.95, 0.9, 0.5, 0.3, 0.05], 200)
    return probability, np.tile([True, True, False, False, False], 200), np.repeat(np.arange(200), 5)


def test_accept_reaches_down_to_where_precision_falls():
    thresholds = choose_review_thresholds(*ladder(), precision=0.95, missed=0.0)
    assert thresholds == ReviewThresholds(accept=0.9, reject=0.9)


def test_reject_misses_no_more_than_it_may():
    probability, same, component = ladder()
    same = same | (probability == 0.3)  # a third of the pairs of one product

    def reject(missed):
        return choose_review_thresholds(probability, same, component, precision=0.95, missed=missed).reject

    assert reject(0.1) == 0.3
    assert reject(0.4) == 0.9


def test_a_few_bad_components_lower_the_precision_that_can_be_relied_on():
    probability, same, component = ladder()
    same = same.copy()
    same[: 5 * 8] = False  # 8 of 200 components are wrong throughout: 96% precise, by a thin margin

    def accept(precision):
        return choose_review_thresholds(probability, same, component, precision=precision, missed=0.0).accept

    assert accept(0.95) == UNREACHABLE
    assert accept(0.93) == 0.9


@pytest.mark.parametrize(("n_components", "precision", "accept"), [
    (58, 0.95, UNREACHABLE), (59, 0.95, 0.9), (3, 0.37, UNREACHABLE), (3, 0.36, 0.9),
])  # fmt: skip
def test_few_components_promise_little_though_all_are_right(n_components, precision, accept):
    """n of n right: 0.95 holds with 95% confidence from n = 59 on, since 0.95^59 < 0.05."""
    component = np.repeat(np.arange(n_components), 20)  # pairs of one component are no further evidence
    probability, same = np.full(len(component), 0.9), np.ones(len(component), bool)
    chosen = choose_review_thresholds(probability, same, component, precision=precision, missed=0.0)
    assert chosen.accept == accept


def test_without_a_true_pair_nothing_is_accepted_and_nothing_rejected():
    for n_pairs in (1, 0):
        probability, same = np.full(n_pairs, 0.5), np.zeros(n_pairs, bool)
        thresholds = choose_review_thresholds(
            probability, same, np.zeros(n_pairs, int), precision=0.9, missed=0.1
        )
        assert thresholds == ReviewThresholds(UNREACHABLE, 0.0)
