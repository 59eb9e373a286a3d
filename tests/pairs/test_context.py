"""A pair beside the other candidates of its listings, on four listings that can be checked by hand."""

import numpy as np
import pytest

from samesku.pairs import context
from samesku.pairs.candidates import Candidates

# pairs 0–1, 0–2, 0–3, 1–2, 2–3
POOL = Candidates(
    np.arange(4, dtype=np.int32), np.array([0, 0, 0, 1, 2], np.int32), np.array([1, 2, 3, 2, 3], np.int32)
)
SCORE = np.array([0.9, 0.5, 0.5, 0.7, 0.1], dtype=np.float32)


def test_ranks_of_equals_are_that_of_the_last():
    left, right = context.ranks(POOL, SCORE)
    # lists: 0: .9 .5 .5 | 1: .9 .7 | 2: .7 .5 .1 | 3: .5 .1
    assert left.tolist() == [1, 3, 3, 2, 3]
    assert right.tolist() == [1, 2, 1, 1, 2]


def test_unknown_similarities_come_last():
    left, right = context.ranks(POOL, np.where(SCORE == 0.9, np.nan, SCORE).astype(np.float32))
    assert left[0] == 3
    assert right[0] == 2


def test_best_mean_and_spread_of_each_list():
    found = context.statistics(POOL, np.where(np.float32(0.1) == SCORE, np.nan, SCORE).astype(np.float32))
    assert found[:, 0] == pytest.approx([0.9, 0.9, 0.7, 0.5])
    assert found[:, 1] == pytest.approx([1.9 / 3, 0.8, 0.6, 0.5])
    assert found[3, 2] == 0
    assert found[1, 2] == pytest.approx(0.1)


def test_a_listing_without_candidates_has_zeros():
    lonely = Candidates(np.arange(3, dtype=np.int32), np.array([0], np.int32), np.array([1], np.int32))
    assert context.statistics(lonely, np.array([0.5], np.float32))[2].tolist() == [0, 0, 0]


def test_total_and_best_other():
    assert context.total(POOL, SCORE) == pytest.approx([1.9, 1.6, 1.3, 0.6])
    left, right = context.best_other(POOL, SCORE)
    assert left == pytest.approx([0.5, 0.9, 0.9, 0.9, 0.7])
    assert right == pytest.approx([0.7, 0.7, 0.1, 0.5, 0.5])


def test_shared_neighbours_weigh_by_both_of_their_pairs():
    found = context.shared_neighbours(POOL, SCORE)
    # 0 and 1 share 2; 0 and 2 share 1 and 3; 0 and 3 share 2; 1 and 2 share 0; 2 and 3 share 0
    by_hand = [
        np.sqrt(0.5 * 0.7),
        np.sqrt(0.9 * 0.7) + np.sqrt(0.5 * 0.1),
        np.sqrt(0.5 * 0.1),
        np.sqrt(0.9 * 0.5),
        np.sqrt(0.5 * 0.5),
    ]
    assert found == pytest.approx(by_hand, rel=1e-5)
