"""A pair beside the candidates of its listings, on four listings that can be checked by hand."""

import numpy as np
import pytest

from samesku.pairs.candidates import Candidates
from samesku.pairs.list_features import (
    best_rivals,
    list_statistics,
    list_sums,
    ranks_in_lists,
    shared_neighbours,
    two_step_paths,
)

# pairs 0–1, 0–2, 0–3, 1–2, 2–3; the lists are 0: .9 .5 .5 | 1: .9 .7 | 2: .7 .5 .1 | 3: .5 .1
PAIRS = Candidates(
    np.arange(4, dtype=np.int32), np.array([0, 0, 0, 1, 2], np.int32), np.array([1, 2, 3, 2, 3], np.int32)
)
SCORE = np.array([0.9, 0.5, 0.5, 0.7, 0.1], dtype=np.float32)


def test_equal_values_share_the_last_of_their_ranks():
    left, right = ranks_in_lists(PAIRS, SCORE)
    assert left.tolist() == [1, 3, 3, 2, 3]
    assert right.tolist() == [1, 2, 1, 1, 2]


def test_missing_values_rank_last():
    left, right = ranks_in_lists(PAIRS, np.array([np.nan, 0.5, 0.5, 0.7, 0.1], dtype=np.float32))
    assert left[0] == 3
    assert right[0] == 2


def test_maximum_mean_and_deviation_of_each_list():
    statistics = list_statistics(PAIRS, np.array([0.9, 0.5, 0.5, 0.7, np.nan], dtype=np.float32))
    assert statistics[:, 0] == pytest.approx([0.9, 0.9, 0.7, 0.5])
    assert statistics[:, 1] == pytest.approx([1.9 / 3, 0.8, 0.6, 0.5])
    assert statistics[3, 2] == 0
    assert statistics[1, 2] == pytest.approx(0.1)


def test_an_empty_list_has_zeros():
    pair_0_1 = Candidates(np.arange(3, dtype=np.int32), np.array([0], np.int32), np.array([1], np.int32))
    assert list_statistics(pair_0_1, np.array([0.5], np.float32))[2].tolist() == [0, 0, 0]


def test_sums_and_rivals():
    assert list_sums(PAIRS, SCORE) == pytest.approx([1.9, 1.6, 1.3, 0.6])
    left, right = best_rivals(PAIRS, SCORE)
    assert left == pytest.approx([0.5, 0.9, 0.9, 0.9, 0.7])
    assert right == pytest.approx([0.7, 0.7, 0.1, 0.5, 0.5])


def test_shared_neighbours_weigh_by_both_of_their_pairs():
    # 0 and 1 share 2; 0 and 2 share 1 and 3; 0 and 3 share 2; 1 and 2 share 0; 2 and 3 share 0
    by_hand = [
        np.sqrt(0.5 * 0.7),
        np.sqrt(0.9 * 0.7) + np.sqrt(0.5 * 0.1),
        np.sqrt(0.5 * 0.1),
        np.sqrt(0.9 * 0.5),
        np.sqrt(0.5 * 0.5),
    ]
    assert shared_neighbours(PAIRS, SCORE) == pytest.approx(by_hand, rel=1e-5)


def test_paths_of_two_steps_leave_out_improbable_pairs():
    total, strongest = two_step_paths(PAIRS, SCORE, min_probability=0.2)  # without 2–3
    assert total == pytest.approx([0.5 * 0.7, 0.9 * 0.7, 0, 0.9 * 0.5, 0.5 * 0.5])
    assert strongest == pytest.approx(total)
    total, strongest = two_step_paths(PAIRS, SCORE, min_probability=0.05)
    assert total[1] == pytest.approx(0.9 * 0.7 + 0.5 * 0.1)  # 0–1–2 and 0–3–2
    assert strongest[1] == pytest.approx(0.9 * 0.7)
