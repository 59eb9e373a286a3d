"""Decisions, on neighbours that can be checked on paper."""

import numpy as np
import pytest

from samesku.evaluation import decisions
from samesku.search.exact import search_neighbours
from samesku.search.fusion import concatenate_channels
from samesku.search.neighbours import Neighbours
from tests.fixtures.five_listings import CHANNELS, HALVES


def neighbours_of(*scores):
    score = np.array(scores, dtype=np.float32)
    ids = np.where(np.isfinite(score), np.arange(score.shape[1]) + 100, -1).astype(np.int32)
    return Neighbours(np.arange(len(score), dtype=np.int32), ids, score)


def test_static_keeps_what_reaches_the_threshold_to_the_last_decimal():
    found = neighbours_of([0.9, 0.7, 0.1])
    assert (decisions.static(found) >= 0.9).tolist() == [[True, False, False]]
    assert (decisions.static(found) >= 0.7).tolist() == [[True, True, False]]
    assert (decisions.static(found) >= 0.700001).tolist() == [[True, False, False]]


def test_dynamic_is_deviations_above_the_mean_of_the_querys_own_neighbours():
    found = neighbours_of([0.9, 0.5, 0.1])
    std = np.sqrt((0.4**2 + 0 + 0.4**2) / 3)  # ddof 0 about the mean of 0.5
    assert decisions.dynamic(found)[0] == pytest.approx([0.4 / std, 0, -0.4 / std], abs=1e-5)


def test_dynamic_leaves_out_neighbours_that_do_not_exist():
    with_gap = decisions.dynamic(neighbours_of([0.9, 0.5, -np.inf]))[0]
    assert with_gap.tolist() == [1.0, -1.0, -np.inf]


def test_dynamic_keeps_all_where_every_score_is_the_mean():
    assert decisions.dynamic(neighbours_of([0.4, 0.4, -np.inf])).tolist() == [[np.inf, np.inf, -np.inf]]


def test_at_least_one_keeps_the_best_neighbour_above_the_floor():
    found = neighbours_of([0.9, 0.7], [0.6, 0.5], [0.3, 0.2], [-np.inf, -np.inf])
    keep = decisions.static(found) >= 0.8
    assert decisions.at_least_one(keep, found, floor=0.6).tolist() == [
        [True, False],
        [True, False],
        [False, False],
        [False, False],
    ]


def test_five_listings_by_hand():
    found = search_neighbours(concatenate_channels(CHANNELS, HALVES), np.arange(5, dtype=np.int32), 4)
    keep = decisions.static(found) >= 0.7
    assert [found.neighbour[q][keep[q]].tolist() for q in range(5)] == [[2, 1], [2, 3, 0], [0, 1], [1], []]
