"""Explanations add up to the score and name the feature that decides."""

import lightgbm
import numpy as np
import pytest

from samesku.pairs.explain import family_contributions
from samesku.pairs.labels import PairLabels
from samesku.pairs.pair_model import fit_folds, mean_log_odds, scoring_mask
from samesku.params.schema import PairModelParams


@pytest.fixture(scope="module")
def trained():
    """Two models, 600 pairs whose first of three features decides, and which model scores which pair."""
    values = np.random.default_rng(1).normal(size=(600, 3)).astype(np.float32)
    values[:50, 1] = np.nan
    every, fold = np.ones(600, bool), np.stack([np.arange(600) % 2] * 2)
    labels = PairLabels(every, values[:, 0] > 0.2, np.ones(600), np.full(600, 2), fold, fold)
    models = fit_folds(values, ["a", "b", "c"], labels, PairModelParams(folds=2, trees=6, leaves=5))
    scored_by = scoring_mask(fold, 2)
    scored_by[:100] = True
    return models, values, scored_by


def test_contributions_add_up_to_the_log_odds(trained):
    models, values, scored_by = trained
    names, moves, base = family_contributions(models, values, scored_by, ["x", "y", "y"])
    assert names == ["x", "y"]
    assert moves.shape == (600, 2)
    assert moves.sum(axis=1) + base == pytest.approx(mean_log_odds(models, values, scored_by), abs=1e-4)


def test_the_feature_that_decides_is_named(trained):
    models, values, scored_by = trained
    _, moves, _ = family_contributions(models, values, scored_by, ["a", "b", "c"])
    assert (np.abs(moves[:, 0]) > np.abs(moves[:, 1:]).max(axis=1)).mean() > 0.95
    assert ((moves[:, 0] > 0) == (values[:, 0] > 0.2)).mean() > 0.95


def test_a_tree_without_a_split_moves_nothing():
    data = lightgbm.Dataset(np.zeros((60, 1), np.float32), np.arange(60) % 2)
    model = lightgbm.train({"objective": "binary", "verbose": -1}, data, 2)
    values, scored_by = np.zeros((3, 1), np.float32), np.ones((3, 1), bool)
    _, moves, base = family_contributions([model], values, scored_by, ["a"])
    assert (moves == 0).all()
    assert base == pytest.approx(model.predict(values, raw_score=True))
