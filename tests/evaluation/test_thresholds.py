"""F1 at every threshold, by hand and by brute force; statistics of neighbours; relevant pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesku.evaluation.thresholds import (
    best_augmentation_threshold,
    best_threshold,
    best_val_threshold,
    count_relevant,
    dynamic_statistic,
    is_relevant,
    static_statistic,
    sweep_thresholds,
)
from samesku.search.neighbours import Neighbours
from tests.fixtures.five_listings import NEIGHBOURS, PRODUCT
from tests.fixtures.made_neighbours import make_listings, make_neighbours
from tests.fixtures.random_neighbours import f1_at_threshold, random_neighbours


def test_relevant_neighbours_of_the_five_listings():
    query = np.arange(5, dtype=np.int32)
    neighbour = np.array([NEIGHBOURS[q] + [-1] * (4 - len(NEIGHBOURS[q])) for q in range(5)])
    assert is_relevant(PRODUCT, query, neighbour).astype(int).tolist() == [
        [1, 1, 0, 0],
        [1, 0, 1, 0],
        [1, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
    ]
    assert count_relevant(PRODUCT, query, query).tolist() == [2, 2, 2, 1, 1]


def test_an_unlabelled_listing_is_relevant_to_nothing():
    product, query = np.array([0, 0, -1, -1]), np.arange(4)
    assert not is_relevant(product, query, np.array([[2], [3], [3], [2]])).any()
    assert count_relevant(product, query, query).tolist() == [1, 1, 0, 0]


def test_relevant_listings_are_counted_in_the_gallery_alone():
    assert count_relevant(PRODUCT, np.array([0, 3]), np.array([0, 1, 3])).tolist() == [1, 0]


def test_a_static_threshold_is_exact_to_the_last_decimal():
    statistic = static_statistic(make_neighbours([0.9, 0.7, 0.1]))
    assert (statistic >= 0.9).tolist() == [[True, False, False]]
    assert (statistic >= 0.7).tolist() == [[True, True, False]]
    assert (statistic >= 0.700001).tolist() == [[True, False, False]]


def test_dynamic_is_deviations_above_the_mean_of_the_querys_neighbours():
    std = np.sqrt((0.4**2 + 0 + 0.4**2) / 3)  # ddof 0 about the mean of 0.5
    statistic = dynamic_statistic(make_neighbours([0.9, 0.5, 0.1]))[0]
    assert statistic == pytest.approx([0.4 / std, 0, -0.4 / std], abs=1e-5)


def test_dynamic_leaves_out_neighbours_that_do_not_exist():
    assert dynamic_statistic(make_neighbours([0.9, 0.5, -np.inf]))[0].tolist() == [1.0, -1.0, -np.inf]


def test_dynamic_is_infinite_where_every_score_is_the_mean():
    statistic = dynamic_statistic(make_neighbours([0.4, 0.4, -np.inf]))
    assert statistic.tolist() == [[np.inf, np.inf, -np.inf]]


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 6]))
def test_the_curve_is_exact_at_every_threshold_and_between(seed, decimals):
    case = random_neighbours(seed, decimals)
    curve = sweep_thresholds(*case)
    assert (np.diff(curve.threshold) < 0).all()
    for i, threshold in enumerate(curve.threshold):
        assert curve.f1[i] == pytest.approx(f1_at_threshold(*case, threshold))
        assert curve.n_predicted[i] == (case[0] >= threshold).sum()
    for threshold in (-5.0, 0.05, 0.333, 0.5, 0.95, 2.0):
        assert curve.f1[curve.index(threshold)] == pytest.approx(f1_at_threshold(*case, threshold))


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 6]))
def test_no_threshold_is_better_than_the_best(seed, decimals):
    case = random_neighbours(seed, decimals)
    threshold = best_threshold(sweep_thresholds(*case))
    assert np.isfinite(threshold)
    tried = [f1_at_threshold(*case, t) for t in (*np.unique(case[0][np.isfinite(case[0])]), 2.0)]
    assert f1_at_threshold(*case, threshold) == pytest.approx(max(tried))
    written = float(f"{threshold:.6f}")  # as a metrics file holds it
    assert f1_at_threshold(*case, written) == pytest.approx(max(tried))


def test_the_best_threshold_is_halfway_to_the_next_statistic():
    curve = sweep_thresholds(np.array([[0.9, 0.5]]), np.array([[True, False]]), np.array([1]))
    assert best_threshold(curve) == 0.7


def test_nothing_is_a_match_where_nothing_is_relevant():
    curve = sweep_thresholds(np.array([[0.9, 0.5]]), np.array([[False, False]]), np.array([1]))
    assert best_threshold(curve) == pytest.approx(0.900001)


def test_in_a_larger_gallery_a_negative_counts_several_times():
    """Of [true, false, true], two relevant: 2/4, then 4/5, 4/6, 6/7; with weight 3: 4/8, 6/9."""
    case = np.array([[0.9, 0.8, 0.7]]), np.array([[True, False, True]]), np.array([2])
    assert sweep_thresholds(*case).f1 == pytest.approx([2 / 4, 4 / 5, 4 / 6, 6 / 7])
    assert sweep_thresholds(*case, 3.0).f1 == pytest.approx([2 / 4, 4 / 5, 4 / 8, 6 / 9])
    assert best_threshold(sweep_thresholds(*case)) == 0.7
    assert best_threshold(sweep_thresholds(*case, 3.0)) == 0.85
    assert sweep_thresholds(*case, 3.0).n_predicted.tolist() == [0, 1, 2, 3]


def test_no_neighbours_at_all():
    curve = sweep_thresholds(np.empty((2, 0)), np.empty((2, 0), bool), np.array([1, 0]))
    assert curve.f1 == pytest.approx([(2 / 3 + 1) / 2])
    assert np.isfinite(best_threshold(curve))


def test_a_listing_of_test_is_no_match_to_val():
    """Product 0 reaches into test, as a split by column can: to val that listing is of another product."""
    listings = make_listings([0, 0, -1, 0, 1, -1], ["val", "val", "val", "test", "train", "test"])
    rows = np.arange(6, dtype=np.int32)
    neighbour = np.array([[1, 3], [0, 3], [0, 1], [0, 1], [0, 1], [0, 1]], dtype=np.int32)
    score = np.tile(np.array([0.9, 0.8], np.float32), (6, 1))
    threshold, f1 = best_val_threshold(Neighbours(rows, neighbour, score), listings, rows)
    assert threshold == pytest.approx(0.85)
    assert f1 == 1.0


def test_augmentation_takes_no_threshold_above_one():
    """The copy of each val listing is another product: no match is best, and the threshold is just above 1."""
    listings = make_listings([0, 1, 2, 3], ["val", "val", "val", "val"])
    rows = np.arange(4, dtype=np.int32)
    neighbour = np.array([[1], [0], [3], [2]], dtype=np.int32)
    nearest = Neighbours(rows, neighbour, np.ones((4, 1), np.float32))
    assert best_val_threshold(nearest, listings, rows)[0] == pytest.approx(1.000001)
    assert best_augmentation_threshold(nearest, listings, rows) == 1.0
