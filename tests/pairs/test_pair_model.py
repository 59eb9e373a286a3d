"""The models of the folds: none scores what it has seen, and equal input gives equal bytes."""

from dataclasses import replace

import numpy as np
import pytest

from samesku.pairs import feature_blocks
from samesku.pairs.candidates import Candidates
from samesku.pairs.feature_blocks import PairFeatures
from samesku.pairs.labels import PairLabels, draw_training_pairs
from samesku.pairs.pair_model import fit_folds, fit_pair_model, mean_log_odds, score_pairs, scoring_mask
from samesku.params.schema import PairModelParams
from samesku.workers.blocks import map_by_threads

SMALL = PairModelParams(folds=3, trees=8, leaves=4)


def test_a_pair_is_scored_by_the_models_of_the_folds_of_its_listings():
    fold = np.array([[-1, 0, -1, 0, 1], [-1, -1, 2, 0, 2]])
    assert scoring_mask(fold, 3).tolist() == [
        [True, True, True],  # no model has seen its listings
        [True, False, False],
        [False, False, True],
        [True, False, False],
        [False, True, True],  # of two folds: the mean of both models
    ]


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(0).normal(size=(900, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def labels(values):
    draw = np.random.default_rng(1)
    left = draw.integers(-1, 3, 900)
    fold = np.stack([left, np.where(draw.random(900) < 0.5, left, -1)])
    return PairLabels(
        train_mask=np.ones(900, bool),
        same_product=values[:, 0] + 0.3 * draw.normal(size=900) > 0,
        weight=np.ones(900),
        n_queries=np.full(900, 2),
        fold=fold,
        held_out=fold,
    )


def some_pairs():
    """900 pairs of 43 listings."""
    left, right = np.triu_indices(43, 1)
    rows = np.arange(43, dtype=np.int32)
    return Candidates(rows, left[:900].astype(np.int32), right[:900].astype(np.int32))


def fit(values, labels, params=SMALL, threads=1):
    pair, drawn = draw_training_pairs(labels, len(values), params)
    return fit_folds(values[pair], list("abcd"), drawn, params, threads)


def texts(models):
    return [model.model_to_string() for model in models]


def test_a_model_never_sees_a_pair_with_a_listing_in_its_fold(values, labels):
    in_fold_1 = (labels.fold == 1).any(axis=0)
    changed = replace(labels, same_product=labels.same_product ^ in_fold_1)
    before, after = texts(fit(values, labels)), texts(fit(values, changed))
    assert before[1] == after[1]
    assert before[0] != after[0]


def test_a_model_learns_from_training_pairs_alone(values, labels):
    train_mask = np.arange(900) % 3 > 0
    labels = replace(labels, train_mask=train_mask)
    changed = replace(labels, same_product=labels.same_product ^ ~train_mask)
    assert texts(fit(values, labels)) == texts(fit(values, changed))
    assert texts(fit(values, labels)) == texts(fit(values[train_mask], labels.select(train_mask)))


def test_models_are_the_same_bytes_each_time_and_learn_the_labels(values, labels):
    models = fit(values, labels)
    assert texts(models) == texts(fit(values, labels))
    log_odds = mean_log_odds(models, values, scoring_mask(labels.fold, 3))
    assert ((log_odds > 0) == labels.same_product).mean() > 0.85


def test_the_number_of_threads_changes_no_result(values, labels):
    models = fit(values, labels)
    assert texts(models) == texts(fit(values, labels, threads=3))


def test_blocks_change_no_score(values, labels, monkeypatch):
    """Whether a block holds all pairs or 70 of them, and whether one or three blocks are scored at once."""
    models, scored_by = fit(values, labels), scoring_mask(labels.fold, 3)
    features = PairFeatures(
        some_pairs(),
        [lambda block: [block.add(name, name, values[block.pair, i]) for i, name in enumerate("abcd")]],
    )
    whole = mean_log_odds(models, values, scored_by).tolist()
    assert score_pairs(models, features, scored_by).tolist() == whole
    monkeypatch.setattr(feature_blocks, "PAIRS", 70)
    assert score_pairs(models, features, scored_by, map_by_threads(3)).tolist() == whole
    every = np.arange(900)
    assert features.gather(every).tolist() == values.tolist()


def test_blocks_change_no_draw(labels, monkeypatch):
    params = SMALL.model_copy(update={"negatives": 100})
    pair, drawn = draw_training_pairs(labels, 900, params)
    monkeypatch.setattr("samesku.pairs.labels.BLOCK", 70)
    again, drawn_again = draw_training_pairs(labels, 900, params)
    assert pair.tolist() == again.tolist()
    assert drawn.weight.tolist() == drawn_again.weight.tolist()
    assert len(pair) < 900


def test_log_odds_are_the_mean_of_the_models_that_score_a_pair(values, labels):
    models = fit(values, labels)
    by_model = [model.predict(values[:2], raw_score=True) for model in models]
    scored_by = np.array([[True, False, True], [False, True, False]])
    expected = [(by_model[0][0] + by_model[2][0]) / 2, by_model[1][1]]
    assert mean_log_odds(models, values[:2], scored_by) == pytest.approx(expected)


def test_drawn_negatives_weigh_as_all_of_them(values, labels):
    models = fit(values, labels, SMALL.model_copy(update={"negatives": 225}))
    log_odds = mean_log_odds(models, values, np.ones((900, 3), bool))
    assert (1 / (1 + np.exp(-log_odds))).mean() == pytest.approx(labels.same_product.mean(), abs=0.05)


def test_a_column_of_the_second_round_that_only_some_pairs_have(labels):
    """The first round sees noise; the reader knows the labels of two thirds of the pairs."""
    noise = np.random.default_rng(3).normal(size=900)
    features = PairFeatures(some_pairs(), [lambda block: block.add("noise", "noise", noise[block.pair])])

    def read(candidates, log_odds):
        assert np.isfinite(log_odds).all()
        known = np.where(labels.same_product, 5.0, -5.0).astype(np.float32)
        return np.where(np.arange(len(candidates)) % 3 > 0, known, np.float32(np.nan))

    is_read = np.arange(900) % 3 > 0
    model, scores = fit_pair_model(features, labels, SMALL, 1, read)
    right_of = (scores.probability > 0.5) == labels.same_product
    assert right_of[is_read].mean() > 0.95 > right_of[~is_read].mean() + 0.2
    again = model.score(features, map_by_threads(1), read)
    assert ((again.probability > 0.5) == labels.same_product)[is_read].mean() > 0.95
    unread = model.score(features, map_by_threads(1))  # the model takes pairs that nobody has read, too
    assert np.isfinite(unread.probability).all()
    assert unread.first.tolist() == again.first.tolist()
