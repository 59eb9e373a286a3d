"""Reasons: they add up to what the model said, and name the feature that did it."""

import lightgbm
import numpy as np
import pytest

from samesku.pairs import explain
from samesku.pairs import pair_model as verifier
from samesku.pairs.pair_model import Learning


@pytest.fixture(scope="module")
def learned():
    draw = np.random.default_rng(1)
    values = draw.normal(size=(600, 3)).astype(np.float32)
    values[:50, 1] = np.nan
    same = values[:, 0] > 0.2
    fold = np.arange(600) % 2
    learning = Learning(folds=2, trees=6, leaves=5, threads=1)
    models = verifier.fit(values, ["a", "b", "c"], same, np.ones(600), (fold, fold), learning)
    use = verifier.allowed((fold, fold), 2)
    use[:100] = True
    return models, values, use


def test_contributions_add_up_to_the_log_odds(learned):
    models, values, use = learned
    names, moved, base = explain.contributions(models, values, use, ["x", "y", "y"])
    assert names == ["x", "y"]
    assert moved.shape == (600, 2)
    assert moved.sum(axis=1) + base == pytest.approx(verifier.margins(models, values, use), abs=1e-4)


def test_the_feature_that_decides_is_named(learned):
    models, values, use = learned
    _, moved, _ = explain.contributions(models, values, use, ["a", "b", "c"])
    assert (np.abs(moved[:, 0]) > np.abs(moved[:, 1:]).max(axis=1)).mean() > 0.95
    assert ((moved[:, 0] > 0) == (values[:, 0] > 0.2)).mean() > 0.95


def test_a_tree_that_could_not_split_moves_nothing():
    data = lightgbm.Dataset(np.zeros((60, 1), np.float32), np.arange(60) % 2)
    model = lightgbm.train({"objective": "binary", "verbose": -1}, data, 2)
    _, moved, base = explain.contributions(
        [model], np.zeros((3, 1), np.float32), np.ones((3, 1), bool), ["a"]
    )
    assert (moved == 0).all()
    assert base == pytest.approx(model.predict(np.zeros((3, 1)), raw_score=True))
