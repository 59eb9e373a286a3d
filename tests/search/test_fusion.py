"""Fusion and the scorer: rows whose inner product is the weighted mean of cosines; scores checked on paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesku.errors import InputError
from samesku.search import fusion
from samesku.search.exact import group_by_mask, score_matrix
from samesku.search.fusion import (
    average_channels,
    channel_cosines,
    channel_weights,
    concatenate_channels,
    fusion_weights,
    mean_cosine,
    pair_scores,
)
from tests.fixtures.five_listings import CHANNELS, HALVES, SCORE, A, B, C, D
from tests.search import oracle
from tests.search.oracle import random_channels

PAIRS = np.array(list(SCORE))


def test_weights_are_shares_of_alpha():
    weights = channel_weights({"cnn": 1.0, "phash": 0.25}, {"sbert": 2.0, "tfidf": 2.0}, alpha=0.6)
    assert weights == pytest.approx(
        {"cnn": 0.6 * 1 / 1.25, "phash": 0.6 * 0.25 / 1.25, "sbert": 0.4 / 2, "tfidf": 0.4 / 2}
    )
    assert sum(weights.values()) == pytest.approx(1)


def test_a_weight_of_zero_leaves_the_channel_out():
    assert channel_weights({"cnn": 1.0, "phash": 0.0}, {"sbert": 1.0}, alpha=1.0) == {"cnn": 1.0}


def test_an_empty_channel_leaves_its_share_to_the_rest_of_its_side():
    channels = {
        name: np.zeros((1, 0 if name == "phash" else 2), np.float32) for name in ("cnn", "phash", "sbert")
    }
    weights = fusion_weights({"cnn": 1.0, "phash": 0.25}, {"sbert": 2.0}, 0.6, channels)
    assert weights == pytest.approx({"cnn": 0.6, "sbert": 0.4})


def test_five_listings_by_hand():
    fused = concatenate_channels(CHANNELS, HALVES)
    assert fused.modality_mask.tolist() == [0b11, 0b11, 0b10, 0b01, 0b11]
    for (i, j), score in SCORE.items():
        shared = fused.shared_weight(int(fused.modality_mask[i]), int(fused.modality_mask[j]))
        assert fused.vectors[i] @ fused.vectors[j] / shared == pytest.approx(score, abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95))
def test_inner_product_is_the_weighted_mean_of_cosines(seed, alpha):
    generator = np.random.default_rng(seed)
    channels = random_channels(generator, 6, {"a": 3, "b": 5, "c": 4}, missing=0)
    weights = channel_weights({"a": 1.0, "b": 0.3}, {"c": 2.0}, alpha)
    fused = concatenate_channels(channels, weights)
    expected = sum(w * channels[c].astype(float) @ channels[c].T.astype(float) for c, w in weights.items())
    np.testing.assert_allclose(fused.vectors @ fused.vectors.T, expected, atol=1e-6)


def test_an_empty_channel_changes_nothing():
    with_empty = concatenate_channels(
        CHANNELS | {"none": np.zeros((5, 0), np.float32)}, HALVES | {"none": 0.5}
    )
    alone = concatenate_channels(CHANNELS, HALVES)
    np.testing.assert_array_equal(with_empty.vectors, alone.vectors)
    np.testing.assert_array_equal(with_empty.modality_mask, alone.modality_mask)


def test_average_is_the_renormalised_mean_of_one_space():
    fused = average_channels(CHANNELS, {"image": 0.75, "title": 0.25})
    b = 0.75 * np.array([0.6, 0.8]) + 0.25 * np.array([0.8, 0.6])
    np.testing.assert_allclose(fused.vectors[1], b / np.linalg.norm(b), atol=1e-6)
    np.testing.assert_allclose(fused.vectors[2], [1, 0])  # C has a title alone
    np.testing.assert_allclose(fused.vectors[3], [0, 1])  # D has a picture alone
    assert fused.shared_weight(1, 1) == 1


def test_average_of_two_spaces_is_refused():
    wide = {"image": CHANNELS["image"], "title": np.eye(5, 3, dtype=np.float32)}
    with pytest.raises(InputError, match="image has 2, title has 3 columns; use concat"):
        average_channels(wide, HALVES)


def test_arrays_of_different_samples_are_refused():
    with pytest.raises(InputError, match="image 5, title 4"):
        concatenate_channels({"image": CHANNELS["image"], "title": CHANNELS["title"][:4]}, HALVES)


@pytest.mark.parametrize("block", [65_536, 2])
def test_each_channels_cosine_and_nan_where_one_lacks_it(monkeypatch, block):
    monkeypatch.setattr(fusion, "PAIRS", block)
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
    monkeypatch.setattr(fusion, "PAIRS", block)
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
