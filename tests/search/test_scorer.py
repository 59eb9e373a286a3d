"""The scorer: pairs, matrices and cosines of five listings that can be checked on paper."""

import numpy as np
import pytest

from samesku.search import scorer
from samesku.search.fusion import concatenate_channels
from samesku.search.scorer import channel_cosines, group_by_mask, mean_cosine, pair_scores, score_matrix
from tests.fixtures.five_listings import CHANNELS, HALVES, SCORE, A, B, C, D
from tests.search import oracle

PAIRS = np.array(list(SCORE))


@pytest.mark.parametrize("block", [65_536, 2])
def test_each_channels_cosine_and_nan_where_one_lacks_it(monkeypatch, block):
    monkeypatch.setattr(scorer, "PAIRS", block)
    channels = CHANNELS | {"none": np.zeros((5, 0), np.float32)}
    cosines = channel_cosines(channels, np.array([0, 0, 2]), np.array([1, 2, 3]))
    np.testing.assert_allclose(cosines["image"], [0.6, np.nan, np.nan], atol=1e-6)
    np.testing.assert_allclose(cosines["title"], [0.8, 1.0, np.nan], atol=1e-6)
    assert np.isnan(cosines["none"]).all()


def test_cosines_with_listings_of_another_array():
    new = {"image": CHANNELS["image"][[B]], "title": CHANNELS["title"][[B]]}
    cosines = channel_cosines(new, np.array([0, 0]), np.array([A, C]), CHANNELS)
    np.testing.assert_allclose(cosines["image"], [0.6, np.nan], atol=1e-6)
    np.testing.assert_allclose(cosines["title"], [0.8, 0.8], atol=1e-6)


@pytest.mark.parametrize("block", [65_536, 2])
def test_pairs_by_hand(monkeypatch, block):
    monkeypatch.setattr(scorer, "PAIRS", block)
    scores = pair_scores(concatenate_channels(CHANNELS, HALVES), PAIRS[:, 0], PAIRS[:, 1])
    assert scores == pytest.approx(list(SCORE.values()), abs=1e-6)


def test_a_pair_without_a_common_channel_has_no_score():
    fused = concatenate_channels(CHANNELS, HALVES)
    assert np.isnan(pair_scores(fused, np.array([C]), np.array([D]))).all()
    assert len(pair_scores(fused, np.array([], int), np.array([], int))) == 0


def test_a_matrix_of_scores_is_that_of_the_oracle():
    channels = oracle.random_channels(np.random.default_rng(2), 40, {"a": 4, "b": 3}, missing=0.4)
    weights = {"a": 0.7, "b": 0.3}
    fused = concatenate_channels(channels, weights)
    groups = group_by_mask(fused, np.arange(40, dtype=np.int32))
    scores = score_matrix(fused[10:30], groups)
    columns = np.concatenate([group.rows for group in groups])
    assert len(columns) < 40  # listings without any channel are in no group
    np.testing.assert_allclose(scores, oracle.scores(channels, weights)[10:30][:, columns], atol=1.1e-6)


def test_the_mean_of_cosines_by_hand():
    # B–E: 0.75 · 0.6 + 0.25 · 0.6; A–C: by title alone; C–D: nothing in common
    cosines = np.array([[0.6, 0.6], [0.0, 1.0], [0.0, 0.0]])
    present = np.array([[1, 1], [0, 1], [0, 0]])
    scores = mean_cosine(cosines, present, np.array([0.75, 0.25]))
    np.testing.assert_allclose(scores, [0.6, 1.0, np.nan])
