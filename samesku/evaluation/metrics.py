"""The metrics, each a function with its formula.

Most take three counts of each query, all without the query itself: `hits`, the matches that are right;
`n_predicted`, the matches; `n_relevant`, the listings of its product in the gallery that may match it (match.link).
"""

from typing import Any

import numpy as np

from samesku.arrays import Bools, Float64, Int64, Ints
from samesku.catalogue.listings import ALL_PAIRS, AllowedPairs

SIZES = ((1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (21, None))  # of products, in listings: first and last
RESAMPLES = 1000


def row_f1(hits: Ints, n_predicted: Ints | Float64, n_relevant: Ints) -> Float64:
    """F1 of each query with the query itself in both sets, as the Shopee competition scores it.

    2 (hits + 1) / ((n_predicted + 1) + (n_relevant + 1)), float64 (Q,), in (0, 1].
    """
    return 2.0 * (hits + 1) / (n_predicted + n_relevant + 2)


def self_only_f1(n_relevant: Ints) -> Float64:
    """`row_f1` of each query that is matched with itself alone: what a system without any match has.

    2 / (n_relevant + 2): 1 where the product has one listing. The floor with which every F1 is compared.
    """
    none = np.zeros_like(n_relevant)
    return row_f1(none, none, n_relevant)


def row_precision(hits: Ints, n_predicted: Ints) -> Float64:
    """(hits + 1) / (n_predicted + 1) of each query: the query itself is in both sets."""
    return (hits + 1) / (n_predicted + 1)


def row_recall(hits: Ints, n_relevant: Ints) -> Float64:
    """(hits + 1) / (n_relevant + 1) of each query: the query itself is in both sets."""
    return (hits + 1) / (n_relevant + 1)


def micro_f1(hits: Ints, n_predicted: Ints, n_relevant: Ints) -> float:
    """2 TP / (2 TP + FP + FN) over the pooled pairs without self, of the queries that have a relevant listing.

    0 where no query has one. Never compare it with the mean of `row_f1`.
    """
    some = n_relevant > 0
    total = n_predicted[some].sum() + n_relevant[some].sum()
    return float(2 * hits[some].sum() / total) if total else 0.0


def pairwise_scores(hits: Ints, n_predicted: Ints, n_relevant: Ints) -> dict[str, float]:
    """TP / (TP + FP), TP / (TP + FN) and their harmonic mean over the pooled pairs of all queries, without self.

    A pair of two queries counts twice, once from each side. 0 where there is no such pair.
    """
    correct, predicted, relevant = int(hits.sum()), int(n_predicted.sum()), int(n_relevant.sum())
    return {
        "precision": correct / predicted if predicted else 0.0,
        "recall": correct / relevant if relevant else 0.0,
        "f1": 2 * correct / (predicted + relevant) if predicted + relevant else 0.0,
    }


def b_cubed(hits: Ints, n_predicted: Ints, n_relevant: Ints) -> dict[str, float]:
    """B-cubed precision, recall and their harmonic mean; a query's match list stands for its cluster.

    Bagga and Baldwin (1998): the precision of an item is the share of its cluster that is of its product, its
    recall the share of its product that is in its cluster, the item included. Both are averaged over items.
    """
    precision = float(row_precision(hits, n_predicted).mean())
    recall = float(row_recall(hits, n_relevant).mean())
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall)}


def average_precision(relevant: Bools, n_relevant: Ints) -> Float64:
    """AP@k: the sum, over the ranks of relevant listings, of the precision there, over min(n_relevant, k).

    Args:
        relevant: bool (Q, k), in rank order. n_relevant: int (Q,).

    Returns:
        float64 (Q,), 0 to 1; NaN where no listing is relevant.
    """
    ranks = np.arange(1, relevant.shape[1] + 1)
    precision_sum = (np.cumsum(relevant, axis=1) / ranks * relevant).sum(axis=1)
    k = max(1, relevant.shape[1])  # a gallery without neighbours has no column
    return _divide(precision_sum, np.minimum(n_relevant, k))


def recall_at_k(relevant: Bools, n_relevant: Ints) -> Float64:
    """The relevant among the k neighbours over all relevant; NaN where no listing is relevant."""
    return _divide(relevant.sum(axis=1).astype(np.float64), n_relevant)


def f1_by_product_size(f1: Float64, n_relevant: Ints) -> list[dict[str, float | str]]:
    """Rows {listings, queries, f1} by the number of listings of the query's product, small products first.

    Args:
        f1: float64 (Q,). n_relevant: int (Q,); the product has n_relevant + 1 listings in the gallery: the query and
            those that may match it.
    """
    rows: list[dict[str, float | str]] = []
    for first, last in SIZES:
        inside = (n_relevant + 1 >= first) & (n_relevant + 1 <= (last or np.inf))
        if inside.any():
            end = "" if first == last else f"–{last:02}" if last else " and more"
            name = f"{first:02}{end}"  # two digits, so that a plot that sorts by name has them in order
            rows.append({"listings": name, "queries": int(inside.sum()), "f1": float(f1[inside].mean())})
    return rows


def bootstrap_interval(
    values: Float64, component: Ints, *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95% interval of the mean of `values`: whole connected components are resampled with replacement.

    Efron's percentile bootstrap over clusters, since listings of a component are not independent. The mean of
    a resample is Σ sums / Σ sizes of the drawn components.

    Args:
        values: float64 (Q,), a figure of each query, or the difference of two systems on it (paired).
        component: int (Q,), the connected component of each query.
    """
    if len(values) == 0:
        return (0.0, 0.0)
    _, position = np.unique(component, return_inverse=True)
    sums, sizes = np.bincount(position, weights=values), np.bincount(position)
    means = np.empty(resamples)
    generator = np.random.default_rng(seed)
    for i in range(resamples):
        drawn = np.bincount(generator.integers(0, len(sizes), len(sizes)), minlength=len(sizes))
        means[i] = drawn @ sums / (drawn @ sizes)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def cluster_counts(
    group: Ints, product: Ints, query: Ints, allowed: AllowedPairs = ALL_PAIRS
) -> tuple[Int64, Int64, Int64]:
    """`hits`, `n_predicted` and `n_relevant` of each query, where the matches are those of its group that may match.

    Args:
        group: int (N,), within the gallery; −1 outside it. product: int (N,), −1 where unlabelled.
        query: int (Q,) rows of the gallery.
    """
    rows = np.flatnonzero(group >= 0)
    n_products = int(product.max(initial=-1)) + 2
    both = np.where((group >= 0) & (product >= 0), group.astype(np.int64) * n_products + product, -1)
    hits, n_predicted, n_relevant = (allowed.count(key, query, rows) for key in (both, group, product))
    return hits, n_predicted, n_relevant


def cluster_metrics(
    group: Ints, product: Ints, query: Ints, allowed: AllowedPairs = ALL_PAIRS
) -> dict[str, Any]:
    """`pairwise_scores` and B-cubed of the queries' groups, and the groups' number and largest size.

    Arguments as of `cluster_counts`.
    """
    hits, n_predicted, n_relevant = cluster_counts(group, product, query, allowed)
    size = np.bincount(group[group >= 0], minlength=1)
    return {
        "groups": len(np.unique(group[query])),
        "largest": int(size[group[query]].max(initial=0)),
        "pairwise": pairwise_scores(hits, n_predicted, n_relevant),
        "b_cubed": b_cubed(hits, n_predicted, n_relevant) if len(query) else {},
    }


def _divide(total: Float64, count: Ints) -> Float64:
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
