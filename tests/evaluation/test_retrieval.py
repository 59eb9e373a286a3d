import numpy as np
import pytest

from samesku.evaluation import retrieval, strata

RELEVANT = np.array([[1, 0, 1], [0, 0, 0], [0, 0, 0]], dtype=bool)
TO_FIND = np.array([4, 1, 0])


def test_average_precision_is_over_what_k_could_hold():
    found = retrieval.average_precision(RELEVANT, TO_FIND)
    assert found[0] == pytest.approx((1 / 1 + 2 / 3) / 3)  # min(4, k = 3)
    assert found[1] == 0
    assert np.isnan(found[2])


def test_recall_at_k_is_over_all_there_is_to_find():
    found = retrieval.recall_at_k(RELEVANT, TO_FIND)
    assert found[:2] == pytest.approx([2 / 4, 0])
    assert np.isnan(found[2])


def test_strata_by_number_of_listings():
    rows = strata.by_group_size(np.array([1.0, 0.5, 0.0, 0.25]), np.array([0, 1, 1, 30]))
    assert rows == [
        {"listings": "01", "queries": 1, "f1": 1.0},
        {"listings": "02", "queries": 2, "f1": 0.25},
        {"listings": "21 and more", "queries": 1, "f1": 0.25},
    ]
