"""Precision and recall by a stratified sample: exact expectations, values by hand, coverage by simulation."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from samesku.annotations.estimate import estimate_curve, estimate_recall
from samesku.annotations.sampling import Drawn, PairSample

# Three strata of 3, 4 and 5 pairs; the scores fall by a tenth from pair to pair.
SIZE = np.array([3, 4, 5])
START = np.array([0, 3, 7, 12])
SCORE = 1 - np.arange(12) / 20
SAME = np.array([1, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0], bool)


def make_sample(score=SCORE, start=START):
    rows = np.arange(len(score))
    return PairSample(rows, rows, score, start, score, 10)


def draw(positions, same=SAME, score=SCORE, start=START):
    positions = np.array(positions)
    stratum = np.searchsorted(start, positions, side="right") - 1
    count = np.bincount(stratum, minlength=len(start) - 1)
    return Drawn(count, stratum, score[positions], same[positions])


def at(curve, n_pairs):
    return int(np.flatnonzero(curve.n_pairs == n_pairs)[0])


def test_the_estimate_is_unbiased_over_all_samples():
    """Two pairs of each stratum: the mean over all 3 · 6 · 10 samples is the precision of the population."""
    sample = make_sample()
    choices = [itertools.combinations(range(START[h], START[h + 1]), 2) for h in range(3)]
    curves = [estimate_curve(sample, draw([*a, *b, *c])) for a, b, c in itertools.product(*choices)]
    assert len(curves) == 180
    for n_pairs, precision in ((3, 2 / 3), (7, 4 / 7), (12, 5 / 12)):
        mean = np.mean([curve.precision[at(curve, n_pairs)] for curve in curves])
        assert mean == pytest.approx(precision)


def test_each_answer_counts_for_the_pairs_of_its_stratum():
    # 1 of 1, 1 of 2 and 0 of 1: 3 · 1 + 4 · 1/2 + 5 · 0 true pairs.
    curve = estimate_curve(make_sample(), draw([0, 3, 4, 7]))
    assert curve.precision[at(curve, 3)] == 1
    assert curve.precision[at(curve, 7)] == 5 / 7
    assert estimate_recall(make_sample(), draw([0, 3, 4, 7]), SCORE[2])[0] == 3 / 5
    # 3 · 1 + 1 · 1 true pairs above, 3 · 0 + 5 · 0 below.
    assert estimate_recall(make_sample(), draw([0, 3, 4, 7]), SCORE[3])[0] == 1
    # The threshold of the fourth pair splits its stratum: 1 pair of 1 answer reaches it.
    assert curve.threshold[at(curve, 4)] == SCORE[3]
    assert curve.precision[at(curve, 4)] == 1


def test_without_an_answer_of_a_stratum_there_is_no_estimate_but_an_interval():
    curve = estimate_curve(make_sample(), draw([0, 7]))
    assert curve.precision[at(curve, 3)] == 1
    assert np.isnan(curve.precision[at(curve, 7)])
    estimate, low, high = estimate_recall(make_sample(), draw([0, 7]), SCORE[2])
    assert np.isnan(estimate)
    assert 0 <= low < high <= 1
    assert np.isfinite(curve.interval).all()
    none = estimate_curve(make_sample(), draw(np.empty(0, int)))
    assert none.threshold.tolist() == SCORE[[2, 6, 11]].tolist()
    assert none.lowest(0.5) is None


def test_when_every_pair_is_annotated_nothing_is_uncertain():
    curve = estimate_curve(make_sample(), draw(np.arange(12)))
    precision = np.cumsum(SAME) / np.arange(1, 13)
    assert curve.n_pairs.tolist() == list(range(1, 13))
    assert curve.precision.tolist() == pytest.approx(precision.tolist())
    for interval in curve.interval.T:
        assert interval.tolist() == pytest.approx(precision.tolist())
    for n_pairs in (1, 3, 5, 7, 12):
        recall = estimate_recall(make_sample(), draw(np.arange(12)), SCORE[n_pairs - 1])
        assert recall == pytest.approx([SAME[:n_pairs].sum() / 5] * 3)
    assert curve.lowest(0.57) == 6  # 4 / 7 is the lowest that reaches it, after 3 / 5 and 3 / 6


def test_five_right_of_five_are_not_certainty():
    """One stratum, 5 of 5: the interval of Beta(5.5, 0.5), 0.6206 at 2.5% and 0.6943 at 5%."""
    score = np.linspace(1, 0.5, 10**6)
    sample = make_sample(score, np.array([0, 10**6]))
    curve = estimate_curve(sample, draw(np.arange(5), np.ones(10**6, bool), score, sample.start))
    end = at(curve, 10**6)
    assert curve.precision[end] == 1
    assert curve.interval[end, 0] == pytest.approx(0.6206, abs=1e-3)
    assert curve.low[end] == pytest.approx(0.6943, abs=1e-3)
    # Spread over four strata, the same five answers are hardly more certain.
    start = np.array([0, 250_000, 500_000, 750_000, 10**6])
    positions = [0, 250_000, 500_000, 750_000, 999_999]
    spread = estimate_curve(replace(sample, start=start), draw(positions, np.ones(10**6, bool), score, start))
    assert spread.interval[at(spread, 10**6), 0] < 0.85


def test_the_interval_covers_the_precision_about_as_often_as_it_says():
    """200 samples of a population of 4,000 pairs with shares like those of real titles.

    For 95% coverage, fewer than 90% of 200 have probability 0.0012 (binomial).
    """
    generator = np.random.default_rng(0)
    size, share, n = [500, 300, 700, 2500], [0.98, 0.95, 0.85, 0.4], [12, 12, 30, 20]
    start = np.concatenate([[0], np.cumsum(size)])
    score = np.linspace(1, 0, 4000)
    same = np.concatenate([np.arange(s) < round(s * p) for s, p in zip(size, share, strict=True)])
    for h in range(4):  # in a stratum the true pairs lie anywhere
        generator.shuffle(same[start[h] : start[h + 1]])
    sample = make_sample(score, start)
    covered, low_holds, estimates = 0, 0, []
    truth = same[:1500].mean()
    for _ in range(200):
        positions = [
            generator.choice(np.arange(start[h], start[h + 1]), n[h], replace=False) for h in range(4)
        ]
        curve = estimate_curve(sample, draw(np.concatenate(positions), same, score, start))
        end = at(curve, 1500)
        low, high = curve.interval[end]
        covered += low <= truth <= high
        low_holds += curve.low[end] <= truth
        estimates.append(curve.precision[end])
    assert covered >= 180
    assert low_holds >= 180
    assert np.mean(estimates) == pytest.approx(truth, abs=4 * np.std(estimates) / np.sqrt(200))
