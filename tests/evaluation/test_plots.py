"""The rows of plots, on cases that can be checked on paper."""

import numpy as np
import pytest

from samesku.catalogue.listings import Listings
from samesku.evaluation.plots import (
    ALPHAS,
    BINS,
    POINTS,
    alpha_rows,
    precision_recall_rows,
    score_rows,
    threshold_rows,
)
from samesku.evaluation.thresholds import sweep_thresholds
from samesku.params import Decision
from samesku.search.neighbours import Neighbours
from tests.fixtures.random_neighbours import f1_at_threshold, random_neighbours


def test_precision_recall_by_hand():
    statistic = np.array([[0.9, 0.5], [0.7, 0.1]])
    relevant = np.array([[True, False], [True, False]])
    rows = precision_recall_rows(sweep_thresholds(statistic, relevant, np.array([1, 3])))
    # Below 0.7 recall no longer rises.
    assert [(row["threshold"], row["recall"], row["precision"]) for row in rows] == [
        (0.9, 1 / 4, 1.0),
        (0.7, 2 / 4, 1.0),
    ]


def test_threshold_rows_hold_the_exact_f1_of_each_split():
    val, test = random_neighbours(4, 2), random_neighbours(5, 2)
    rows = threshold_rows({"val": sweep_thresholds(*val), "test": sweep_thresholds(*test)})
    assert len(rows) == POINTS
    for row in rows[::20]:
        assert row["val_f1"] == pytest.approx(f1_at_threshold(*val, row["threshold"]))
        assert row["test_f1"] == pytest.approx(f1_at_threshold(*test, row["threshold"]))
    assert threshold_rows({}) == []


def test_score_rows_count_every_pair_once_in_its_class():
    statistic = np.array([[0.9, 0.5, -np.inf], [np.inf, 0.5, 0.1]])
    relevant = np.array([[True, False, False], [True, True, False]])
    rows = score_rows(statistic, relevant)
    assert (rows[0]["low"], rows[-1]["high"], len(rows)) == (0.1, 0.9, BINS)
    half = next(row for row in rows if row["low"] <= 0.5 < row["high"])
    assert (half["true_pairs"], half["false_pairs"]) == (1, 1)
    assert (rows[0]["true_pairs"], rows[0]["false_pairs"]) == (0, 1)
    assert (rows[-1]["true_pairs"], rows[-1]["false_pairs"]) == (1, 0)
    assert score_rows(np.full((2, 2), -np.inf), np.zeros((2, 2), bool)) == []


def test_alpha_rows_have_the_f1_of_each_split_at_its_alpha():
    """Two listings of one product in val, two of two products in test; each is the other's neighbour, at score α."""
    listings = Listings(
        np.array(list("uvxy"), object),
        np.array([0, 0, 1, 2], np.int32),
        np.array([0, 0, 1, 2], np.int32),
        np.array(["val", "val", "test", "test"]),
    )
    neighbour = np.array([[1], [0], [3], [2]], np.int32)

    def rank(alpha):
        return Neighbours(np.arange(4, dtype=np.int32), neighbour, np.full((4, 1), alpha, np.float32))

    rows = alpha_rows(rank, listings, Decision(kind="static", value=0.5))
    assert [row["alpha"] for row in rows] == ALPHAS
    for row in rows:
        assert row["val_f1"] == pytest.approx(1 if row["alpha"] >= 0.5 else 2 / 3)
        assert row["test_f1"] == pytest.approx(2 / 3 if row["alpha"] >= 0.5 else 1)
