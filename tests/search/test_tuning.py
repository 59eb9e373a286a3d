"""Weights: the pool scores as a search does, the ascent finds a peak, blocks change nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samesku.search import tuning
from samesku.search.exact import search_neighbours
from samesku.search.fusion import channel_weights, concatenate_channels
from samesku.search.tuning import ascend_weights, choose_n_nearest, unite_neighbours, weight_surface
from tests.fixtures.five_listings import CHANNELS, HALVES, NEIGHBOURS, A, B, C, D, E
from tests.fixtures.shops import number_shops
from tests.search import oracle

EVERY = np.array([A, B, C, D, E], dtype=np.int32)


def test_five_listings_by_hand():
    result = unite_neighbours(CHANNELS, EVERY, EVERY, 4).rank(HALVES, 4)
    lists = {q: [int(n) for n in ns if n >= 0] for q, ns in enumerate(result.neighbour)}
    assert lists == NEIGHBOURS
    assert result.score[A, :2] == pytest.approx([1.0, 0.7])


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 60), queries=st.integers(1, 20))
def test_with_whole_lists_the_pool_is_the_search(seed, n, queries):
    channels = oracle.random_channels(np.random.default_rng(seed), n, {"image": 3, "title": 5})
    weights = channel_weights({"image": 1.0}, {"title": 1.0}, 0.4)
    rows = np.arange(n, dtype=np.int32)
    query = rows[:queries]
    whole = search_neighbours(concatenate_channels(channels, weights), rows, 5)
    result = unite_neighbours(channels, query, rows, n).rank(weights, 5)
    expected = whole.score[: len(query)]
    assert result.score == pytest.approx(expected[:, : result.k], abs=2e-6)
    assert np.isneginf(expected[:, result.k :]).all()  # no channel compares these


def test_an_empty_channel_is_left_out():
    result = unite_neighbours(CHANNELS | {"none": np.empty((5, 0), np.float32)}, EVERY, EVERY, 2)
    assert result.names == ["image", "title"]


def test_the_union_holds_what_each_channel_ranks():
    result = unite_neighbours(CHANNELS, EVERY[:1], EVERY, 1)
    # A: by picture E (1), by title C (1)
    assert sorted(result.neighbour[0].tolist()) == [C, E]


@pytest.mark.parametrize(
    ("best", "k", "expected"),
    [(20, 50, 20), (20, 20, 10), (None, 50, None), (40, 41, 40), (5, 4, None)],
)
def test_the_number_of_neighbours_that_is_best_is_taken_and_none_of_k_or_more(best, k, expected):
    heights = {None: 0.5, 5: 0.6, 10: 0.7, 20: 0.6, 40: 0.55} | {best: 0.8}
    assert choose_n_nearest(heights.__getitem__, k) == expected


def test_a_threshold_is_kept_where_a_number_of_neighbours_is_no_better():
    assert choose_n_nearest(lambda n_nearest: 0.5, 50) is None


def test_the_ascent_finds_a_peak_and_its_height():
    aim = {"a": 0.3, "b": 0.7, "c": 0.0}
    tried = []

    def near(weights):
        tried.append(weights)
        return -sum((weights[name] - aim[name]) ** 2 for name in aim)

    weights, height = ascend_weights({"a": 1.0, "b": 1.0, "c": 1.0}, near)
    assert weights == pytest.approx(aim, abs=0.051)
    assert sum(weights.values()) == pytest.approx(1.0)
    assert height == near(weights)
    assert all(w >= 0 for step in tried for w in step.values())


def test_one_channel_has_all_the_weight():
    assert ascend_weights({"a": 2.0}, lambda _: 0.5) == ({"a": 1.0}, 0.5)


def test_the_surface_varies_one_channel_within_its_side():
    """The first title channel by its share; the second and the image side keep their proportions."""
    best = {"cnn": 0.4, "sbert": 0.3, "tfidf": 0.3}
    rows = weight_surface(lambda w: w["sbert"], best, ["cnn"], ["sbert", "tfidf"], [0.0, 0.5], [0.0, 1.0])
    assert rows == [
        {"alpha": 0.0, "share_0": 0.0, "share_100": 1.0},
        {"alpha": 0.5, "share_0": 0.0, "share_100": 0.5},
    ]
    rows = weight_surface(lambda w: w["cnn"], best, ["cnn"], ["sbert", "tfidf"], [0.25], [0.5])
    assert rows == [{"alpha": 0.25, "share_50": 0.25}]


@pytest.mark.parametrize("block", [1024, 7])
@pytest.mark.parametrize("link", ["all", "across", "within"])
def test_pools_leave_out_what_the_search_leaves_out_in_blocks_of_any_size(monkeypatch, link, block):
    monkeypatch.setattr(tuning, "QUERIES", block)
    monkeypatch.setattr(tuning, "PAIRS", 10 * block)
    generator = np.random.default_rng(2)
    channels = oracle.random_channels(generator, 60, {"cnn": 6, "sbert": 5})
    rows, allowed = np.arange(60, dtype=np.int32), number_shops(link, generator.integers(0, 6, 60))
    weights = channel_weights({"cnn": 1.0}, {"sbert": 1.0}, 0.3)
    expected = search_neighbours(concatenate_channels(channels, weights), rows, 12, allowed=allowed)
    pooled = unite_neighbours(channels, rows, rows, 60, allowed).rank(weights, 12)
    width = pooled.score.shape[1]
    np.testing.assert_allclose(pooled.score, expected.score[:, :width], atol=1.1e-6)
    assert allowed.of_rows(pooled.query[:, None], pooled.neighbour)[pooled.valid].all()


def test_pools_take_the_search_that_is_given():
    def search(fused, rows, k, *, allowed, queries):
        searched.append(k)
        return search_neighbours(fused, rows, k, allowed=allowed, queries=queries)

    searched = []
    given = unite_neighbours(CHANNELS, EVERY, EVERY, 2, search=search)
    assert searched == [2, 2]  # once for each channel
    assert given.neighbour.tolist() == unite_neighbours(CHANNELS, EVERY, EVERY, 2).neighbour.tolist()
