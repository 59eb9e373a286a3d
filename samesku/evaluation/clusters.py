"""Products as groups of matches that support each other, not as chains of them."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import count

import numpy as np

from samesku.annotations.products import join_products
from samesku.arrays import Float64, Floats, Int32, Int64, Ints
from samesku.catalogue.listings import ALL_PAIRS, AllowedPairs, Links, Listings
from samesku.evaluation.annotated import AnnotatedPairs
from samesku.evaluation.decisions import Decisions
from samesku.evaluation.rules import Rules
from samesku.params import Groups

MAX_ROUNDS = (
    10  # of clustering anew since must-linked groups stay apart; then all must-linked listings come first
)


def assign_groups(
    decisions: Decisions, listings: Listings, groups: Groups, links: Links | None = None
) -> Int32:
    """The group of each listing by the matches of one gallery: int32 (N,), −1 outside the gallery.

    Within shops, no group has listings of two shops. Across shops, two listings of one shop are in one group only
    through listings of other shops that match both.

    Args:
        links: must-links and cannot-links, which the groups obey, and what follows from them; a must-link of two
            listings that may not match joins no groups. Where rules decided, no group has two GTINs, but for those
            that a must-link joins.
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
    return cluster_matches(
        left,
        right,
        score,
        len(listings),
        link_density=groups.link_density,
        max_size=groups.max_size,
        links=links,
        allowed=listings.allowed,
        gtin=rules.gtin if rules else None,
    )


def cluster_matches(
    left: Ints,
    right: Ints,
    score: Floats,
    n_listings: int,
    *,
    link_density: float = 0.5,
    max_size: int = 100,
    links: Links | None = None,
    allowed: AllowedPairs = ALL_PAIRS,
    gtin: Ints | None = None,
) -> Int32:
    """Merge groups along matches, best first (agglomerative), where enough of the pairs between them match.

    Two groups merge when a match joins them, at least `link_density` of the pairs between them are matches,
    and they have at most `max_size` listings together. So one match between two groups of three (1 of 9)
    does not merge them. Then must-links join whole groups. Where a cannot-link, two GTINs or `max_size` keep two such
    groups apart, all begins anew with the must-linked listings as one group.

    Args:
        left, right: int (M,), 0 to n_listings − 1: the matches. A pair counts once, also where it is given in
            both directions. score: (M,); higher is surer.
        link_density: 0 to 1. max_size: 1 or more.
        links: annotated pairs without contradiction, and what follows from them. Must-linked listings are in one group,
            whatever max_size; cannot-linked listings are never in one group.
        allowed: a must-link of two listings that may not match joins nothing. Across shops, pairs of one shop are not
            counted between groups.
        gtin: int (n_listings,), −1 for none: groups of two different numbers do not merge. Two numbers that a
            must-link joins are one number.

    Returns:
        int32 (n_listings,): the group of each listing, numbered from 0 by the first listing.
    """
    left, right, score = _distinct_pairs(left, right, score, n_listings)
    order = np.lexsort((right, left, -score))
    matches = np.stack([left[order], right[order]], axis=1).tolist()
    annotated = AnnotatedPairs(links or Links(), n_listings)
    must_link = annotated.must_links(allowed)
    shop = allowed.shop.tolist() if allowed.link == "across" else None
    number = None if gtin is None else _join_numbers(gtin, must_link).tolist()
    first: list[list[int]] = []
    for n_rounds in count(1):
        groups = _Groups(n_listings, max_size, annotated, shop, number)
        for i, j in first:
            groups.merge(groups.root(i), groups.root(j))
        groups.count_links(matches)
        waiting = groups.merge_matches(matches, link_density)
        apart = [[i, j] for i, j in must_link.tolist() if not groups.merge_whole(i, j)]
        if not apart:
            break
        first += apart if n_rounds < MAX_ROUNDS else must_link.tolist()
    groups.merge_matches(waiting, link_density)
    _, begin, group = np.unique(groups.roots(), return_index=True, return_inverse=True)
    return np.argsort(np.argsort(begin)).astype(np.int32)[group]


class _Groups:
    """Groups of listings that merge, each named by one of its listings, its root.

    Args:
        annotated: listings of its `different` products are kept apart.
        shop: of each listing, where pairs of one shop do not count; None: all pairs count.
        number: of each listing, −1 for none: groups of two numbers are kept apart; None: no listing has one.
    """

    def __init__(
        self,
        n_listings: int,
        max_size: int,
        annotated: AnnotatedPairs,
        shop: list[int] | None,
        number: list[int] | None,
    ) -> None:
        self.max_size = max_size
        self.parent = list(range(n_listings))
        self.size = [1] * n_listings
        self.shops = [Counter([name]) for name in shop or []]  # the listings of each shop
        self.number = number and [*number]  # changed by merge
        self.n_links: defaultdict[int, dict[int, int]] = defaultdict(dict)  # matches with other groups
        self.products: dict[int, set[int]] = {}  # the annotated products of a group
        self.different: dict[int, set[int]] = {}  # those that it may not have
        partners: defaultdict[int, set[int]] = defaultdict(set)
        for a, b in annotated.different.tolist():
            partners[a].add(b)
            partners[b].add(a)
        for row in np.flatnonzero(np.isin(annotated.product, [*partners])).tolist():
            product = int(annotated.product[row])
            self.products[row], self.different[row] = {product}, partners[product]

    def root(self, i: int) -> int:
        """The root of a listing's group."""
        parent = self.parent
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    def roots(self) -> Int64:
        """int64 (N,): the root of each listing's group."""
        return np.array([self.root(i) for i in range(len(self.parent))], dtype=np.int64)

    def count_links(self, matches: Sequence[Sequence[int]]) -> None:
        """Count the matches between each two groups."""
        n_links = self.n_links
        for i, j in matches:
            a, b = self.root(i), self.root(j)
            if a != b:
                n_links[a][b] = n_links[b][a] = n_links[a].get(b, 0) + 1

    def merge_matches(self, matches: list[list[int]], link_density: float) -> list[list[int]]:
        """Merge groups along matches, the best first, until none has links enough; returns the matches that wait."""
        merged, root = True, self.root
        while merged:  # a pair of groups that lacks links may have them once others have merged
            merged, waiting = False, []
            for pair in matches:
                a, b = root(pair[0]), root(pair[1])
                if a == b or self._kept_apart(a, b):
                    continue
                too_large = self.size[a] + self.size[b] > self.max_size
                if too_large or self.n_links[a].get(b, 0) < link_density * self._n_pairs(a, b):
                    waiting.append(pair)
                else:
                    self.merge(a, b)
                    merged = True
            matches = waiting
        return matches

    def merge_whole(self, i: int, j: int) -> bool:
        """Merge the groups of two listings, whatever their links; False where they cannot be one group."""
        a, b = self.root(i), self.root(j)
        if a != b:
            if self._kept_apart(a, b) or self.size[a] + self.size[b] > self.max_size:
                return False
            self.merge(a, b)
        return True

    def merge(self, a: int, b: int) -> None:
        """Merge two groups, given by their roots."""
        if a == b:
            return
        if len(self.n_links[a]) < len(self.n_links[b]):
            a, b = b, a
        _move_links(self.n_links, b, a)
        self.parent[b] = a
        self.size[a] += self.size[b]
        if self.shops:
            self.shops[a] += self.shops[b]
        if self.number is not None:
            self.number[a] = max(self.number[a], self.number[b])
        for of in (self.products, self.different):
            if b in of:
                of[a] = of.get(a, set()) | of[b]

    def _n_pairs(self, a: int, b: int) -> int:
        """The pairs between two groups that can match."""
        n_pairs = self.size[a] * self.size[b]
        if self.shops:
            small, large = sorted((self.shops[a], self.shops[b]), key=len)
            n_pairs -= sum(count * large[name] for name, count in small.items())
        return n_pairs

    def _kept_apart(self, a: int, b: int) -> bool:
        """Whether two groups have different GTINs or products that are annotated as different."""
        if a in self.different and b in self.products and self.different[a] & self.products[b]:
            return True
        number = self.number
        return number is not None and number[a] != number[b] and min(number[a], number[b]) >= 0


def _join_numbers(gtin: Ints, must_link: Ints) -> Int64:
    """int64 (N,): the GTINs, of which two that a must-link joins are one; −1 for none."""
    joined = join_products(gtin, must_link, np.empty((0, 2), np.int64))
    return np.where(joined <= gtin.max(initial=-1), joined, -1)


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
    for neighbour, n in n_links.pop(source).items():
        of_neighbour = n_links[neighbour]
        del of_neighbour[source]
        if neighbour != target:
            of_target[neighbour] = of_neighbour[target] = of_target.get(neighbour, 0) + n
