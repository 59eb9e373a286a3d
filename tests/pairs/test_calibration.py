"""Platt's curve: known numbers are found again, order is kept, and the error is that of its definition."""

import numpy as np
import pytest

from samesku.pairs import calibration
from samesku.pairs.calibration import Platt


def test_known_numbers_are_found_again():
    draw = np.random.default_rng(0)
    margin = draw.normal(size=40_000) * 3
    same = draw.random(40_000) < 1 / (1 + np.exp(-(0.5 * margin - 1)))
    curve = calibration.fit(margin, same)
    assert (curve.slope, curve.intercept) == pytest.approx((0.5, -1), abs=0.05)
    assert calibration.error(curve(margin), same) < 0.01
    assert calibration.error(Platt(1, 0)(margin), same) > 0.05


def test_a_pair_met_twice_counts_twice():
    margin, same = np.array([-1.0, 0.0, 1.0, 2.0]), np.array([False, True, False, True])
    twice = calibration.fit(margin, same, np.array([1, 2, 1, 1]))
    spelt = calibration.fit(np.append(margin, 0.0), np.append(same, True))
    assert (twice.slope, twice.intercept) == pytest.approx((spelt.slope, spelt.intercept), abs=1e-3)


def test_order_is_never_turned_round():
    against = calibration.fit(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, True, False, False]))
    assert against == Platt(1.0, 0.0)


def test_its_numbers_are_plain_and_read_back():
    assert Platt(**Platt(0.7, -0.1).plain()) == Platt(0.7, -0.1)


def test_error_by_hand():
    # two bins: (0.2, 0.4) with one true, (0.8, 0.8) with two true
    probability, same = np.array([0.8, 0.2, 0.8, 0.4]), np.array([True, False, True, True])
    assert calibration.error(probability, same, bins=2) == pytest.approx((0.2 * 2 + 0.2 * 2) / 4)
    assert calibration.error(np.empty(0), np.empty(0, bool)) == 0.0
