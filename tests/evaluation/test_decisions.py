"""Decisions: on neighbours that can be checked on paper, and against trying every threshold by itself."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from samesku.evaluation.decisions import compared_by, decide, default_threshold, keep_at_least_one
from samesku.evaluation.thresholds import (
    best_val_threshold,
    static_statistic,
)
from samesku.params import Decision, Fusion
from samesku.search.neighbours import Neighbours
from tests.fixtures.made_neighbours import make_listings, make_neighbours
from tests.fixtures.shops import number_shops


def test_at_least_one_keeps_the_best_neighbour_above_min_score():
    neighbours = make_neighbours([0.9, 0.7], [0.6, 0.5], [0.3, 0.2], [-np.inf, -np.inf])
    is_match = static_statistic(neighbours) >= 0.8
    assert keep_at_least_one(is_match, neighbours, min_score=0.6).tolist() == [
        [True, False],
        [True, False],
        [False, False],
        [False, False],
    ]


def test_val_never_learns_that_a_product_is_also_in_test(monkeypatch):
    monkeypatch.setattr("samesku.catalogue.listings.MIN_SINGLES", 3)  # so few are enough to choose
    listings = make_listings([0, 1, 2, 0], ["val", "val", "val", "test"])
    # The first finds the last, of its product but in test. Could val see that, 0.9 would be a match, 0.8 none.
    neighbour = np.array([[3], [2], [1], [0]], np.int32)
    score = np.array([[0.9], [0.8], [0.8], [0.9]], np.float32)
    neighbours = Neighbours(np.arange(4, dtype=np.int32), neighbour, score)
    moved = replace(listings, product=np.array([0, 1, 2, 3], np.int32))
    assert [decide(neighbours, each, Decision(), "full").threshold for each in (listings, moved)] == [
        0.900001
    ] * 2


def test_the_threshold_for_a_larger_test_gallery_is_higher():
    """Val of 3, test of 9: a negative counts four times, and 0.6, which lets one in, is not worth it."""
    listings = make_listings([0, 0, 1, *range(2, 11)], ["val"] * 3 + ["test"] * 9)
    neighbour = np.concatenate([[[2, 1], [0, 2], [0, 1]], np.full((9, 2), -1)]).astype(np.int32)
    score = np.concatenate([[[0.7, 0.6], [0.6, 0.5], [0.7, 0.5]], np.full((9, 2), -np.inf)]).astype(
        np.float32
    )
    neighbours = Neighbours(np.arange(12, dtype=np.int32), neighbour, score)
    assert decide(neighbours, listings, Decision(), "full").threshold == 0.55
    assert decide(neighbours, listings, Decision(), "split").threshold > 0.7


def test_listings_that_may_not_match_are_not_relevant():
    """Product 0 has two listings in one shop and two in another: across, each query can find two, within one."""
    listings = make_listings([0, 0, 0, 0], ["val"] * 4)
    every, none = np.arange(4, dtype=np.int32), np.full((4, 1), -1, np.int32)
    neighbours = Neighbours(every, none, np.full((4, 1), -np.inf, np.float32))
    for link, n_relevant in (("all", 3), ("across", 2), ("within", 1)):
        of_link = replace(listings, allowed=number_shops(link, [0, 0, 1, 1]))
        decisions = decide(neighbours, of_link, Decision(value=0.5), "full")
        assert decisions.n_relevant.tolist() == [n_relevant] * 4
        assert decisions.f1 == pytest.approx([2 / (n_relevant + 2)] * 4)  # self alone
        assert best_val_threshold(neighbours, of_link, every)[1] == pytest.approx(2 / (n_relevant + 2))


def test_the_weight_of_a_negative_is_by_the_listings_that_may_match():
    """Val has 3 listings and test 9, but a query of test may match two listings, as one of val: no threshold moves."""
    listings = make_listings([0, 0, 1, *range(2, 11)], ["val"] * 3 + ["test"] * 9)
    shop = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    neighbour = np.concatenate([[[2, 1], [0, 2], [0, 1]], np.full((9, 2), -1)]).astype(np.int32)
    score = np.concatenate([[[0.7, 0.6], [0.6, 0.5], [0.7, 0.5]], np.full((9, 2), -np.inf)])
    neighbours = Neighbours(np.arange(12, dtype=np.int32), neighbour, score.astype(np.float32))
    within = replace(listings, allowed=number_shops("within", shop))
    assert decide(neighbours, within, Decision(), "split").threshold == 0.55


ONE_TO_ONE = Neighbours(
    np.arange(4, dtype=np.int32),
    np.array([[2, 3], [2, 3], [0, 1], [0, 1]], np.int32),
    np.array([[0.9, 0.8], [0.85, 0.7], [0.9, 0.85], [0.8, 0.7]], np.float32),
)


def test_at_most_one_match_in_each_other_shop_the_best_for_both():
    """0 and 2 are the best of each other; 1 and 3 have a best one that has a better one."""
    listings = make_listings([0, 1, 0, 1], ["val"] * 4)
    decided = {}
    for one_to_one in (False, True):
        of_shops = replace(listings, allowed=number_shops("across", [0, 0, 1, 1], one_to_one))
        decided[one_to_one] = decide(ONE_TO_ONE, of_shops, Decision(value=0.6), "full")
    assert decided[False].n_predicted.tolist() == [2, 2, 2, 2]
    assert decided[True].n_predicted.tolist() == [1, 0, 1, 0]
    assert decided[True].hits.tolist() == [1, 0, 1, 0]
    assert decided[True].neighbours.neighbour.tolist() == [[2, -1], [-1, -1], [0, -1], [-1, -1]]
    # The mean of the first is 0.85 and its deviation 0.05, whatever one_to_one leaves.
    assert decided[True].statistics["dynamic"][0].tolist() == pytest.approx([1.0, -np.inf])


def test_the_threshold_is_tuned_on_what_one_to_one_leaves():
    """Without it, 0.85 brings a wrong pair to 1 and 2; with it, no wrong pair is left at any threshold."""
    listings = make_listings([0, 1, 0, 2], ["val"] * 4)
    thresholds = [
        decide(
            ONE_TO_ONE,
            replace(listings, allowed=number_shops("across", [0, 0, 1, 1], one_to_one)),
            Decision(),
            "full",
        ).threshold
        for one_to_one in (False, True)
    ]
    assert thresholds == [pytest.approx(0.875), pytest.approx(0.9)]


def test_at_least_one_takes_the_best_that_one_to_one_leaves():
    listings = make_listings([0, 1, 0, 1], ["val"] * 4)
    of_shops = replace(listings, allowed=number_shops("across", [0, 0, 1, 1], True))
    decision = Decision(value=0.95, at_least_one=True, min_score=0.1)
    assert decide(ONE_TO_ONE, of_shops, decision, "full").is_match.sum(axis=1).tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("kind", "compared", "n_listings", "threshold"),
    [
        ("static", "titles", 1, 0.45),  # 0.14 is below the floor
        ("static", "titles", 100, 0.54),  # 0.14 + 0.20 · 2
        ("static", "titles", 1000, 0.74),
        ("static", "titles", 1_000_000, 0.88),
        ("static", "pictures", 100, 0.73),  # 0.50 + 0.115 · 2
        ("static", "pictures", 1_000_000, 0.78),
        ("static", "pictures and titles", 100, 0.68),  # 0.22 + 0.23 · 2
        ("static", "pictures and titles", 1000, 0.77),
        ("dynamic", "titles", 100, 4.5),
    ],
)
def test_the_default_threshold_rises_with_the_gallery(kind, compared, n_listings, threshold):
    assert default_threshold(kind, compared, n_listings) == threshold


@pytest.mark.parametrize(
    ("has_image", "phash", "title", "alpha", "compared"),
    [
        ([1, 1], ["", ""], ["a", "b"], 0.5, "pictures and titles"),
        ([1, 1], ["", ""], ["", ""], 0.5, "pictures"),
        ([1, 0], ["", ""], ["a", ""], 0.5, "pictures and titles"),
        ([0, 0], ["f0", "f1"], ["a", "b"], 0.5, "hashes and titles"),
        ([0, 0], ["f0", "f1"], ["", ""], 0.5, "titles"),
        ([1, 1], ["f0", "f1"], ["a", "b"], 0.0, "titles"),
        ([1, 1], ["", ""], ["a", "b"], 1.0, "pictures"),
    ],
)
def test_what_most_listings_are_compared_by(has_image, phash, title, alpha, compared):
    listings = SimpleNamespace(has_image=np.array(has_image, bool), image_phash=phash, title=title)
    fusion = Fusion(alpha=alpha, image={"cnn": 1.0}, title={"sbert": 1.0})
    assert compared_by(listings, fusion) == compared
