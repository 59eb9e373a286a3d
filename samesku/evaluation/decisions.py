"""Which neighbours are matches: a statistic of each neighbour, against a threshold that val's labels choose."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from samesku.arrays import Bools, Float64, Int64, Strings
from samesku.catalogue.listings import (
    GALLERIES,
    AllowedPairs,
    Listings,
    can_tune,
    visible_products,
)
from samesku.errors import DamagedFile
from samesku.evaluation.metrics import row_f1
from samesku.evaluation.rules import Rules, apply_rules
from samesku.evaluation.thresholds import (
    KINDS,
    Curve,
    best_threshold,
    count_relevant,
    decision_statistic,
    is_relevant,
    static_statistic,
    sweep_thresholds,
)
from samesku.params import Decision, Fusion
from samesku.search.neighbours import Neighbours, keep_mutual, move_first

#: The static threshold where val's labels cannot choose one: base + slope · log10 of the gallery's size, at least FLOOR
#: and at most the last number. A larger gallery has more near listings of other products. Chosen on labelled catalogues
#: with zero-shot channels, so that 85% of the pairs above it are right (docs/own-catalogue.md).
DEFAULT_LINES = {
    "pictures and titles": (0.22, 0.23, 0.77),
    "pictures": (0.50, 0.115, 0.78),
    "titles": (0.14, 0.20, 0.88),
    # Other pairs of hashes say nothing: a copy of the picture reaches it, or nearly the same title.
    "hashes and titles": (0.45, 0.0, 0.45),
}
FLOOR = 0.45
DEFAULT_DYNAMIC = 4.5


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

    def __post_init__(self) -> None:
        more = self.relevant.sum(axis=1) > self.n_relevant
        if more.any():  # an F1 above 1 would follow
            query = self.neighbours.query[more.argmax()]
            raise DamagedFile(
                f"the neighbours of listing {query} hold more listings of its product than its gallery has; "
                "run `dvc repro`"
            )

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


def decide_galleries(
    neighbours: Mapping[str, Neighbours],
    listings: Listings,
    decision: Decision,
    rules: Rules | None = None,
    compared: str = "pictures and titles",
) -> dict[str, Decisions]:
    """`decide` in every gallery. neighbours: by gallery."""
    return {
        gallery: decide(nearest, listings, decision, gallery, rules, compared)
        for gallery, nearest in neighbours.items()
    }


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
