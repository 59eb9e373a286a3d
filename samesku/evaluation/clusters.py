"""Products as groups of matches that support each other, not as chains of them."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from samesku.arrays import Bools, Float64, Floats, Int32, Int64, Ints
from samesku.catalogue.listings import Links, Listings
from samesku.evaluation.decisions import Decisions, val_f1
from samesku.evaluation.rules import Rules
from samesku.params import Groups

#: Thresholds of the score of a match that `decide_by_clusters` tries.
CLUSTER_THRESHOLDS = tuple(step / 20 for step in range(4, 18))


def assign_groups(
    decisions: Decisions, listings: Listings, groups: Groups, links: Links | None = None
) -> Int32:
    """The group of each listing by the matches of one gallery: int32 (N,), −1 outside the gallery.

    Within shops, no group has listings of two shops. Across shops, two listings of one shop are in one group only
    through listings of other shops that match both.

    Args:
        links: must-links and cannot-links, which the groups obey; a must-link of two listings that may not match
            is left out. Where rules decided, no group has two GTINs, but for those that a must-link joins.
    """
    neighbours = decisions.neighbours
    position, rank = np.nonzero(decisions.is_match)
    left, right = neighbours.query[position], neighbours.neighbour[position, rank]
    score = neighbours.score[position, rank]
    group = group_listings(left, right, score, listings, groups, links or Links(), decisions.rules)
    inside = np.zeros(len(listings), bool)
    inside[neighbours.query] = True
    return np.where(inside, group, np.int32(-1))


def group_listings(
    left: Ints,
    right: Ints,
    score: Floats,
    listings: Listings,
    groups: Groups,
    links: Links,
    rules: Rules | None = None,
) -> Int32:
    """int32 (N,): the group of each listing by matches, as of `assign_groups`, with all listings in the gallery.

    Args:
        left, right: int (M,), rows of the matches. score: (M,); higher is surer.
    """
    allowed = listings.allowed
    return cluster_matches(
        left,
        right,
        score,
        len(listings),
        link_density=groups.link_density,
        max_size=groups.max_size,
        must_link=links.must_link[allowed.of_rows(links.must_link[:, 0], links.must_link[:, 1])],
        cannot_link=links.cannot_link,
        shop=allowed.shop if allowed.link == "across" else None,
        gtin=rules.gtin if rules else None,
    )


def decide_by_clusters(
    decisions: Mapping[str, Decisions], listings: Listings, groups: Groups
) -> dict[str, Decisions]:
    """Let clusters decide where that is better on val: a query matches those of its neighbours that are in its group.

    A pair that matches is dropped where the listings around it do not match, and a pair within a group is added. Of
    CLUSTER_THRESHOLDS for the score of a match, the one with the highest mean F1 on val is taken.

    Args:
        decisions: by gallery, by a static threshold. groups: when matches become one group.

    Returns:
        By gallery, the decisions by clusters; those of `decisions` themselves where their F1 on val is as high.
    """
    return {name: _best_clusters(matches, listings, groups, name) for name, matches in decisions.items()}


def _best_clusters(decisions: Decisions, listings: Listings, groups: Groups, gallery: str) -> Decisions:
    best, best_f1 = None, val_f1(decisions, listings, gallery)
    for threshold in CLUSTER_THRESHOLDS:
        matches = replace(decisions, is_match=decisions.statistic >= threshold, threshold=threshold)
        around_val = replace(matches, is_match=matches.is_match & _connected_with_val(matches)[:, None])
        f1 = val_f1(_match_within_groups(around_val, listings, groups), listings, gallery)
        if f1 > best_f1:
            best, best_f1 = matches, f1
    return decisions if best is None else _match_within_groups(best, listings, groups)


def _match_within_groups(matches: Decisions, listings: Listings, groups: Groups) -> Decisions:
    """A query matches those of its neighbours that are in its group."""
    group, neighbours = assign_groups(matches, listings, groups), matches.neighbours
    in_group = neighbours.valid & (group[neighbours.neighbour] == group[neighbours.query][:, None])
    return replace(matches, is_match=in_group)


def _connected_with_val(matches: Decisions) -> Bools:
    """bool (Q,): the queries that matches connect with a val query; the others change no group of one."""
    from scipy.sparse import csr_array  # here, since an evaluation without clusters does without SciPy
    from scipy.sparse.csgraph import connected_components

    query = matches.neighbours.query
    position, rank = np.nonzero(matches.is_match)
    pairs = query[position], matches.neighbours.neighbour[position, rank]
    n = int(query.max(initial=-1)) + 1
    component = connected_components(
        csr_array((np.ones(len(position)), pairs), shape=(n, n)), directed=False
    )[1]
    return np.isin(component[query], component[query[matches.split == "val"]])


def cluster_matches(
    left: Ints,
    right: Ints,
    score: Floats,
    n_listings: int,
    *,
    link_density: float = 0.5,
    max_size: int = 100,
    must_link: Ints | None = None,
    cannot_link: Ints | None = None,
    shop: Ints | None = None,
    gtin: Ints | None = None,
) -> Int32:
    """Merge groups along matches, best first (agglomerative), where enough of the pairs between them match.

    Two groups merge when a match joins them, at least `link_density` of the pairs between them are matches,
    and they have at most `max_size` listings together. So one match between two groups of three (1 of 9)
    does not merge them.

    Args:
        left, right: int (M,), 0 to n_listings − 1: the matches. A pair counts once, also where it is given in
            both directions. score: (M,); higher is surer.
        link_density: 0 to 1. max_size: 1 or more.
        must_link, cannot_link: int (P, 2), pairs without contradiction. Must-linked listings are one group
            from the start, whatever max_size; cannot-linked listings are never in one group.
        shop: int (n_listings,), where two listings of one shop cannot match: such pairs are not counted between groups.
        gtin: int (n_listings,), −1 for none: groups of two different numbers do not merge. Two numbers that a
            must-link joins are one number.

    Returns:
        int32 (n_listings,): the group of each listing, numbered from 0 by the first listing.
    """
    left, right, score = _distinct_pairs(left, right, score, n_listings)
    parent = list(range(n_listings))
    size = [1] * n_listings
    n_links: defaultdict[int, dict[int, int]] = defaultdict(dict)  # of a root with other roots
    forbidden: defaultdict[int, set[int]] = defaultdict(set)  # roots that a root must not merge with
    number = [-1] * n_listings if gtin is None else gtin.tolist()  # of a root's group
    same_number: dict[int, int] = {}  # the lower one of two that a must-link joins

    of_shop = [Counter([name]) for name in ([] if shop is None else shop.tolist())]  # listings of a root

    def n_pairs(a: int, b: int) -> int:
        """The pairs between two groups that can match."""
        if not of_shop:
            return size[a] * size[b]
        small, large = sorted((of_shop[a], of_shop[b]), key=len)
        return size[a] * size[b] - sum(count * large[name] for name, count in small.items())

    def one_number(n: int) -> int:
        while n in same_number:
            n = same_number[n]
        return n

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for i, j in [] if must_link is None else must_link.tolist():
        a, b = root(i), root(j)
        if a != b:
            parent[b] = a
            size[a] += size[b]
            if of_shop:
                of_shop[a] += of_shop[b]
            low, high = sorted((one_number(number[a]), one_number(number[b])))
            number[a] = high
            if 0 <= low < high:
                same_number[high] = number[a] = low
    number = [one_number(n) for n in number]
    for i, j in zip(left.tolist(), right.tolist(), strict=True):
        a, b = root(i), root(j)
        if a != b:
            n_links[a][b] = n_links[b][a] = n_links[a].get(b, 0) + 1
    for i, j in [] if cannot_link is None else cannot_link.tolist():
        a, b = root(i), root(j)
        forbidden[a].add(b)
        forbidden[b].add(a)

    order = np.lexsort((right, left, -score))
    waiting = list(zip(left[order].tolist(), right[order].tolist(), strict=True))
    merged = True
    while merged:  # a pair of groups that lacks links may have them once others have merged
        merged, postponed = False, []
        for i, j in waiting:
            a, b = root(i), root(j)
            if a == b or (forbidden and b in forbidden[a]):
                continue
            if number[a] != number[b] and min(number[a], number[b]) >= 0:
                continue
            if size[a] + size[b] > max_size or n_links[a].get(b, 0) < link_density * n_pairs(a, b):
                postponed.append((i, j))
                continue
            if len(n_links[a]) < len(n_links[b]):
                a, b = b, a
            _move_links(n_links, b, a)
            if forbidden:
                for c in forbidden[b]:
                    forbidden[c].remove(b)
                    forbidden[c].add(a)
                forbidden[a] |= forbidden[b]
            parent[b] = a
            size[a] += size[b]
            if of_shop:
                of_shop[a] += of_shop[b]
            number[a] = max(number[a], number[b])
            merged = True
        waiting = postponed
    roots = np.array([root(i) for i in range(n_listings)], dtype=np.int64)
    _, first, group = np.unique(roots, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first)).astype(np.int32)[group]


def _distinct_pairs(left: Ints, right: Ints, score: Floats, n_listings: int) -> tuple[Int64, Int64, Float64]:
    """Each unordered pair once, with its best score; a listing is no match of itself."""
    low, high = np.minimum(left, right).astype(np.int64), np.maximum(left, right).astype(np.int64)
    key, position = np.unique(np.where(low < high, low * n_listings + high, -1), return_inverse=True)
    best = np.full(len(key), -np.inf)
    np.maximum.at(best, position, score)
    valid = key >= 0
    return key[valid] // max(1, n_listings), key[valid] % max(1, n_listings), best[valid]


def _move_links(n_links: dict[int, dict[int, int]], source: int, target: int) -> None:
    """Give the links of `source` to `target`, which it is about to be part of."""
    of_target = n_links[target]
    for neighbour, count in n_links.pop(source).items():
        of_neighbour = n_links[neighbour]
        del of_neighbour[source]
        if neighbour != target:
            of_target[neighbour] = of_neighbour[target] = of_target.get(neighbour, 0) + count
