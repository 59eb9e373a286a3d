"""Which neighbours are matches: a statistic of each neighbour, against a threshold that val's labels choose."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from samesku.arrays import Bools, Float64, Int32, Int64, Ints, Strings
from samesku.catalogue.listings import (
    ALL_PAIRS,
    GALLERIES,
    AllowedPairs,
    Listings,
    can_tune,
    val_labelled,
    visible_products,
)
from samesku.evaluation.metrics import row_f1
from samesku.params import Decision, Fusion
from samesku.search.fusion import DECIMALS
from samesku.search.neighbours import Neighbours, keep_mutual, move_first, no_neighbours

#: The kinds of decision, each with a statistic.
KINDS = ("static", "dynamic")

#: The static threshold where val's labels cannot choose one: base + slope · log10 of the gallery's size, at least FLOOR
#: and at most the last number. A larger gallery has more near listings of other products. Chosen on labelled catalogues
#: with zero-shot channels, so that 85% of the pairs above it are right (docs/own-catalogue.md).
DEFAULT_LINES = {
    "pictures and titles": (0.22, 0.23, 0.77),
    "pictures": (0.50, 0.115, 0.78),
    "titles": (0.14, 0.20, 0.88),
    "hashes and titles": (
        0.45,
        0.0,
        0.45,
    ),  # of two photographs, a hash says nothing: a copy or an equal title reaches it
}
FLOOR = 0.45
DEFAULT_DYNAMIC = 4.5


def is_relevant(product: Ints, query: Ints, neighbour: Ints) -> Bools:
    """bool (Q, k): the neighbour is a listing of the query's product. Neighbours are pairs that may match.

    Args:
        product: int (N,), the product of each listing; below 0 where it has no label, which matches nothing.
        query: int (Q,) rows. neighbour: int (Q, k) rows, −1 where there is none.
    """
    of_query = product[query][:, None]
    return (neighbour >= 0) & (of_query >= 0) & (product[neighbour] == of_query)


def count_relevant(product: Ints, query: Ints, rows: Ints, allowed: AllowedPairs = ALL_PAIRS) -> Int64:
    """int (Q,): the listings of the query's product in the gallery `rows` that may match it, without itself.

    With match.link: across these are the product's listings in other shops, with within those in its own shop.
    """
    return allowed.count(product, query, rows)


def compared_by(listings: Listings, fusion: Fusion) -> str:
    """What most listings are compared by: a key of DEFAULT_LINES."""
    titles = fusion.alpha < 1 and any(fusion.title.values()) and _are_most(listings.title)
    if fusion.alpha > 0 and any(fusion.image.values()):
        if listings.has_image.mean() >= 0.5:
            return "pictures and titles" if titles else "pictures"
        if titles and _are_most(listings.image_phash):
            return "hashes and titles"
    return "titles"


def _are_most(cells: Sequence[str]) -> bool:
    """Whether at least half of the cells hold something."""
    return sum(map(bool, cells)) >= len(cells) / 2


def default_threshold(kind: str, compared: str, n_listings: int) -> float:
    """The threshold of a decision of this kind where val's labels cannot choose it.

    Args:
        compared: as of `compared_by`. n_listings: of the catalogue.
    """
    if kind == "dynamic":
        return DEFAULT_DYNAMIC
    base, slope, highest = DEFAULT_LINES[compared]
    return round(min(max(base + slope * math.log10(max(n_listings, 1)), FLOOR), highest), 2)


def static_statistic(neighbours: Neighbours) -> Float64:
    """The score itself, float64 (Q, k); −inf where there is no neighbour."""
    return neighbours.score.astype(np.float64).round(DECIMALS)


def dynamic_statistic(neighbours: Neighbours) -> Float64:
    """How many standard deviations a score lies above the mean of its query's neighbour scores.

    score ≥ mean + m · std is statistic ≥ m; mean and std (ddof 0) are over the k = min(index.k, gallery − 1)
    neighbours, without self and without those that a rule makes matches. float64 (Q, k); +inf for the latter,
    and where all scores of a query are equal (std 0: each reaches the mean), −inf where there is no neighbour.
    """
    score, valid = static_statistic(neighbours), neighbours.valid
    scored = np.isfinite(score)
    count = np.maximum(scored.sum(axis=1, keepdims=True), 1)
    finite = np.where(scored, score, 0.0)
    mean = finite.sum(axis=1, keepdims=True) / count
    std = np.sqrt((np.where(scored, finite - mean, 0.0) ** 2).sum(axis=1, keepdims=True) / count)
    all_equal = std < 10.0**-DECIMALS / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        deviations = np.where(all_equal, np.inf, (score - mean) / std)
    return np.where(valid, np.round(deviations, DECIMALS), -np.inf)


def decision_statistic(kind: str, neighbours: Neighbours) -> Float64:
    """The statistic of a decision of this kind, `static` or `dynamic`."""
    return static_statistic(neighbours) if kind == "static" else dynamic_statistic(neighbours)


def decision_statistics(
    neighbours: Neighbours, allowed: AllowedPairs, lists: Neighbours | None = None
) -> tuple[Neighbours, dict[str, Float64]]:
    """The neighbours that may become matches, and the statistic of each kind of decision.

    With `match.one_to_one` these are the mutual best of each other shop, moved to the front of the list: a threshold
    is then swept over what is decided. The mean and deviation of `dynamic` are those of all neighbours.

    Args:
        lists: as of `keep_mutual`.
    """
    statistics = {kind: decision_statistic(kind, neighbours) for kind in KINDS}
    if not allowed.one_to_one:
        return neighbours, statistics
    kept = keep_mutual(neighbours, allowed.shop, lists)
    moved = Neighbours(
        neighbours.query,
        move_first(kept, neighbours.neighbour, -1),
        move_first(kept, neighbours.score, -np.inf),
    )
    return moved, {kind: move_first(kept, statistic, -np.inf) for kind, statistic in statistics.items()}


@dataclass(frozen=True)
class Rules:
    """The rules of match.rules: an equal GTIN is a match, two different GTINs are none.

    Attributes:
        gtin: int64 (N,), the valid GTIN of each listing; −1 for none, and for a listing that is not searched.
        max_size: listings of one GTIN at most that become neighbours of each other where the search has not
            found them.
    """

    gtin: Int64
    max_size: int

    def within(self, listings: Listings, gallery: str) -> "Rules":
        """The rules in a gallery of GALLERIES: listings of two of its parts have no GTIN in common."""
        gtin, parts = np.full_like(self.gtin, -1), GALLERIES[gallery]
        for number, part in enumerate(parts):
            rows = listings.gallery(part)
            gtin[rows] = np.where(self.gtin[rows] >= 0, self.gtin[rows] * len(parts) + number, -1)
        return Rules(gtin, self.max_size)


def apply_rules(neighbours: Neighbours, rules: Rules, allowed: AllowedPairs = ALL_PAIRS) -> Neighbours:
    """The neighbours without those of another GTIN; those of an equal GTIN come first, at the score +inf.

    Listings of an equal GTIN are added where the search has not found them. A threshold leaves the pairs that
    rules decide as they are, so it is chosen for the others.
    """
    query, valid, gtin = neighbours.query, neighbours.valid, rules.gtin
    of_query, of_neighbour = gtin[query][:, None], np.where(valid, gtin[neighbours.neighbour], -1)
    equal = (of_query >= 0) & (of_query == of_neighbour)
    different = (of_query >= 0) & (of_neighbour >= 0) & ~equal
    kept = np.nonzero(valid & ~different & ~equal)
    position, row = _same_gtin(query, rules)
    may_match = allowed.of_rows(query[position], row)
    position, row = position[may_match], row[may_match]
    among = np.nonzero(equal)
    position = np.concatenate([kept[0], among[0], position])
    row = np.concatenate([neighbours.neighbour[kept], neighbours.neighbour[among], row])
    score = np.full(len(row), np.inf, np.float32)
    score[: len(kept[0])] = neighbours.score[kept]
    _, first = np.unique(position.astype(np.int64) * len(gtin) + row, return_index=True)
    position, row, score = position[first], row[first], score[first]

    order = np.lexsort((row, -score, position))
    count = np.bincount(position, minlength=len(query))
    rank = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    result = no_neighbours(query, max(neighbours.k, int(count.max(initial=0))))
    result.neighbour[position[order], rank] = row[order]
    result.score[position[order], rank] = score[order]
    return result


def _same_gtin(query: Ints, rules: Rules) -> tuple[Int64, Int64]:
    """The position of a query and another listing of its GTIN, for each such pair: two int (P,)."""
    members = np.argsort(rules.gtin, kind="stable")
    start = np.searchsorted(rules.gtin[members], rules.gtin[query], side="left")
    size = np.searchsorted(rules.gtin[members], rules.gtin[query], side="right") - start
    size = np.where((rules.gtin[query] >= 0) & (size <= rules.max_size), size, 0)
    position = np.repeat(np.arange(len(query)), size)
    place = np.arange(len(position)) - np.repeat(np.cumsum(size) - size, size) + start[position]
    row = members[place]
    is_other = row != query[position]
    return position[is_other], row[is_other]


@dataclass(frozen=True)
class Curve:
    """Mean row-wise F1 and pooled pair counts at every threshold; a pair is a match if statistic ≥ threshold.

    Attributes:
        threshold: float64 (T,), the distinct statistics, descending; +inf first, where nothing is a match.
        f1: float64 (T,). hits, n_predicted: int64 (T,), pooled over queries. n_relevant: pooled.
    """

    threshold: Float64
    f1: Float64
    hits: Int64
    n_predicted: Int64
    n_relevant: int

    def index(self, threshold: float) -> int:
        """The position on the curve with the same matches as `threshold`."""
        return int(np.searchsorted(-self.threshold, -threshold, side="right")) - 1


def sweep_thresholds(
    statistic: Float64, relevant: Bools, n_relevant: Ints, negative_weight: float = 1.0
) -> Curve:
    """F1 at every threshold, exactly.

    Args:
        statistic: float64 (Q, k), never rising along a row; −inf where there is no neighbour.
        relevant: bool (Q, k). n_relevant: int (Q,).
        negative_weight: for how many a neighbour of another product counts. A gallery of `negative_weight`
            times as many listings has, in expectation, so many above a threshold. 1: F1 in this very gallery.

    The matches of a query are a prefix of its neighbours, so its F1 steps from one prefix to the next. All
    steps in descending order of statistic, summed up, are the mean F1 at every threshold.
    """
    length = np.arange(statistic.shape[1] + 1)
    hits = np.concatenate([np.zeros((len(relevant), 1), int), np.cumsum(relevant, axis=1)], axis=1)
    steps = np.diff(row_f1(hits, hits + negative_weight * (length - hits), n_relevant[:, None]), axis=1)
    flat = statistic.ravel()
    order = np.flatnonzero(~np.isneginf(flat))
    order = order[np.argsort(-flat[order], kind="stable")]
    values = flat[order]
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True)) if len(values) else np.array([], int)
    none = np.zeros(len(n_relevant), int)
    start = row_f1(none, none, n_relevant).sum()
    mean = (start + np.cumsum(steps.ravel()[order])[last]) / max(1, len(n_relevant))
    points: tuple[Any, ...] = values[last], mean, np.cumsum(relevant.ravel()[order])[last], last + 1
    if not len(values) or not np.isposinf(
        values[0]
    ):  # +inf matches at every threshold, and is the first point
        first = np.inf, start / max(1, len(n_relevant)), 0, 0
        points = tuple(np.concatenate([[a], b]) for a, b in zip(first, points, strict=True))
    threshold, f1, correct, n_predicted = points
    return Curve(threshold, f1, correct, n_predicted, int(n_relevant.sum()))


def best_threshold(curve: Curve) -> float:
    """The threshold of highest mean F1: halfway to the next statistic below, which suits unseen listings.

    The highest of equals; where no match is best, just above the largest statistic.
    """
    best = int(np.argmax(curve.f1))
    upper = curve.threshold[best]
    lower = curve.threshold[best + 1] if best + 1 < len(curve.threshold) else upper
    if not np.isfinite(upper):
        return float(np.round(lower + 10.0**-DECIMALS, DECIMALS)) if np.isfinite(lower) else 1.0
    middle = np.round((upper + lower) / 2, DECIMALS)
    return float(middle if lower < middle <= upper else upper)


def best_val_threshold(neighbours: Neighbours, listings: Listings, rows: Int32) -> tuple[float, float]:
    """The static threshold with the highest mean F1 over the labelled val queries, and that F1.

    Of all neighbours, whatever `match.one_to_one` says: it needs the lists of val queries alone.

    Args:
        rows: int32 (G,), the gallery of the neighbours.
    """
    product, labelled = visible_products(listings), val_labelled(listings)[neighbours.query]
    query, neighbour = neighbours.query[labelled], neighbours.neighbour[labelled]
    curve = sweep_thresholds(
        static_statistic(neighbours)[labelled],
        is_relevant(product, query, neighbour),
        count_relevant(product, query, rows, listings.allowed),
    )
    return best_threshold(curve), float(curve.f1.max())


def keep_at_least_one(is_match: Bools, neighbours: Neighbours, min_score: float) -> Bools:
    """`is_match` (Q, k), and the best neighbour of each query without a match, if its score is ≥ min_score.

    A prior for data where every product has two listings or more; wrong where many have one.
    """
    result = is_match.copy()
    if neighbours.k:
        reaches = neighbours.valid[:, 0] & (static_statistic(neighbours)[:, 0] >= min_score)
        result[:, 0] |= ~is_match.any(axis=1) & reaches
    return result


@dataclass(frozen=True)
class Decisions:
    """The matches of Q queries in one gallery, beside what the labels say.

    Attributes:
        neighbours: those that may become matches, see `decision_statistics`.
        kind: of the decision. statistics: of each kind of KINDS, float64 (Q, k).
        is_match, relevant: bool (Q, k). n_relevant: int (Q,).
        threshold: of the statistic. is_default: whether no label chose it.
        min_score: of `at_least_one`; the best on val where none is given.
        split: str (Q,), "" where the query has no label and is not measured.
        gallery_size: int (Q,), the listings that the query was searched in.
        rules: those that decided before the threshold; None: there were none.
    """

    neighbours: Neighbours
    kind: str
    statistics: Mapping[str, Float64]
    is_match: Bools
    relevant: Bools
    n_relevant: Int64
    threshold: float
    min_score: float
    split: Strings
    gallery_size: Int64
    is_default: bool = False
    rules: Rules | None = None

    @property
    def statistic(self) -> Float64:
        """float64 (Q, k): that of the decision."""
        return self.statistics[self.kind]

    @property
    def hits(self) -> Int64:
        return (self.is_match & self.relevant).sum(axis=1)

    @property
    def n_predicted(self) -> Int64:
        return self.is_match.sum(axis=1)

    @property
    def f1(self) -> Float64:
        return row_f1(self.hits, self.n_predicted, self.n_relevant)

    def curve(self, split: str, statistic: Float64 | None = None) -> Curve:
        """F1 at every threshold over the queries of one split, by default of the decision's statistic."""
        queries = self.split == split
        statistic = self.statistic if statistic is None else statistic
        return sweep_thresholds(statistic[queries], self.relevant[queries], self.n_relevant[queries])


def decide(
    neighbours: Neighbours,
    listings: Listings,
    decision: Decision,
    gallery: str,
    rules: Rules | None = None,
    compared: str = "pictures and titles",
) -> Decisions:
    """Decide which neighbours are matches; a threshold or min_score to tune is the best on val.

    Where val's labels cannot choose (`can_tune`), the threshold is `default_threshold`.

    Where val and test are searched apart, in galleries of G listings, a test query meets
    (G_test − 1) / (G_val − 1) times as many listings of other products as a val query. While the threshold is
    tuned, each such neighbour counts for so many. Where shops part the galleries, G − 1 is the mean number of
    listings that may match a query. This takes sizes and shops alone, no label of test.

    Args:
        gallery: of GALLERIES, in which the neighbours were searched. rules: they decide first.
        compared: as of `compared_by`.
    """
    query, allowed = neighbours.query, listings.allowed
    if rules is not None:
        neighbours = apply_rules(neighbours, rules.within(listings, gallery), allowed)
    split = np.where(listings.product[query] >= 0, listings.split[query], "")
    is_val = split == "val"
    is_default = decision.value == "tune" and not can_tune(listings)
    visible = visible_products(listings)  # the labels of test are hidden from val
    n_relevant, n_visible, gallery_size = (np.zeros(len(query), np.int64) for _ in range(3))
    sizes = {"val": 0.0, "test": 0.0}  # of what a query meets
    for part in GALLERIES[gallery]:
        rows = listings.gallery(part)
        inside = np.isin(query, rows)
        n_relevant[inside] = count_relevant(listings.product, query[inside], rows, allowed)
        n_visible[inside] = count_relevant(visible, query[inside], rows, allowed)
        gallery_size[inside] = len(rows)
        if part in sizes and len(rows):
            sizes[part] = float(allowed.count(np.zeros(len(listings), np.int32), rows, rows).mean())
    negative_weight = sizes["test"] / sizes["val"] if min(sizes.values()) > 0 else 1.0
    neighbours, statistics = decision_statistics(neighbours, allowed)
    val_labels = is_relevant(visible, query[is_val], neighbours.neighbour[is_val]), n_visible[is_val]

    statistic = statistics[decision.kind]
    if is_default:
        threshold = default_threshold(decision.kind, compared, len(listings))
    elif decision.value == "tune":
        threshold = best_threshold(sweep_thresholds(statistic[is_val], *val_labels, negative_weight))
    else:
        threshold = float(decision.value)
    is_match = statistic >= threshold
    min_score = decision.min_score
    if min_score is None:
        score = static_statistic(neighbours)[is_val]
        min_score = best_min_score(is_match[is_val], score, *val_labels, negative_weight)
    if decision.at_least_one:
        is_match = keep_at_least_one(is_match, neighbours, min_score)
    relevant = is_relevant(listings.product, query, neighbours.neighbour)
    return Decisions(
        neighbours, decision.kind, statistics, is_match, relevant, n_relevant, threshold, min_score, split,
        gallery_size, is_default, rules,
    )  # fmt: skip


def val_f1(decisions: Decisions, listings: Listings, gallery: str) -> float:
    """The mean F1 of the labelled val queries in a gallery of GALLERIES; the labels of test are hidden from it."""
    is_val, visible = decisions.split == "val", visible_products(listings)
    query, neighbour = decisions.neighbours.query[is_val], decisions.neighbours.neighbour[is_val]
    rows = listings.gallery("full" if gallery == "full" else "val")
    is_match = decisions.is_match[is_val]
    hits = (is_match & is_relevant(visible, query, neighbour)).sum(axis=1)
    n_relevant = count_relevant(visible, query, rows, listings.allowed)
    return float(row_f1(hits, is_match.sum(axis=1), n_relevant).mean())


def best_min_score(
    is_match: Bools, score: Float64, relevant: Bools, n_relevant: Int64, negative_weight: float = 1.0
) -> float:
    """The min_score of `at_least_one` with the highest mean F1 over these queries; 1 where it never helps.

    The same sweep, over the best neighbour of each query without a match.
    """
    none = ~is_match.any(axis=1)
    if not none.any() or is_match.shape[1] == 0:
        return 1.0
    return best_threshold(
        sweep_thresholds(score[none, :1], relevant[none, :1], n_relevant[none], negative_weight)
    )
