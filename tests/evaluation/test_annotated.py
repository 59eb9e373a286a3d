"""Annotated pairs and what follows from them, on five listings that can be checked on paper."""

from dataclasses import replace

import numpy as np
import pytest

from samesku.catalogue.listings import ALL_PAIRS, Links, Listings, allow_pairs
from samesku.evaluation.annotated import AnnotatedPairs
from samesku.params.schema import Match

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


def test_must_links_of_pairs_that_may_not_match_join_nothing():
    """1 is of the other shop within which 0 and 2 are searched, so 0 and 2 are not joined by way of it."""
    within = allow_pairs(Match(link="within"), ["a", "b", "a", "a", "b"])
    listings = Listings(
        np.array(list("vwxyz"), object), *(np.arange(5, dtype=np.int32),) * 2, np.array(["test"] * 5)
    )
    pairs = AnnotatedPairs.of_links(LINKS, replace(listings, allowed=within))
    assert pairs.relation(np.array([0, 0, 2]), np.array([1, 2, 3])).tolist() == [0, 0, -1]
    assert AnnotatedPairs.of_links(Links(), listings) is None
