"""Weights: the pool scores as a search does, and the ascent finds what it should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samesku.search import fusion, neighbours, tuning
from tests.fixtures.five_listings import CHANNELS, HALVES, NEIGHBOURS, A, B, C, D, E
from tests.search import oracle

EVERY = np.array([A, B, C, D, E], dtype=np.int32)


def test_five_listings_by_hand():
    found = tuning.pool(CHANNELS, EVERY, EVERY, 4).neighbours(HALVES, 4)
    lists = {q: [int(n) for n in ns if n >= 0] for q, ns in enumerate(found.neighbour)}
    assert lists == NEIGHBOURS
    assert found.score[A, :2] == pytest.approx([1.0, 0.7])


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 60), queries=st.integers(1, 20))
def test_with_whole_lists_the_pool_is_the_search(seed, n, queries):
    channels = oracle.random_channels(np.random.default_rng(seed), n, {"image": 3, "title": 5})
    weights = fusion.channel_weights({"image": 1.0}, {"title": 1.0}, 0.4)
    rows = np.arange(n, dtype=np.int32)
    query = rows[:queries]
    whole = neighbours.search(fusion.concatenate(channels, weights), rows, 5)
    found = tuning.pool(channels, query, rows, n).neighbours(weights, 5)
    assert found.score == pytest.approx(whole.score[: len(query)], abs=2e-6)


def test_a_channel_that_nobody_has_is_left_out():
    found = tuning.pool(CHANNELS | {"none": np.empty((5, 0), np.float32)}, EVERY, EVERY, 2)
    assert found.names == ["image", "title"]


def test_the_union_holds_what_each_channel_ranks():
    found = tuning.pool(CHANNELS, EVERY[:1], EVERY, 1)
    # A: by picture E (1), by title C (1)
    assert sorted(found.neighbour[0].tolist()) == [C, E]


def test_the_ascent_finds_a_peak_and_tells_its_height():
    aim = {"a": 0.3, "b": 0.7, "c": 0.0}
    asked = []

    def near(weights):
        asked.append(weights)
        return -sum((weights[name] - aim[name]) ** 2 for name in aim)

    weights, height = tuning.ascend({"a": 1.0, "b": 1.0, "c": 1.0}, near)
    assert weights == pytest.approx(aim, abs=0.051)
    assert sum(weights.values()) == pytest.approx(1.0)
    assert height == near(weights)
    assert all(w >= 0 for tried in asked for w in tried.values())


def test_one_channel_has_all_the_weight():
    assert tuning.ascend({"a": 2.0}, lambda _: 0.5) == ({"a": 1.0}, 0.5)
