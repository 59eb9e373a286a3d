"""Products by the labels and the annotations of pairs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from samesku.annotations import products as products_module
from samesku.annotations.products import find_contradictions, join_products, links_among
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
    assert find_contradictions(Links(chain, pairs((2, 3), (2, 0), (1, 0))), 5) == [[2, 1, 0], [1, 0]]
    assert find_contradictions(Links(chain, pairs((2, 3), (0, 4))), 5) == []
    assert find_contradictions(Links(), 5) == []
    shortest = pairs((0, 1), (1, 2), (2, 3), (3, 4), (0, 3))
    assert find_contradictions(Links(shortest, pairs((4, 0))), 5) == [[4, 3, 0]]


def among(must_link, cannot_link=(), n_listings=4):
    links = links_among(Links(pairs(*must_link), pairs(*cannot_link)), n_listings)
    return links.must_link.tolist(), links.cannot_link.tolist()


def test_links_of_listings_that_are_there_stay_as_they_are():
    assert among([(2, 1), (0, 2)], [(3, 1)]) == ([[0, 2], [2, 1]], [[3, 1]])
    assert among([]) == ([], [])


def test_a_product_holds_together_without_the_listing_that_joined_it():
    assert among([(4, 1), (4, 3), (4, 0)]) == ([[0, 1], [0, 3], [1, 3]], [])
    # 0, and the chain of 1 and 2
    assert among([(0, 4), (4, 5), (5, 2), (1, 2)]) == ([[0, 1], [0, 2], [1, 2]], [])
    assert among([(4, 5), (0, 6)]) == ([], [])


def test_many_listings_of_a_product_are_linked_one_after_the_other(monkeypatch):
    monkeypatch.setattr(products_module, "MAX_LINKED", 2)
    assert among([(4, 1), (4, 3), (4, 0)], [(4, 2)]) == ([[0, 1], [1, 3]], [[0, 2], [1, 2]])


def test_a_listing_is_different_from_what_its_product_is_different_from():
    assert among([(4, 2)], [(4, 0), (1, 4)]) == ([], [[1, 2], [2, 0]])
    assert among([(4, 2), (5, 3)], [(4, 5)]) == ([], [[2, 3]])
    assert among([(4, 2), (4, 3)], [(4, 0)]) == ([[2, 3]], [[2, 0], [3, 0]])
    assert among([(0, 1)], [(4, 0), (4, 5)]) == ([[0, 1]], [])  # of 4 and 5, nothing is here


@given(data=st.data())
def test_links_mean_the_same_without_the_listings_that_left(data):
    """Against all that follows from the links: each pair of listings is the same, different, or open."""
    n, n_all = 5, 8
    rows = st.tuples(st.integers(0, n_all - 1), st.integers(0, n_all - 1)).filter(
        lambda pair: pair[0] != pair[1]
    )
    must, cannot = (data.draw(st.lists(rows, max_size=8)) for _ in range(2))
    links = Links(pairs(*must), pairs(*cannot))
    if not find_contradictions(links, n_all):
        after = links_among(links, n)
        assert not find_contradictions(after, n)
        assert (follow(after, n) == follow(links, n_all)[:n, :n]).all()


def follow(links, n_rows):
    """int (n_rows, n_rows): 1 where the links say that two rows are the same, -1 where different, 0 where nothing."""
    same = np.eye(n_rows, dtype=bool)
    for left, right in links.must_link.tolist():
        same[left, right] = same[right, left] = True
    for _ in range(n_rows):
        same = same @ same
    different = np.zeros_like(same)
    for left, right in links.cannot_link.tolist():
        different |= np.outer(same[left], same[right]) | np.outer(same[right], same[left])
    return same.astype(int) - different
