"""What may be known before test is scored."""

import numpy as np
import pytest

from samesku.catalogue.listings import Listings
from samesku.evaluation import validation as val
from samesku.search.neighbours import Neighbours

SPLIT = np.array(["val", "val", "val", "test", "train", "test"])
PRODUCT = np.array([0, 0, -1, 0, 1, -1], dtype=np.int32)
LISTINGS = Listings(np.array(list("abcdef"), object), PRODUCT, np.arange(6, dtype=np.int32), SPLIT)


def test_labels_of_test_are_not_told():
    assert val.known(LISTINGS).tolist() == [0, 0, -1, val.NOT_TOLD, 1, -1]
    assert val.labelled(LISTINGS).tolist() == [True, True, False, False, False, False]


def test_a_match_in_test_is_neither_right_nor_to_be_found():
    # product 0 reaches into test (a split by column can): for val it is a listing of another product
    rows = np.arange(6, dtype=np.int32)
    neighbour = np.array([[1, 3], [0, 3], [0, 1], [0, 1], [0, 1], [0, 1]], dtype=np.int32)
    score = np.tile(np.array([0.9, 0.8], np.float32), (6, 1))
    curve = val.curve(Neighbours(rows, neighbour, score), LISTINGS, rows)
    assert curve.n_relevant == 2
    assert curve.f1.max() == 1.0
    assert val.best_threshold(Neighbours(rows, neighbour, score), LISTINGS, rows) == pytest.approx(0.85)
