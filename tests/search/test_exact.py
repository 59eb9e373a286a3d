"""Search: exact, in one order, whatever the blocks; copies lose neither themselves nor each other."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samesku.search import exact
from samesku.search.exact import group_by_mask, search_groups, search_neighbours, search_queries
from samesku.search.fusion import concatenate_channels
from tests.fixtures.five_listings import CHANNELS, HALVES, NEIGHBOURS, SCORE
from tests.fixtures.shops import RULES, number_shops
from tests.search import oracle


def as_lists(result):
    return {
        int(query): [(int(n), float(s)) for n, s in zip(ns, ss, strict=True) if n >= 0]
        for query, ns, ss in zip(result.query, result.neighbour, result.score, strict=True)
    }


def rows(*numbers):
    return np.array(numbers, dtype=np.int32)


def test_five_listings_by_hand():
    result = as_lists(search_neighbours(concatenate_channels(CHANNELS, HALVES), rows(0, 1, 2, 3, 4), k=4))
    assert {q: [n for n, _ in list_] for q, list_ in result.items()} == NEIGHBOURS
    for query, list_ in result.items():
        for neighbour, score in list_:
            assert score == pytest.approx(SCORE[min(query, neighbour), max(query, neighbour)], abs=1e-6)


def test_k_limits_the_list_and_a_gallery_smaller_than_k_is_whole():
    fused = concatenate_channels(CHANNELS, HALVES)
    assert search_neighbours(fused, rows(0, 1, 2, 3, 4), k=2).neighbour.tolist()[0] == [2, 1]
    assert search_neighbours(fused, rows(0, 1, 4), k=50).neighbour.tolist() == [[1, 4], [0, 4], [1, 0]]


@pytest.mark.parametrize("size", [0, 1])
def test_a_gallery_of_no_or_one_listing_has_no_neighbours(size):
    result = search_neighbours(concatenate_channels(CHANNELS, HALVES), rows(*range(size)), k=5)
    assert result.neighbour.shape == (size, 0)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 90),
    k=st.integers(1, 30),
    values=st.sampled_from([None, 2, 5]),
)
def test_equals_the_naive_oracle_also_where_most_pairs_tie(seed, n, k, values):
    generator = np.random.default_rng(seed)
    channels = oracle.random_channels(generator, n, {"a": 4, "b": 3}, values=values)
    weights = {"a": 0.7, "b": 0.3}
    gallery = np.flatnonzero(generator.random(n) < 0.8).astype(np.int32)
    result = as_lists(search_neighbours(concatenate_channels(channels, weights), gallery, k))
    score = oracle.scores(channels, weights)
    expected = oracle.neighbours(score, gallery.tolist(), k)
    for query in expected:
        # Within 1e-6 two pairs may stand in either order, so the scores are compared, and each pair's.
        assert [s for _, s in result[query]] == pytest.approx([s for _, s in expected[query]], abs=2e-6)
        assert len({n for n, _ in result[query]}) == len(result[query])
        assert all(s == pytest.approx(score[query, n], abs=2e-6) for n, s in result[query])


def test_exact_ties_stand_in_the_order_of_rows_past_those_that_were_fetched():
    copies = np.tile(np.array([[1.0, 0.0]], np.float32), (200, 1))
    copies[150] = [0.0, 1.0]
    result = search_neighbours(
        concatenate_channels({"a": copies}, {"a": 1.0}), np.arange(200, dtype=np.int32), 5
    )
    assert result.neighbour[199].tolist() == [0, 1, 2, 3, 4]
    assert result.neighbour[2].tolist() == [0, 1, 3, 4, 5]
    assert result.neighbour[150].tolist() == [0, 1, 2, 3, 4]


def test_a_copy_finds_the_copies_and_never_itself():
    generator = np.random.default_rng(3)
    channels = oracle.random_channels(generator, 60, {"a": 8}, missing=0)
    channels["a"][10:18] = channels["a"][10]
    result = as_lists(
        search_neighbours(concatenate_channels(channels, {"a": 1.0}), np.arange(60, dtype=np.int32), 7)
    )
    for copy in range(10, 18):
        assert {n for n, _ in result[copy]} == set(range(10, 18)) - {copy}


def test_blocks_change_nothing(monkeypatch):
    generator = np.random.default_rng(5)
    channels = oracle.random_channels(generator, 300, {"a": 16, "b": 7}, values=40)
    fused = concatenate_channels(channels, {"a": 0.5, "b": 0.5})
    whole = search_neighbours(fused, np.arange(300, dtype=np.int32), 20)
    monkeypatch.setattr(exact, "QUERIES", 17)
    monkeypatch.setattr(exact, "WHOLE_ROW_QUERIES", 3)
    blocks = search_neighbours(fused, np.arange(300, dtype=np.int32), 20)
    np.testing.assert_allclose(blocks.score, whole.score, atol=1.1e-6)
    differing = blocks.neighbour != whole.neighbour
    np.testing.assert_allclose(blocks.score[differing], whole.score[differing], atol=1.1e-6)


def test_the_order_of_listings_changes_no_score():
    generator = np.random.default_rng(6)
    channels = oracle.random_channels(generator, 120, {"a": 16, "b": 7})
    shuffled = generator.permutation(120)
    weights = {"a": 0.5, "b": 0.5}
    every = np.arange(120, dtype=np.int32)
    plain = search_neighbours(concatenate_channels(channels, weights), every, 10)
    moved = search_neighbours(
        concatenate_channels({c: rows_[shuffled] for c, rows_ in channels.items()}, weights), every, 10
    )
    np.testing.assert_allclose(moved.score, plain.score[shuffled], atol=1.1e-6)


def test_further_listings_against_a_gallery():
    """B and a listing like D search A, C, D, E: B is row 1, and the listing of row −1 is left out."""
    fused = concatenate_channels(CHANNELS, HALVES)
    groups = group_by_mask(fused, rows(0, 2, 3, 4))
    result = as_lists(search_queries(fused[rows(1, 3)], rows(1, -1), groups, k=3))
    assert [n for n, _ in result[0]] == [2, 3, 0]
    assert [n for n, _ in result[1]] == [3, 0, 4]  # C has nothing in common with D
    assert [s for _, s in result[1]] == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)
    hidden = [replace(group, rows=np.where(group.rows == 3, np.int32(-1), group.rows)) for group in groups]
    result = as_lists(search_queries(fused[rows(1)], rows(1), hidden, k=3))
    assert [n for n, _ in result[0]] == [2, 0, 4]


@pytest.mark.parametrize("link", ["across", "within"])
@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 70),
    k=st.integers(1, 20),
    shops=st.integers(1, 12),
    values=st.sampled_from([None, 2, 5]),
)
def test_shops_leave_out_listings_before_the_best_are_taken(link, seed, n, k, shops, values):
    generator = np.random.default_rng(seed)
    channels = oracle.random_channels(generator, n, {"a": 4, "b": 3}, values=values)
    weights = {"a": 0.7, "b": 0.3}
    gallery = np.flatnonzero(generator.random(n) < 0.8).astype(np.int32)
    shop = generator.integers(0, shops, n).astype(np.int32)
    allowed = number_shops(link, shop)
    fused = concatenate_channels(channels, weights)
    score = oracle.scores(channels, weights)
    expected = oracle.neighbours(score, gallery.tolist(), k, lambda i, j: RULES[link](shop[i], shop[j]))
    some = gallery[::2]
    results = (
        search_neighbours(fused, gallery, k, allowed=allowed),
        search_neighbours(fused, gallery, k, allowed=allowed, queries=some, search_blocks=search_groups),
        replace(
            search_queries(
                fused[gallery], gallery, group_by_mask(fused, gallery, allowed), k, allowed, shop[gallery]
            ),
            query=gallery,
        ),
    )
    for result in results:
        for query, list_ in as_lists(result).items():
            assert [s for _, s in list_] == pytest.approx([s for _, s in expected[query]], abs=2e-6)
            assert len({n for n, _ in list_}) == len(list_)
            assert all(s == pytest.approx(score[query, n], abs=2e-6) for n, s in list_)
            assert all(RULES[link](shop[query], shop[n]) for n, _ in list_)


def test_ties_across_shops_stand_in_the_order_of_rows_past_those_that_were_fetched(monkeypatch):
    monkeypatch.setattr(exact, "QUERIES", 17)
    copies = np.tile(np.array([[1.0, 0.0]], np.float32), (200, 1))
    shop = np.repeat([0, 1], 100).astype(np.int32)
    result = search_neighbours(
        concatenate_channels({"a": copies}, {"a": 1.0}),
        np.arange(200, dtype=np.int32),
        5,
        allowed=number_shops("across", shop),
    )
    assert result.neighbour[150].tolist() == [0, 1, 2, 3, 4]
    assert result.neighbour[0].tolist() == [100, 101, 102, 103, 104]


def test_fewer_than_k_where_fewer_may_match():
    """A, C and E are of one shop, B of another, D of a third."""
    fused, every = concatenate_channels(CHANNELS, HALVES), rows(0, 1, 2, 3, 4)
    shop = rows(0, 1, 0, 2, 0)
    across = as_lists(search_neighbours(fused, every, 4, allowed=number_shops("across", shop)))
    assert {query: [n for n, _ in of] for query, of in across.items()} == {
        0: [1, 3], 1: [2, 3, 0, 4], 2: [1], 3: [1, 0, 4], 4: [1, 3]
    }  # fmt: skip
    within = as_lists(search_neighbours(fused, every, 4, allowed=number_shops("within", shop)))
    assert {query: [n for n, _ in of] for query, of in within.items()} == {
        0: [2, 4], 1: [], 2: [0, 4], 3: [], 4: [0, 2]
    }  # fmt: skip
