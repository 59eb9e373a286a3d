"""The sweep against trying every cut one at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesku.evaluation import f1, plots
from samesku.evaluation import threshold_sweep as sweep


def tried(statistic, relevant, n_relevant, cut):
    keep = statistic >= cut
    return f1.row_f1((keep & relevant).sum(axis=1), keep.sum(axis=1), n_relevant).mean()


def random_case(seed, decimals):
    generator = np.random.default_rng(seed)
    q, k = int(generator.integers(1, 12)), int(generator.integers(1, 9))
    statistic = -np.sort(-generator.random((q, k)).round(decimals), axis=1)
    statistic[generator.random(q) < 0.2, -1] = -np.inf
    statistic[generator.random(q) < 0.1, 0] = np.inf
    relevant = (generator.random((q, k)) < 0.4) & np.isfinite(statistic)
    return statistic, relevant, relevant.sum(axis=1) + generator.integers(0, 3, q)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 6]))
def test_the_curve_is_exact_at_every_cut_and_between(seed, decimals):
    case = random_case(seed, decimals)
    curve = sweep.f1_curve(*case)
    assert (np.diff(curve.threshold) < 0).all()
    for at, cut in enumerate(curve.threshold):
        assert curve.f1[at] == pytest.approx(tried(*case, cut))
        assert curve.kept[at] == (case[0] >= cut).sum()
    for cut in (-5.0, 0.05, 0.333, 0.5, 0.95, 2.0):
        assert curve.f1[curve.at(cut)] == pytest.approx(tried(*case, cut))


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 6]))
def test_the_best_cut_is_best_and_what_it_says_is_what_it_gives(seed, decimals):
    case = random_case(seed, decimals)
    curve = sweep.f1_curve(*case)
    cut = sweep.best_threshold(curve)
    assert np.isfinite(cut)
    assert tried(*case, cut) == pytest.approx(curve.f1.max())
    assert tried(*case, float(f"{cut:.6f}")) == pytest.approx(curve.f1.max())  # as a metrics file holds it


def test_the_best_cut_is_halfway_to_the_next_statistic():
    statistic = np.array([[0.9, 0.5]])
    assert sweep.best_threshold(sweep.f1_curve(statistic, np.array([[True, False]]), np.array([1]))) == 0.7


def test_nothing_is_kept_where_nothing_is_right():
    statistic = np.array([[0.9, 0.5]])
    cut = sweep.best_threshold(sweep.f1_curve(statistic, np.array([[False, False]]), np.array([1])))
    assert cut == pytest.approx(0.900001)


def test_in_a_larger_gallery_a_stranger_stands_for_several():
    """Of [true, false, true], two to find: 2/4, then 4/5, 4/6, 6/7; a stranger for three: 4/8, 6/9."""
    case = np.array([[0.9, 0.8, 0.7]]), np.array([[True, False, True]]), np.array([2])
    assert sweep.f1_curve(*case).f1 == pytest.approx([2 / 4, 4 / 5, 4 / 6, 6 / 7])
    assert sweep.f1_curve(*case, 3.0).f1 == pytest.approx([2 / 4, 4 / 5, 4 / 8, 6 / 9])
    assert sweep.best_threshold(sweep.f1_curve(*case)) == 0.7
    assert sweep.best_threshold(sweep.f1_curve(*case, 3.0)) == 0.85
    assert sweep.f1_curve(*case, 3.0).kept.tolist() == [0, 1, 2, 3]


def test_no_neighbours_at_all():
    curve = sweep.f1_curve(np.empty((2, 0)), np.empty((2, 0), bool), np.array([1, 0]))
    assert curve.f1 == pytest.approx([(2 / 3 + 1) / 2])
    assert np.isfinite(sweep.best_threshold(curve))


def test_precision_recall_by_hand():
    statistic = np.array([[0.9, 0.5], [0.7, 0.1]])
    relevant = np.array([[True, False], [True, False]])
    rows = plots.precision_recall_rows(sweep.f1_curve(statistic, relevant, np.array([1, 3])))
    assert [(r["threshold"], r["recall"], r["precision"]) for r in rows] == [
        (0.9, 1 / 4, 1.0),
        (0.7, 2 / 4, 1.0),
    ]  # below 0.7 nothing more is found


def test_threshold_rows_hold_the_exact_f1_of_each_split():
    case = random_case(4, 2)
    rows = plots.threshold_rows({"val": case, "test": case, "none": tuple(part[:0] for part in case)})
    assert len(rows) == plots.POINTS
    for row in rows[::20]:
        assert set(row) == {"threshold", "val_f1", "test_f1"}
        assert row["val_f1"] == pytest.approx(tried(*case, row["threshold"]))


def test_score_rows_count_every_pair_once_in_its_class():
    statistic = np.array([[0.9, 0.5, -np.inf], [np.inf, 0.5, 0.1]])
    relevant = np.array([[True, False, False], [True, True, False]])
    rows = plots.score_rows(statistic, relevant)
    assert (rows[0]["low"], rows[-1]["high"], len(rows)) == (0.1, 0.9, plots.BINS)
    half = next(row for row in rows if row["low"] <= 0.5 < row["high"])
    assert (half["true_pairs"], half["false_pairs"]) == (1, 1)
    assert (rows[0]["true_pairs"], rows[0]["false_pairs"]) == (0, 1)
    assert (rows[-1]["true_pairs"], rows[-1]["false_pairs"]) == (1, 0)
    assert plots.score_rows(np.full((2, 2), -np.inf), np.zeros((2, 2), bool)) == []
