"""Folds, weights and models of pairs: whole components, and nobody scores what it saw."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesku.pairs import pair_model as verifier
from samesku.pairs.pair_model import Learning

SMALL = Learning(folds=3, trees=8, leaves=4, threads=1)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 7))
def test_components_are_dealt_whole_and_evenly(seed, count):
    draw = np.random.default_rng(seed)
    component = draw.integers(0, 30, 80)
    learn = draw.random(80) < 0.7
    fold = verifier.folds(component, learn, count, seed=1)
    assert (fold[~learn] == -1).all()
    names = np.unique(component[learn])
    dealt = [np.unique(fold[learn & (component == name)]) for name in names]
    assert all(len(folds) == 1 for folds in dealt)
    sizes = np.bincount(np.concatenate(dealt), minlength=count) if len(names) else np.zeros(count)
    assert sizes.max() - sizes.min() <= 1


def test_a_pair_is_scored_by_the_models_of_its_sides_folds():
    fold = np.array([-1, 0, -1, 0, 1]), np.array([-1, -1, 2, 0, 2])
    assert verifier.allowed(fold, 3).tolist() == [
        [True, True, True],  # nobody saw it
        [True, False, False],
        [False, False, True],
        [True, False, False],
        [False, True, True],  # across folds: the mean of both
    ]


def test_a_product_weighs_between_its_listings_and_its_pairs():
    product = np.array([0, 0, 0, 0, 1, -1])
    learn = np.array([True, True, True, True, True, False])
    left, right = np.array([0, 0, 4]), np.array([1, 4, 5])
    found = verifier.weights(product, learn, left, right)
    assert found == pytest.approx([2 / np.sqrt(4), 1 / np.sqrt(4) + 1, 1])
    assert verifier.sides(learn, left, right).tolist() == [2, 2, 1]


@pytest.mark.parametrize(
    ("same", "fold", "says"),
    [
        ([True, True], [0, 1], "two products"),
        ([False, False], [0, 1], "one product"),
        ([True, False, False], [0, 1, 2], "without fold 0"),
    ],
)
def test_what_is_lacking_is_said(same, fold, says):
    fold = np.array(fold)
    assert says in verifier.lacking(np.array(same), (fold, fold), 3)


def test_nothing_is_lacking():
    same, fold = np.array([True, False] * 3), np.repeat([0, 1, 2], 2)
    assert verifier.lacking(same, (fold, fold), 3) is None


@pytest.fixture(scope="module")
def pairs():
    draw = np.random.default_rng(0)
    values = draw.normal(size=(900, 4)).astype(np.float32)
    same = values[:, 0] + 0.3 * draw.normal(size=900) > 0
    fold = draw.integers(-1, 3, 900)
    return values, same, np.ones(900), (fold, np.where(draw.random(900) < 0.5, fold, -1))


def fit(pairs, learning=SMALL):
    values, same, weight, fold = pairs
    return verifier.fit(values, list("abcd"), same, weight, fold, learning)


def test_a_model_never_sees_a_pair_that_touches_its_fold(pairs):
    values, same, weight, fold = pairs
    touched = (fold[0] == 1) | (fold[1] == 1)
    turned = np.where(touched, ~same, same)  # other labels there change the other folds' models alone
    ours, theirs = fit(pairs), fit((values, turned, weight, fold))
    assert ours[1].model_to_string() == theirs[1].model_to_string()
    assert ours[0].model_to_string() != theirs[0].model_to_string()


def test_models_are_the_same_bytes_each_time_and_learn_something(pairs):
    models = fit(pairs)
    assert [m.model_to_string() for m in models] == [m.model_to_string() for m in fit(pairs)]
    margin = verifier.margins(models, pairs[0], verifier.allowed(pairs[3], 3))
    assert ((margin > 0) == pairs[1]).mean() > 0.85


def test_the_number_of_threads_moves_no_result(pairs):
    alone, together = fit(pairs), fit(pairs, replace(SMALL, threads=3))
    assert [m.model_to_string() for m in alone] == [m.model_to_string() for m in together]
    use = verifier.allowed(pairs[3], 3)
    assert (
        verifier.margins(alone, pairs[0], use, 1).tolist()
        == verifier.margins(alone, pairs[0], use, 3).tolist()
    )


def test_margins_are_the_mean_of_the_models_allowed(pairs):
    models, values = fit(pairs), pairs[0][:2]
    alone = [model.predict(values, raw_score=True) for model in models]
    use = np.array([[True, False, True], [False, True, False]])
    assert verifier.margins(models, values, use) == pytest.approx([(alone[0] + alone[2])[0] / 2, alone[1][1]])


def test_pairs_of_two_products_that_are_left_out_are_stood_for_by_the_others(pairs):
    thin = fit(pairs, Learning(folds=3, trees=8, leaves=4, negatives=0.5, threads=1))
    values, same = pairs[0], pairs[1]
    chance = 1 / (1 + np.exp(-verifier.margins(thin, values, np.ones((900, 3), bool))))
    assert chance.mean() == pytest.approx(same.mean(), abs=0.05)
