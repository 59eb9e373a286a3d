"""Products with what people said of pairs."""

import numpy as np

from samesku.annotations.products import joined


def products(product, same=(), different=()):
    pairs = (np.array(side, np.int32).reshape(-1, 2) for side in (same, different))
    return joined(np.array(product), *pairs).tolist()


def test_without_links_nothing_changes():
    assert products([0, 0, 1, -1]) == [0, 0, 1, -1]


def test_whole_products_are_joined_over_chains():
    assert products([0, 0, 1, 1, 2, 3], same=[(1, 2), (3, 4)]) == [0, 0, 0, 0, 0, 3]


def test_unlabelled_listings_become_a_product_or_join_one():
    assert products([0, -1, -1, -1], same=[(1, 2)]) == [0, 1, 1, -1]
    assert products([0, -1, -1, -1], same=[(1, 2), (2, 0)]) == [0, 0, 0, -1]
    assert products([-1, -1], same=[(0, 1)]) == [0, 0]


def test_a_label_that_is_said_to_be_wrong_leaves_both_out():
    assert products([0, 0, 0, 1], different=[(0, 1)]) == [-1, -1, 0, 1]
    assert products([0, 1], different=[(0, 1)]) == [0, 1]  # negatives as they stand
    assert products([-1, -1], different=[(0, 1)]) == [-1, -1]
