"""Groups: dense links merge, a bridge does not; no group outgrows max_size; must-links and cannot-links hold."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samesku.catalogue.listings import Links, Listings
from samesku.evaluation import clusters
from samesku.evaluation.cluster_decisions import CLUSTER_THRESHOLDS, decide_by_clusters
from samesku.evaluation.clusters import assign_groups, cluster_matches
from samesku.evaluation.decisions import decide, val_f1
from samesku.params import Decision, Groups
from samesku.search.neighbours import Neighbours
from tests.fixtures.shops import number_shops


def cluster(edges, size, **keys):
    left, right, score = (np.array(side) for side in zip(*edges, strict=True)) if edges else ([], [], [])
    return cluster_matches(
        np.array(left, dtype=np.int32), np.array(right, dtype=np.int32), np.array(score, float), size, **keys
    ).tolist()


def all_pairs(members, score=0.9):
    return [(a, b, score) for a, b in itertools.combinations(members, 2)]


def test_no_matches_every_listing_alone():
    assert cluster([], 3) == [0, 1, 2]
    assert cluster([(1, 1, 1.0)], 2) == [0, 1]  # a listing is no match of itself


def test_groups_are_numbered_by_their_first_listing():
    assert cluster([(3, 4, 0.9), (1, 2, 0.5)], 5) == [0, 1, 1, 2, 2]


def test_a_bridge_does_not_merge_two_groups():
    bridge = [*all_pairs([0, 1, 2]), *all_pairs([3, 4, 5]), (2, 3, 0.95)]
    # 2–3 is surest and merges first; then 3 of 6 pairs of {2, 3} and {0, 1} are missing, and so on
    assert len(set(cluster(bridge, 6, link_density=0.6))) > 1
    late = [*all_pairs([0, 1, 2]), *all_pairs([3, 4, 5]), (2, 3, 0.1)]
    assert cluster(late, 6) == [0, 0, 0, 1, 1, 1]  # 1 of 9 pairs


def test_a_chain_does_not_become_one_group():
    chain = [(i, i + 1, 0.9 - i / 100) for i in range(7)]
    assert max(np.bincount(cluster(chain, 8))) <= 3  # 0–1, then 2 with 1 of 2; a fourth would have 1 of 3


def test_links_that_come_late_still_merge():
    # 0–2 (best) and 1–2 stand before 0–1: {0, 2} and 1 have 1 of 2 at 0.5, but at 0.75 they wait for 0–1
    edges = [(0, 2, 0.9), (1, 2, 0.8), (0, 1, 0.1)]
    assert cluster(edges, 3, link_density=0.75) == [0, 0, 0]


def test_no_group_above_max_size():
    assert max(np.bincount(cluster(all_pairs(range(6)), 6, max_size=4))) <= 4


def test_both_directions_count_once():
    once = [(0, 1, 0.9), (1, 2, 0.8)]
    twice = once + [(b, a, s) for a, b, s in once]
    # {0, 1} and 2: 1 of 2 pairs; counted twice it would pass as 2 of 2
    assert cluster(twice, 3, link_density=0.75) == cluster(once, 3, link_density=0.75) == [0, 0, 1]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(1, 20),
    link_density=st.sampled_from([0.3, 0.5, 1.0]),
    max_size=st.integers(1, 8),
)
def test_the_order_of_matches_decides_nothing_and_the_guards_hold(seed, size, link_density, max_size):
    draw = np.random.default_rng(seed)
    pairs = [pair for pair in itertools.combinations(range(size), 2) if draw.random() < 0.3]
    edges = [(a, b, round(float(draw.random()), 1)) for a, b in pairs]
    group = cluster(edges, size, link_density=link_density, max_size=max_size)
    shuffled = [edges[i] for i in draw.permutation(len(edges))]
    assert (
        cluster([(b, a, s) for a, b, s in shuffled], size, link_density=link_density, max_size=max_size)
        == group
    )
    assert max(np.bincount(group)) <= max_size
    if link_density == 1.0:  # only cliques merge
        linked = {frozenset(pair) for pair in pairs}
        for a, b in itertools.combinations(range(size), 2):
            assert group[a] != group[b] or frozenset((a, b)) in linked


def links(*pairs):
    return np.array(pairs, dtype=np.int32).reshape(-1, 2)


def linked(must_link=(), cannot_link=()):
    return Links(links(*must_link), links(*cannot_link))


def test_must_linked_listings_are_one_group_whatever_max_size():
    assert cluster([], 4, links=linked([(0, 2), (2, 3)]), max_size=2) == [0, 1, 0, 0]
    # 1 joins 2 by their match, and 2 is 0
    assert cluster([(1, 2, 0.9)], 3, links=linked([(0, 2)]), link_density=1.0) == [0, 0, 0]


def test_a_must_link_joins_whole_groups():
    """One of nine pairs, annotated as the same: no listing leaves its group for the other."""
    groups = [*all_pairs([0, 1, 2]), *all_pairs([3, 4, 5])]
    assert cluster(groups, 6, links=linked([(2, 3)])) == [0] * 6
    # 6 matches three of the six that are one group now
    assert cluster([*groups, *((6, i, 0.1) for i in (0, 1, 3))], 7, links=linked([(2, 3)])) == [0] * 7


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_must_links_tear_no_group_apart(data):
    size = 9
    pair = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)).filter(lambda p: p[0] != p[1])
    matches = [(a, b, s) for (a, b), s in data.draw(st.lists(st.tuples(pair, st.floats(0, 1)), max_size=25))]
    before, after = (
        cluster(matches, size, links=linked(same)) for same in ([], data.draw(st.lists(pair, max_size=4)))
    )
    for a, b in itertools.combinations(range(size), 2):
        assert before[a] != before[b] or after[a] == after[b]


def test_where_whole_groups_cannot_be_joined_the_must_linked_listings_are():
    groups = [*all_pairs([0, 1, 2]), *all_pairs([3, 4, 5])]
    # 0 is not 4, so 2 and 3 are one listing, so to speak, before any match counts
    apart = cluster(groups, 6, links=linked([(2, 3)], [(0, 4)]))
    assert (apart[2] == apart[3], apart[0] == apart[4]) == (True, False)
    small = cluster(groups, 6, links=linked([(2, 3)]), max_size=5)
    assert (small[2] == small[3], max(np.bincount(small)) <= 5) == (True, True)
    numbers = cluster(groups, 6, links=linked([(2, 3)]), gtin=np.array([7, -1, -1, -1, -1, 8]))
    assert (numbers[2] == numbers[3], numbers[0] == numbers[5]) == (True, False)


def test_a_cascade_of_pairs_that_stay_apart_ends_after_some_rounds(monkeypatch):
    """Each round frees one more must-link; after MAX_ROUNDS all must-linked listings come first."""
    monkeypatch.setattr(clusters, "MAX_ROUNDS", 2)
    groups = [pair for i in range(0, 12, 3) for pair in all_pairs([i, i + 1, i + 2])]
    must, cannot = [(2, 3), (5, 6), (8, 9)], [(0, 4), (3, 7), (6, 10)]
    group = cluster(groups, 12, links=linked(must, cannot))
    assert all(group[a] == group[b] for a, b in must)
    assert all(group[a] != group[b] for a, b in cannot)


def test_cannot_linked_listings_are_never_in_one_group():
    assert cluster(all_pairs(range(4)), 4, links=linked([], [(0, 3)]))[0::3] in ([0, 1], [0, 2])
    # nor through the groups that the two have become part of
    edges = [(0, 1, 0.9), (2, 3, 0.8), (1, 2, 0.7), (0, 3, 0.6)]
    assert cluster(edges, 4, links=linked([], [(0, 3)])) == [0, 0, 1, 1]


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_links_hold_whatever_matches(data):
    size = 8
    pair = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)).filter(lambda p: p[0] != p[1])
    matches = data.draw(st.lists(st.tuples(pair, st.floats(0, 1)), max_size=20))
    same = data.draw(st.lists(pair, max_size=3))
    parts = cluster([], size, links=linked(same))
    different = [p for p in data.draw(st.lists(pair, max_size=5)) if parts[p[0]] != parts[p[1]]]
    gtin = np.array(data.draw(st.lists(st.integers(-1, 3), min_size=size, max_size=size)))
    group = cluster(
        [(a, b, score) for (a, b), score in matches],
        size,
        links=linked(same, different),
        max_size=data.draw(st.integers(1, size)),
        gtin=gtin,
    )
    assert all(group[a] == group[b] for a, b in same)
    assert all(group[a] != group[b] for a, b in different)
    # Two GTINs are one group only where must-links, perhaps by way of equal GTINs, join them.
    joined = [*same, *((a, b) for a, b in itertools.combinations(range(size), 2) if gtin[a] == gtin[b] >= 0)]
    joined = cluster([], size, links=linked(joined))
    for a, b in itertools.combinations(range(size), 2):
        assert group[a] != group[b] or min(gtin[a], gtin[b]) < 0 or joined[a] == joined[b]


def test_the_groups_of_a_gallery_obey_links():
    listings = Listings(
        np.array(list("uvwxyz"), object),
        np.array([0, 0, 1, 2, 2, 3], dtype=np.int32),
        np.arange(6, dtype=np.int32),
        np.array(["val", "val", "val", "test", "test", "train"]),
    )
    neighbour = np.array([[1], [0], [-1], [4], [3], [2]], dtype=np.int32)
    score = np.where(neighbour >= 0, 0.9, -np.inf).astype(np.float32)

    def assign(queries, annotated=None):
        neighbours = Neighbours(np.array(queries, np.int32), neighbour[queries], score[queries])
        decisions = decide(neighbours, listings, Decision(kind="static", value=0.5), "full")
        return assign_groups(decisions, listings, Groups(), annotated).tolist()

    every = [0, 1, 2, 3, 4, 5]
    assert assign(every) == [0, 0, 1, 2, 2, 1]
    assert assign([0, 1, 3, 4]) == [0, 0, -1, 2, 2, -1]  # −1 outside the gallery
    assert assign(every, Links(cannot_link=links((3, 4)))) == [0, 0, 1, 2, 3, 1]
    assert assign(every, Links(must_link=links((0, 3), (0, 4)))) == [0, 0, 1, 0, 0, 1]
    # Within shops, a must-link of two shops joins nothing, but what follows from it holds.
    within = replace(listings, allowed=number_shops("within", [0, 0, 1, 2, 2, 1]))
    decisions = decide(
        Neighbours(np.arange(6, dtype=np.int32), neighbour, score), within, Decision(value=0.5), "full"
    )

    def assign_within(annotated):
        return assign_groups(decisions, within, Groups(), annotated).tolist()

    assert assign_within(Links(must_link=links((0, 3)))) == [0, 0, 1, 2, 2, 1]
    assert assign_within(Links(links((0, 3)), links((3, 1)))) == [0, 1, 2, 3, 3, 2]  # 0 is 3, which is not 1
    assert assign_within(Links(links((0, 3), (3, 2), (2, 5)))) == [0, 0, 1, 2, 2, 1]
    assert assign_within(Links(links((3, 0), (0, 4), (2, 3)))) == [0, 0, 1, 2, 2, 1]


def test_across_shops_pairs_of_one_shop_are_not_missed():
    """0 and 2 are of one shop, which 1 joins: of the pairs between 0–1 and 2, only 1–2 can match."""
    edges = [(0, 1, 0.9), (1, 2, 0.8)]
    assert cluster(edges, 3, link_density=1.0) == [0, 0, 1]
    assert cluster(edges, 3, link_density=1.0, allowed=number_shops("across", [0, 1, 0])) == [0, 0, 0]
    assert cluster(edges, 3, link_density=1.0, allowed=number_shops("across", [0, 1, 2])) == [0, 0, 1]


def decide_val(bridge):
    """Products {0, 1, 2} and {3, 4, 5} of val: pairs score 0.9, 0 and 2 score 0.7, `bridge` joins 2 and 3."""
    score = np.full((6, 6), -np.inf, np.float32)
    for a, b, s in [(0, 1, 0.9), (1, 2, 0.9), (0, 2, 0.7), *all_pairs([3, 4, 5]), (2, 3, bridge)]:
        score[a, b] = score[b, a] = s
    order = np.argsort(-score, axis=1, kind="stable")[:, :3].astype(np.int32)
    score = np.take_along_axis(score, order, 1)
    neighbours = Neighbours(np.arange(6, dtype=np.int32), np.where(np.isfinite(score), order, -1), score)
    product = np.repeat([0, 1], 3).astype(np.int32)
    listings = Listings(np.array(list("abcdef"), dtype=object), product, product, np.full(6, "val"))
    return decide(neighbours, listings, Decision(), "full"), listings


def test_clusters_decide_where_no_threshold_parts_two_products():
    by_threshold, listings = decide_val(bridge=0.8)
    assert by_threshold.f1.mean() < 1  # no threshold has the pair of 0.7 without that of 0.8
    decided = decide_by_clusters({"full": by_threshold}, listings, Groups(link_density=0.7))["full"]
    assert decided.f1.tolist() == [1.0] * 6
    assert 0.2 <= decided.threshold <= 0.7


def test_a_threshold_decides_where_clusters_are_no_better():
    by_threshold, listings = decide_val(bridge=0.1)
    assert by_threshold.f1.tolist() == [1.0] * 6
    decided = decide_by_clusters({"full": by_threshold}, listings, Groups(link_density=0.7))
    assert decided["full"] is by_threshold


@pytest.mark.parametrize("seed", range(8))
def test_the_groups_of_val_alone_choose_the_threshold_that_all_groups_would(seed):
    generator = np.random.default_rng(seed)
    n, groups = 60, Groups(link_density=0.6)
    product = np.sort(generator.integers(0, 15, n)).astype(np.int32)
    split = np.array(["train", "val", "test"])[product % 3]
    listings = Listings(np.arange(n).astype(str).astype(object), product, product, split)
    score = np.where(product[:, None] == product, 0.55, 0.3) + 0.5 * generator.random((n, n))
    score = np.minimum(np.maximum(score, score.T), 1).round(6)
    np.fill_diagonal(score, -np.inf)
    order = np.argsort(-score, axis=1, kind="stable")[:, :6].astype(np.int32)
    neighbours = Neighbours(np.arange(n, dtype=np.int32), order, np.take_along_axis(score, order, 1))
    by_threshold = decide(neighbours, listings, Decision(), "full")
    best, best_f1 = by_threshold.is_match, val_f1(by_threshold, listings, "full")
    for threshold in CLUSTER_THRESHOLDS:
        matches = replace(by_threshold, is_match=by_threshold.statistic >= threshold)
        group = assign_groups(matches, listings, groups)
        in_group = group[order] == group[:, None]
        if (f1 := val_f1(replace(matches, is_match=in_group), listings, "full")) > best_f1:
            best, best_f1 = in_group, f1
    decided = decide_by_clusters({"full": by_threshold}, listings, groups)["full"]
    assert (decided.is_match == best).all()
