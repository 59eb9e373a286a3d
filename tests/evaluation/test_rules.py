"""Rules: an equal GTIN is a match, two different GTINs are none, before any threshold is chosen."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from samesku.artefacts import write_table
from samesku.catalogue.listings import Links, Listings, read_listings
from samesku.evaluation.clusters import assign_groups, cluster_matches
from samesku.evaluation.decisions import decide
from samesku.evaluation.figures import all_metrics
from samesku.evaluation.rules import Rules, apply_rules, read_rules
from samesku.params import Decision, Groups
from samesku.params.schema import Match
from samesku.search.neighbours import Neighbours

INF = np.inf
# Six listings: 0 and 3 are GTIN 7, 1 is GTIN 8, the others have none. k is 2.
GTIN = np.array([7, 8, -1, 7, -1, -1])
NEIGHBOURS = Neighbours(
    np.arange(6, dtype=np.int32),
    np.array([[1, 2], [0, 2], [0, 1], [2, 4], [3, 5], [4, -1]], dtype=np.int32),
    np.array([[0.9, 0.8], [0.9, 0.7], [0.8, 0.7], [0.6, 0.5], [0.5, 0.4], [0.4, -INF]], dtype=np.float32),
)


def make_listings(product, split):
    ids, product = np.array([f"{i:03}" for i in range(len(product))], object), np.array(product, np.int32)
    return Listings(ids, product, np.arange(len(product), dtype=np.int32), np.array(split))


def test_neighbours_by_hand():
    ruled = apply_rules(NEIGHBOURS, Rules(GTIN, 100))
    assert ruled.neighbour.tolist() == [
        [3, 2, -1],
        [2, -1, -1],
        [0, 1, -1],
        [0, 2, 4],
        [3, 5, -1],
        [4, -1, -1],
    ]
    expected = [
        [INF, 0.8, -INF],
        [0.7, -INF, -INF],
        [0.8, 0.7, -INF],
        [INF, 0.6, 0.5],
        [0.5, 0.4, -INF],
        [0.4, -INF, -INF],
    ]
    assert ruled.score == pytest.approx(np.array(expected))


def test_a_pair_that_the_search_has_found_stands_once():
    found = replace(NEIGHBOURS, neighbour=np.where(NEIGHBOURS.neighbour == 1, 3, NEIGHBOURS.neighbour))
    assert apply_rules(found, Rules(GTIN, 100)).neighbour[0].tolist() == [3, 2, -1]


def test_listings_of_a_gtin_that_too_many_have_are_not_added():
    """Those that the search has found are matches all the same."""
    gtin = np.array([7, 7, -1, 7, -1, -1])
    ruled = apply_rules(NEIGHBOURS, Rules(gtin, 2))
    assert ruled.neighbour[0].tolist() == [1, 2]
    assert ruled.score[0] == pytest.approx([INF, 0.8])
    assert apply_rules(NEIGHBOURS, Rules(gtin, 3)).neighbour[0, :3].tolist() == [1, 3, 2]


def test_without_a_gtin_nothing_changes():
    ruled = apply_rules(NEIGHBOURS, Rules(np.full(6, -1), 100))
    assert (ruled.neighbour == NEIGHBOURS.neighbour).all()
    assert (ruled.score == NEIGHBOURS.score).all()


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_no_threshold_moves_what_a_rule_decides(kind):
    listings = make_listings([0, 1, 0, 0, 1, 1], ["val"] * 6)
    decisions = decide(NEIGHBOURS, listings, Decision(kind=kind, value=50.0), "full", Rules(GTIN, 100))
    first, is_match = decisions.neighbours.neighbour[[0, 3], 0], decisions.is_match
    assert first.tolist() == [3, 0]
    assert is_match[[0, 3], 0].all()  # an equal GTIN
    assert 1 not in decisions.neighbours.neighbour[0]  # another GTIN
    assert 0 not in decisions.neighbours.neighbour[1]
    if kind == "static":  # a query whose scores are all equal matches by any multiplier of `dynamic`
        assert is_match.sum() == 2


def test_dynamic_leaves_matches_of_a_rule_out_of_mean_and_deviation():
    listings = make_listings([0] * 6, ["val"] * 6)
    decisions = decide(NEIGHBOURS, listings, Decision(kind="dynamic", value=0.0), "full", Rules(GTIN, 100))
    # of listing 3: 0.6 and 0.5 lie one deviation above and below their mean
    assert decisions.statistic[3] == pytest.approx([INF, 1, -1], abs=1e-3)


def test_the_threshold_is_chosen_for_what_remains():
    """The two listings of two GTINs score highest, and are no match: without rules they would lift the threshold."""
    product, score = [0, 0, 1, 2], [[0.9, 0.6], [0.6, -INF], [0.9, -INF], [-INF, -INF]]
    neighbours = Neighbours(
        np.arange(4, dtype=np.int32),
        np.array([[2, 1], [0, -1], [0, -1], [-1, -1]], dtype=np.int32),
        np.array(score, dtype=np.float32),
    )
    listings = make_listings(product, ["val"] * 4)
    gtin = np.array([7, -1, 8, -1])
    decisions = decide(neighbours, listings, Decision(), "full", Rules(gtin, 100))
    assert decisions.f1.tolist() == [1, 1, 1, 1]
    assert decide(neighbours, listings, Decision(), "full").f1.min() < 1


def test_listings_of_two_parts_of_a_gallery_do_not_become_neighbours():
    listings = make_listings([0] * 6, ["val", "val", "val", "test", "test", "train"])
    gtin = np.array([7, 7, -1, 7, -1, 7])
    some = Neighbours(NEIGHBOURS.query[:5], np.full((5, 1), -1, np.int32), np.full((5, 1), -INF, np.float32))
    split = decide(some, listings, Decision(value=0.5), "split", Rules(gtin, 100))
    assert split.neighbours.neighbour[:, 0].tolist() == [1, 0, -1, -1, -1]
    full = decide(some, listings, Decision(value=0.5), "full", Rules(gtin, 100))
    assert full.neighbours.neighbour[0].tolist() == [1, 3, 5]


def test_labels_of_test_change_no_match():
    split = np.array(["val", "val", "val", "test", "test", "test"])
    before = make_listings([0, 1, 0, 2, 3, 2], split)
    moved = make_listings([0, 1, 0, 3, 2, 2], split)
    results = [decide(NEIGHBOURS, each, Decision(), "full", Rules(GTIN, 100)) for each in (before, moved)]
    assert results[0].threshold == results[1].threshold
    assert (results[0].is_match == results[1].is_match).all()
    assert (results[0].relevant != results[1].relevant).any()


def test_no_group_has_two_gtins():
    """0 and 2 are two products that a third listing without a GTIN resembles."""
    left, right, score = np.array([0, 1, 0]), np.array([1, 2, 2]), np.array([0.9, 0.8, 0.7])
    assert cluster_matches(left, right, score, 3).tolist() == [0, 0, 0]
    assert cluster_matches(left, right, score, 3, gtin=np.array([7, -1, 8])).tolist() == [0, 0, 1]


def test_a_must_link_makes_one_number_of_two():
    left, right = np.array([2, 1, 3]), np.array([0, 3, 4])
    gtin = np.array([7, 8, 7, 8, 9])  # 0 is 1 by a person; 2 has the number of 0, 3 that of 1, and 4 another
    groups = cluster_matches(
        left,
        right,
        np.full(3, np.inf),
        5,
        link_density=0,
        links=Links(np.array([[0, 1]], np.int32)),
        gtin=gtin,
    )
    assert groups.tolist() == [0, 0, 0, 0, 1]
    listings = make_listings([0] * 6, ["val"] * 6)
    decisions = decide(NEIGHBOURS, listings, Decision(value=0.3), "full", Rules(GTIN, 100))
    group = assign_groups(decisions, listings, Groups(link_density=0.0))
    assert group[0] == group[3] != group[1]


def test_figures_are_finite():
    listings = make_listings([0, 1, 0, 2, 3, 2], ["val", "val", "val", "test", "test", "test"])
    full = decide(NEIGHBOURS, listings, Decision(value=0.5), "full", Rules(GTIN, 100))
    figures = all_metrics({"full": full, "split": full}, listings, Groups())
    assert np.isfinite(figures["test_full"]["f1"])
    assert np.isfinite(figures["threshold"]["full"])


def test_rules_are_read_where_params_say_so(tmp_path):
    columns = {
        "posting_id": ["a", "b", "c"],
        "label_group": pa.array([None] * 3, pa.string()),
        "component": np.arange(3, dtype=np.int32),
        "split": ["val"] * 3,
        "gtin": ["4006381333931", "4006381333932", ""],
    }
    write_table(tmp_path / "listings.parquet", columns)
    listings = read_listings(tmp_path / "listings.parquet")
    assert read_rules(listings, Match(), Groups()) is None
    rules = read_rules(listings, Match(rules=True), Groups(max_size=7))
    assert rules.gtin.tolist() == [4006381333931, -1, -1]
    assert rules.max_size == 7
