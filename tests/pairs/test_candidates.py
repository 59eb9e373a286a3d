"""Candidate pairs: each once, whoever named whom; the lists made of them are the same from either side."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from samesku.pairs import candidates
from samesku.search.neighbours import Neighbours


def lists(query, neighbour):
    ids = np.array(neighbour, dtype=np.int32)
    score = np.where(ids >= 0, 0.5, -np.inf).astype(np.float32)
    return Neighbours(np.array(query, dtype=np.int32), ids, score)


ROWS = np.array([2, 5, 7, 9], dtype=np.int32)
FOUND = lists([2, 5, 7, 9], [[5, 7], [2, -1], [9, -1], [7, 2]])


def test_each_pair_once_in_order():
    found = candidates.union(ROWS, [FOUND, lists([2, 5, 7, 9], [[5], [7], [-1], [-1]])])
    assert np.stack(found.pairs, 1).tolist() == [[2, 5], [2, 7], [2, 9], [5, 7], [7, 9]]
    assert (found.left < found.right).all()


def test_both_directions_by_listing():
    owner, pair = candidates.union(ROWS, [FOUND]).sides
    assert owner.tolist() == [0, 0, 0, 1, 2, 2, 3, 3]
    assert pair.tolist() == [0, 1, 2, 0, 3, 1, 2, 3]  # pairs 2–5, 2–7, 2–9, 7–9


def test_pairs_are_found_in_either_order():
    found = candidates.union(ROWS, [FOUND])
    assert found.find(np.array([9, 2]), np.array([7, 9])).tolist() == [3, 2]


def test_a_listing_without_neighbours_and_an_empty_gallery():
    none = candidates.union(ROWS, [lists(ROWS, [[-1]] * 4)])
    assert len(none) == 0
    assert candidates.as_neighbours(none, np.empty(0), 5).neighbour.shape == (4, 0)
    empty = np.empty(0, np.int32)
    assert (
        len(candidates.union(empty, [Neighbours(empty, np.empty((0, 0), np.int32), np.empty((0, 0)))])) == 0
    )


def test_lists_by_score_then_row():
    pool = candidates.union(ROWS, [FOUND])  # 2–5, 2–7, 2–9, 7–9
    found = candidates.as_neighbours(pool, np.array([0.25, 0.5, 0.5, 0.125]), k=2)
    assert found.query.tolist() == ROWS.tolist()
    assert found.neighbour.tolist() == [[7, 9], [2, -1], [2, 9], [2, 7]]
    assert found.score.tolist() == [[0.5, 0.5], [0.25, -np.inf], [0.5, 0.125], [0.5, 0.125]]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(2, 30))
def test_a_score_is_the_same_from_either_side(seed, size):
    draw = np.random.default_rng(seed)
    rows = np.sort(draw.choice(100, size, replace=False)).astype(np.int32)
    asked = [[r for r in draw.choice(rows, 3) if r != q] for q in rows]
    pool = candidates.union(rows, [lists(rows, [(a + [-1] * 3)[:3] for a in asked])])
    found = candidates.as_neighbours(pool, draw.random(len(pool)), k=size)
    said = {
        (int(q), int(n)): float(s)
        for q, ns, ss in zip(found.query, found.neighbour, found.score, strict=True)
        for n, s in zip(ns, ss, strict=True)
        if n >= 0
    }
    assert len(said) == 2 * len(pool)
    assert all(said[b, a] == score for (a, b), score in said.items())
