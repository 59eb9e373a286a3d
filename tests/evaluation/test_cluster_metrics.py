"""Groups against products, counted by hand."""

import numpy as np
import pytest

from samesku.evaluation import cluster_metrics as clusters

# groups {0, 1, 2}, {3, 4}, {5}; products a: 0, 1, 3; b: 2, 4; 5 has no label
GROUP = np.array([0, 0, 0, 1, 1, 2])
PRODUCT = np.array([0, 0, 1, 0, 1, -1])


def test_counts_of_each_query_without_itself():
    hits, kept, n_relevant = clusters.counts(GROUP, PRODUCT, np.arange(5))
    assert hits.tolist() == [1, 1, 0, 0, 0]
    assert kept.tolist() == [2, 2, 2, 1, 1]
    assert n_relevant.tolist() == [2, 2, 1, 2, 1]


def test_pairwise_and_b_cubed():
    found = clusters.figures(GROUP, PRODUCT, np.arange(5))
    assert found["groups"] == 2
    assert found["largest"] == 3
    assert found["pairwise"] == {"precision": 2 / 8, "recall": 2 / 8, "f1": 2 * 2 / 16}
    precision = (2 / 3 + 2 / 3 + 1 / 3 + 1 / 2 + 1 / 2) / 5
    recall = (2 / 3 + 2 / 3 + 1 / 2 + 1 / 3 + 1 / 2) / 5
    assert found["b_cubed"]["precision"] == pytest.approx(precision)
    assert found["b_cubed"]["recall"] == pytest.approx(recall)


def test_listings_outside_the_gallery_are_neither_found_nor_missed():
    hits, kept, n_relevant = clusters.counts(np.array([0, 0, -1]), np.array([0, 0, 0]), np.array([0]))
    assert (hits.tolist(), kept.tolist(), n_relevant.tolist()) == ([1], [1], [1])


def test_every_listing_alone():
    found = clusters.figures(np.arange(3), np.array([0, 0, 1]), np.arange(3))
    assert found["pairwise"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert found["b_cubed"]["precision"] == 1.0
