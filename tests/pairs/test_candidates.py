"""Candidate pairs: each once, whichever listing has which as its neighbour."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samesku.pairs.candidates import best_candidates, unite_candidates
from samesku.search.neighbours import Neighbours


def neighbours_of(query, neighbour):
    rows = np.array(neighbour, dtype=np.int32)
    score = np.where(rows >= 0, 0.5, -np.inf).astype(np.float32)
    return Neighbours(np.array(query, dtype=np.int32), rows, score)


ROWS = np.array([2, 5, 7, 9], dtype=np.int32)
SEARCH = neighbours_of(ROWS, [[5, 7], [2, -1], [9, -1], [7, 2]])  # pairs 2–5, 2–7, 2–9, 7–9


def test_each_pair_of_two_searches_once_in_order():
    candidates = unite_candidates(ROWS, [SEARCH, neighbours_of(ROWS, [[5], [7], [-1], [-1]])])
    assert np.stack(candidates.catalogue_rows, 1).tolist() == [[2, 5], [2, 7], [2, 9], [5, 7], [7, 9]]
    assert (candidates.left < candidates.right).all()


def test_a_pair_stands_in_the_lists_of_both_its_listings():
    candidates = unite_candidates(ROWS, [SEARCH])
    [(first, lists)] = candidates.list_blocks()
    assert first == 0
    assert lists.start.tolist() == [0, 3, 4, 6, 8]
    assert lists.listing.tolist() == [0, 0, 0, 1, 2, 2, 3, 3]
    assert lists.candidate.tolist() == [1, 2, 3, 0, 0, 3, 0, 2]
    assert lists.pair.tolist() == [0, 1, 2, 0, 1, 3, 2, 3]
    assert lists.is_right.tolist() == [False] * 3 + [True, True, False, True, True]
    some = candidates.lists_of(np.array([3, 1]))
    assert some.start.tolist() == [0, 2, 3]
    assert some.pair.tolist() == [2, 3, 0]


@pytest.mark.parametrize("entries", [1, 3, 7])
def test_blocks_of_any_size_give_the_same_candidates_and_lists(entries, monkeypatch):
    draw = np.random.default_rng(entries)
    rows = np.arange(0, 60, 2, dtype=np.int32)
    searches = [
        neighbours_of(rows, [draw.choice(rows[rows != row], 4, replace=False) for row in rows])
        for _ in range(2)
    ]
    expected = {
        (min(query, row), max(query, row))
        for search in searches
        for query, nearest in zip(search.query.tolist(), search.neighbour.tolist(), strict=True)
        for row in nearest
    }
    whole = unite_candidates(rows, searches)
    score = draw.random(len(whole))
    best = best_candidates(whole, score, 3)
    monkeypatch.setattr("samesku.pairs.candidates.ENTRIES", entries)
    candidates = unite_candidates(rows, searches)
    assert list(zip(*(side.tolist() for side in candidates.catalogue_rows), strict=True)) == sorted(expected)
    again = best_candidates(candidates, score, 3)
    assert again.neighbour.tolist() == best.neighbour.tolist()
    lists = [of_block.pair for _, of_block in candidates.list_blocks()]
    assert len(lists) > 1
    assert np.concatenate(lists).tolist() == whole.lists_of(np.arange(30)).pair.tolist()


def test_pairs_are_looked_up_in_either_order():
    candidates = unite_candidates(ROWS, [SEARCH])
    assert candidates.index(np.array([9, 2]), np.array([7, 9])).tolist() == [3, 2]


def test_a_gallery_without_neighbours_and_an_empty_one():
    none = unite_candidates(ROWS, [neighbours_of(ROWS, [[-1]] * 4)])
    assert len(none) == 0
    assert best_candidates(none, np.empty(0), 5).neighbour.shape == (4, 0)
    rows = np.empty(0, np.int32)
    no_listing = Neighbours(rows, np.empty((0, 0), np.int32), np.empty((0, 0), np.float32))
    assert len(unite_candidates(rows, [no_listing])) == 0


def test_the_best_candidates_by_score_then_row():
    candidates = unite_candidates(ROWS, [SEARCH])
    best = best_candidates(candidates, np.array([0.25, 0.5, 0.5, 0.125]), k=2)
    assert best.query.tolist() == ROWS.tolist()
    assert best.neighbour.tolist() == [[7, 9], [2, -1], [2, 9], [2, 7]]
    assert best.score.tolist() == [[0.5, 0.5], [0.25, -np.inf], [0.5, 0.125], [0.5, 0.125]]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(2, 30))
def test_a_pair_has_one_score_from_either_side(seed, size):
    draw = np.random.default_rng(seed)
    rows = np.sort(draw.choice(100, size, replace=False)).astype(np.int32)
    lists = [[row for row in draw.choice(rows, 3) if row != query] for query in rows]
    candidates = unite_candidates(rows, [neighbours_of(rows, [(row + [-1] * 3)[:3] for row in lists])])
    best = best_candidates(candidates, draw.random(len(candidates)), k=size)
    position, rank = np.nonzero(best.valid)
    pairs = zip(best.query[position].tolist(), best.neighbour[position, rank].tolist(), strict=True)
    score = dict(zip(pairs, best.score[position, rank].tolist(), strict=True))
    assert len(score) == 2 * len(candidates)
    assert all(score[right, left] == value for (left, right), value in score.items())
