import numpy as np
import pytest

from samesku.evaluation import bootstrap


def test_one_component_leaves_nothing_to_resample():
    assert bootstrap.interval(np.array([0.2, 0.4]), np.array([7, 7])) == pytest.approx((0.3, 0.3))


def test_the_interval_of_independent_rows_is_that_of_the_normal_law():
    values = np.random.default_rng(0).random(2000)
    low, high = bootstrap.interval(values, np.arange(2000))
    half = 1.96 * values.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.2 * half)


def test_rows_of_one_component_count_as_one():
    """100 copies of 20 rows are no more evidence than the 20."""
    values = np.random.default_rng(0).random(20)
    single = bootstrap.interval(values, np.arange(20))
    copied = bootstrap.interval(np.repeat(values, 100), np.repeat(np.arange(20), 100))
    assert copied == pytest.approx(single)


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(0).random(50)
    assert bootstrap.interval(values, np.arange(50), seed=3) == bootstrap.interval(
        values, np.arange(50), seed=3
    )
    assert bootstrap.interval(values, np.arange(50), seed=3) != bootstrap.interval(
        values, np.arange(50), seed=4
    )
