"""Products that are confused with each other, by hand."""

import numpy as np

from samesku.search.confused import find_confused, rank_confused


def test_products_are_ranked_by_how_often_they_are_confused():
    #  rows 0, 1 of product 0; 2, 3 of 1; 4, 5 of 2
    labels = np.array([0, 0, 1, 1, 2, 2])
    neighbour = np.array([[1, 4, 2], [4, 5, 0], [3, 0, -1], [2, -1, -1], [5, 1, 3], [4, 3, 0]])
    #  product 0 meets 2, 1, 2, 2; product 1 meets 0; product 2 meets 0, 1, 1, 0
    assert rank_confused(neighbour, labels, 1) == {0: [2], 1: [0], 2: [0]}
    assert rank_confused(neighbour, labels, 5) == {0: [2, 1], 1: [0], 2: [0, 1]}


def test_confused_products_are_those_of_near_training_listings():
    """Listings on an arc: 0° and 10° of product 0, 30° of 1, 35° of no training listing, 90° of 2.

    All see all: product 0 meets 1 and 2 twice each, the nearer 1 first; products 1 and 2 meet 0 twice.
    """
    angles = np.radians([0, 10, 30, 35, 90])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    training, product = np.array([0, 1, 2, 4]), np.array([0, 0, 1, 2])
    assert find_confused({"title": rows}, None, training, product, 1) == {0: [1], 1: [0], 2: [0]}
