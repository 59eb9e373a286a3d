"""F1 at every threshold, and the threshold that val's labels choose: the statistics of neighbours against labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from samesku.arrays import Bools, Float64, Int32, Int64, Ints
from samesku.catalogue.listings import ALL_PAIRS, AllowedPairs, Listings, val_labelled, visible_products
from samesku.evaluation.metrics import row_f1
from samesku.search.fusion import DECIMALS
from samesku.search.neighbours import Neighbours

#: The kinds of decision, each with a statistic.
KINDS = ("static", "dynamic")


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
    of_val = Neighbours(
        neighbours.query[labelled], neighbours.neighbour[labelled], neighbours.score[labelled]
    )
    curve = sweep_thresholds(
        static_statistic(of_val),
        is_relevant(product, of_val.query, of_val.neighbour),
        count_relevant(product, of_val.query, rows, listings.allowed),
    )
    return best_threshold(curve), float(curve.f1.max())


def best_augmentation_threshold(neighbours: Neighbours, listings: Listings, rows: Int32) -> float:
    """The threshold of `best_val_threshold` for augmentation: the neighbours that val takes for matches move a row.

    At most 1: a row that only its copies move stays as it is, also where val wants no match at all.
    """
    return min(best_val_threshold(neighbours, listings, rows)[0], 1.0)
