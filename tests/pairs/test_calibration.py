"""Platt's curve: it recovers known numbers and keeps the order; the error is that of its definition."""

import numpy as np
import pytest

from samesku.pairs.calibration import Platt, calibration_error, fit_platt


def test_known_numbers_are_recovered():
    draw = np.random.default_rng(0)
    log_odds = draw.normal(size=40_000) * 3
    same = draw.random(40_000) < 1 / (1 + np.exp(-(0.5 * log_odds - 1)))
    curve = fit_platt(log_odds, same)
    assert (curve.slope, curve.intercept) == pytest.approx((0.5, -1), abs=0.05)
    assert calibration_error(curve.probability(log_odds), same) < 0.01
    assert calibration_error(Platt(1, 0).probability(log_odds), same) > 0.05


def test_a_pair_of_two_queries_counts_twice():
    log_odds, same = np.array([-1.0, 0.0, 1.0, 2.0]), np.array([False, True, False, True])
    counted = fit_platt(log_odds, same, np.array([1, 2, 1, 1]))
    repeated = fit_platt(np.append(log_odds, 0.0), np.append(same, True))
    assert (counted.slope, counted.intercept) == pytest.approx((repeated.slope, repeated.intercept), abs=1e-3)


def test_the_order_of_pairs_is_never_turned_round():
    log_odds, same = np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, True, False, False])
    assert fit_platt(log_odds, same) == Platt(1.0, 0.0)


def test_error_by_hand():
    # two bins: (0.2, 0.4) with one true pair, (0.8, 0.8) with two
    probability, same = np.array([0.8, 0.2, 0.8, 0.4]), np.array([True, False, True, True])
    assert calibration_error(probability, same, bins=2) == pytest.approx((0.2 * 2 + 0.2 * 2) / 4)
    assert calibration_error(np.empty(0), np.empty(0, bool)) == 0.0
