"""Annotated pairs and what follows from them, on five listings that can be checked on paper."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samesku.annotations.products import join_rows
from samesku.catalogue.listings import ALL_PAIRS, Links, Listings, allow_pairs
from samesku.evaluation.annotated import AnnotatedPairs
from samesku.params.schema import Match
from tests.fixtures.shops import number_shops

# 0 is 1, and 1 is 2; 2 is not 3; nobody has looked at 4.
LINKS = Links(np.array([[0, 1], [2, 1]], np.int32), np.array([[3, 2]], np.int32))


@pytest.mark.parametrize(
    ("left", "right", "relation"),
    [(0, 1, 1), (2, 0, 1), (3, 2, -1), (0, 3, -1), (3, 1, -1), (0, 4, 0), (4, 3, 0)],
)
def test_must_links_join_and_carry_cannot_links(left, right, relation):
    pairs = AnnotatedPairs(LINKS, 5)
    assert pairs.relation(np.array([left]), np.array([right])).tolist() == [relation]
    assert pairs.relation(np.array([right]), np.array([left])).tolist() == [relation]


def test_listings_of_one_product_up_to_a_size():
    pairs = AnnotatedPairs(LINKS, 5)
    others = {row: rows.tolist() for row, rows in pairs.same_product(3, ALL_PAIRS)}
    assert others == {0: [1, 2], 1: [0, 2], 2: [0, 1]}
    assert not [*pairs.same_product(2, ALL_PAIRS)]


def test_only_listings_that_may_match_are_added():
    across = allow_pairs(Match(link="across"), ["a", "b", "a", "b", "b"])
    others = {row: rows.tolist() for row, rows in AnnotatedPairs(LINKS, 5).same_product(3, across)}
    assert others == {0: [1], 1: [0, 2], 2: [1]}


def test_what_follows_from_a_pair_that_may_not_match_holds():
    """1 is of another shop, and 0 and 2, which are searched within one shop, are the same by way of it."""
    within = allow_pairs(Match(link="within"), ["a", "b", "a", "a", "b"])
    pairs = AnnotatedPairs(LINKS, 5)
    assert pairs.relation(np.array([0, 2]), np.array([2, 3])).tolist() == [1, -1]
    assert pairs.must_links(within).tolist() == [[0, 2], [2, 0]]


@pytest.mark.parametrize("link", ["all", "across", "within"])
@given(shop=st.lists(st.integers(0, 2), min_size=6, max_size=6), seed=st.integers(0, 99))
@settings(max_examples=30)
def test_must_links_join_what_all_pairs_that_may_match_would(link, shop, seed):
    draw = np.random.default_rng(seed).integers(0, 6, (4, 2)).astype(np.int32)
    pairs = AnnotatedPairs(Links(draw[draw[:, 0] != draw[:, 1]]), 6)
    allowed = number_shops(link, shop)
    left, right = np.triu_indices(6, 1)
    every = (pairs.relation(left, right) == 1) & allowed.of_rows(left, right)
    expected = join_rows(6, np.stack([left[every], right[every]], axis=1))
    assert (join_rows(6, pairs.must_links(allowed)) == expected).all()


def test_without_links_there_is_nothing_to_obey():
    listings = Listings(
        np.array(list("vwxyz"), object), *(np.arange(5, dtype=np.int32),) * 2, np.array(["test"] * 5)
    )
    assert AnnotatedPairs.of_links(Links(), listings) is None
    assert AnnotatedPairs.of_links(LINKS, listings).relation(np.array([0]), np.array([1])).tolist() == [1]
