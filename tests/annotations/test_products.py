"""Products by the labels and the annotations of pairs."""

import numpy as np

from samesku.annotations.products import find_contradiction, join_products
from samesku.catalogue.listings import Links


def pairs(*rows):
    return np.array(rows, np.int32).reshape(-1, 2)


def products(product, must_link=(), cannot_link=()):
    return join_products(np.array(product), pairs(*must_link), pairs(*cannot_link)).tolist()


def test_without_links_nothing_changes():
    assert products([0, 0, 1, -1]) == [0, 0, 1, -1]


def test_whole_products_are_joined_over_chains():
    assert products([0, 0, 1, 1, 2, 3], must_link=[(1, 2), (3, 4)]) == [0, 0, 0, 0, 0, 3]


def test_unlabelled_listings_become_a_product_or_join_one():
    assert products([0, -1, -1, -1], must_link=[(1, 2)]) == [0, 1, 1, -1]
    assert products([0, -1, -1, -1], must_link=[(1, 2), (2, 0)]) == [0, 0, 0, -1]
    assert products([-1, -1], must_link=[(0, 1)]) == [0, 0]


def test_a_cannot_link_within_a_product_leaves_both_out():
    assert products([0, 0, 0, 1], cannot_link=[(0, 1)]) == [-1, -1, 0, 1]
    assert products([0, 1], cannot_link=[(0, 1)]) == [0, 1]  # two products as they are
    assert products([-1, -1], cannot_link=[(0, 1)]) == [-1, -1]


def test_a_cannot_link_contradicts_a_chain_of_must_links():
    chain = pairs((0, 1), (1, 2), (4, 3))
    assert find_contradiction(Links(chain, pairs((2, 3), (2, 0))), 5) == (2, 0)
    assert find_contradiction(Links(chain, pairs((2, 3), (0, 4))), 5) is None
    assert find_contradiction(Links(), 5) is None
