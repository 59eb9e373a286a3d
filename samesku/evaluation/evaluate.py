"""Judge the matches of both galleries by the labels: the decision, tuned on val, and every figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesku import artefacts
from samesku.catalogue.listings import GALLERIES, Listings
from samesku.errors import InputError
from samesku.evaluation import (
    bootstrap,
    decisions,
    f1,
    retrieval,
    strata,
)
from samesku.evaluation import groups as grouping
from samesku.evaluation import (
    relevance as truth,
)
from samesku.evaluation import (
    threshold_sweep as sweep,
)
from samesku.evaluation import validation as val
from samesku.params import Decision
from samesku.params.rerank import Groups
from samesku.search.neighbours import Neighbours


@dataclass(frozen=True)
class Judged:
    """The decision on every query of one gallery, beside what the labels say.

    Attributes:
        statistic: float64 (Q, k). keep, relevant: bool (Q, k). n_relevant: int (Q,).
        threshold: what statistics are held against. floor: of `at_least_one`, tuned on val where none is given.
        split: str (Q,), "" where the query has no label and is scored nowhere. gallery: int (Q,), its size.
    """

    neighbours: Neighbours
    statistic: NDArray[np.float64]
    keep: NDArray[np.bool_]
    relevant: NDArray[np.bool_]
    n_relevant: NDArray[np.int64]
    threshold: float
    floor: float
    split: NDArray[np.str_]
    gallery: NDArray[np.int64]

    @property
    def hits(self) -> NDArray[np.int64]:
        return (self.keep & self.relevant).sum(axis=1)

    @property
    def kept(self) -> NDArray[np.int64]:
        return self.keep.sum(axis=1)

    @property
    def f1(self) -> NDArray[np.float64]:
        return f1.row_f1(self.hits, self.kept, self.n_relevant)

    def curve(self, split: str) -> sweep.Curve:
        """F1 at every threshold, over the queries of one split."""
        at = self.split == split
        return sweep.f1_curve(self.statistic[at], self.relevant[at], self.n_relevant[at])


def judge(neighbours: Neighbours, listings: Listings, decision: Decision, gallery: str) -> Judged:
    """Decide every query of a gallery; a threshold or floor to tune is tuned on val, in this gallery.

    Where val and test are searched apart, in galleries of G listings, a test query meets
    (G_test − 1) / (G_val − 1) times the negative_weight of a val query: while the threshold is sought, a neighbour of
    another product counts as so many. It takes the sizes alone, no label of test.

    Raises:
        InputError: something is to be tuned, and val has no labelled query.
    """
    query = neighbours.query
    relevant = truth.relevant(listings.product, query, neighbours.neighbour)
    n_relevant, size = np.zeros(len(query), np.int64), np.zeros(len(query), np.int64)
    split = np.where(listings.product[query] >= 0, listings.split[query], "")
    chooses = split == "val"
    # What may choose: a product that stands on both sides of a split keeps its test listings to itself.
    known = val.known(listings)
    told = truth.relevant(known, query[chooses], neighbours.neighbour[chooses])
    told_to_find = np.zeros(int(chooses.sum()), np.int64)
    sizes: dict[str, int] = {}
    for part in GALLERIES[gallery]:
        rows = listings.gallery(part)
        inside = np.isin(query, rows)
        n_relevant[inside] = truth.n_relevant(listings.product, query[inside], rows)
        told_to_find[inside[chooses]] = truth.n_relevant(known, query[inside & chooses], rows)
        size[inside] = sizes[part] = len(rows)
    smallest = min(sizes.get("val", 0), sizes.get("test", 0))
    negative_weight = (sizes["test"] - 1) / (sizes["val"] - 1) if smallest > 1 else 1.0
    if decision.value == "tune" and not chooses.any():
        raise InputError(
            "decision.value is tune, but no val listing has a label; give the threshold as a number"
        )
    statistic = decisions.statistic(decision.kind, neighbours)
    if decision.value == "tune":
        threshold = sweep.best_threshold(
            sweep.f1_curve(statistic[chooses], told, told_to_find, negative_weight)
        )
    else:
        threshold = float(decision.value)
    keep = statistic >= threshold
    floor = decision.floor
    if floor is None:
        floor = tune_floor(keep[chooses], neighbours.score[chooses], told, told_to_find, negative_weight)
    if decision.at_least_one:
        keep = decisions.at_least_one(keep, neighbours, floor)
    return Judged(neighbours, statistic, keep, relevant, n_relevant, threshold, floor, split, size)


def tune_floor(
    keep: NDArray[np.bool_],
    score: NDArray[np.float32],
    relevant: NDArray[np.bool_],
    n_relevant: NDArray[np.int64],
    negative_weight: float = 1.0,
) -> float:
    """The floor of `at_least_one` with the highest mean F1 over these queries; 1 where it never helps.

    It is the same sweep, over the best neighbour alone of the queries that kept none.
    """
    none = ~keep.any(axis=1)
    if not none.any() or keep.shape[1] == 0:
        return 1.0
    best = score[none, :1].astype(np.float64).round(6)
    return sweep.best_threshold(sweep.f1_curve(best, relevant[none, :1], n_relevant[none], negative_weight))


def figures(judged: Judged, listings: Listings, split: str) -> dict[str, Any]:
    """Everything that is reported of one split's queries in one gallery; empty where it has no query."""
    at = judged.split == split
    if not at.any():
        return {}
    hits, kept, n_relevant, row = judged.hits[at], judged.kept[at], judged.n_relevant[at], judged.f1[at]
    component = listings.component[judged.neighbours.query[at]]
    has = n_relevant > 0
    ranked = judged.relevant[at][has]
    k = judged.neighbours.k
    alone = decisions.at_least_one(judged.statistic >= judged.threshold, judged.neighbours, judged.floor)[at]
    plain = (judged.statistic >= judged.threshold)[at]
    curve = judged.curve(split)
    oracle = sweep.best_threshold(curve)
    low, high = bootstrap.interval(row, component)
    return {
        "f1": row.mean(),
        "f1_low": low,
        "f1_high": high,
        "micro_f1": f1.micro_f1(hits, kept, n_relevant),
        "queries": int(at.sum()),
        "gallery": int(judged.gallery[at][0]),
        "precision": f1.row_precision(hits, kept).mean(),
        "recall": f1.row_recall(hits, n_relevant).mean(),
        f"map@{k}": retrieval.average_precision(ranked, n_relevant[has]).mean() if has.any() else 0.0,
        f"recall@{k}": retrieval.recall_at_k(ranked, n_relevant[has]).mean() if has.any() else 0.0,
        "b_cubed": f1.b_cubed(hits, kept, n_relevant),
        "strata": strata.by_group_size(row, n_relevant),
        "oracle": {"f1": curve.f1[curve.at(oracle)], "threshold": oracle},
        "at_least_one": {
            "floor": judged.floor,
            "gain": (_row_f1(alone, judged, at) - _row_f1(plain, judged, at)).mean(),
        },
    }


def _row_f1(keep: NDArray[np.bool_], judged: Judged, at: NDArray[np.bool_]) -> NDArray[np.float64]:
    return f1.row_f1((keep & judged.relevant[at]).sum(axis=1), keep.sum(axis=1), judged.n_relevant[at])


def in_full(judged: dict[str, Judged], listings: Listings) -> dict[str, Any]:
    """metrics.json of the predictions: every figure by split and gallery; `test_oracle` is an upper bound."""
    found: dict[str, Any] = {}
    for gallery, suffix in (("split", ""), ("full", "_full")):
        for split in ("val", "test"):
            if told := figures(judged[gallery], listings, split):
                oracle = told.pop("oracle")
                if split == "test":  # tuned on test: no system's result
                    found[f"test_oracle{suffix}"] = oracle
                found[f"{split}{suffix}"] = told
    found["threshold"] = {gallery: judged[gallery].threshold for gallery in ("split", "full")}
    return artefacts.rounded(found)


def in_short(full: dict[str, Any], summary: dict[str, Any]) -> dict[str, Any]:
    """metrics/<system>.json: at most a dozen finite numbers, a row of `dvc metrics show`."""
    short: dict[str, Any] = {"val": {"f1": full["val"]["f1"]}} if "val" in full else {}
    for name, keys in (
        ("test", ("f1", "micro_f1", "queries", "gallery")),
        ("test_full", ("f1", "queries", "gallery")),
    ):
        if name in full:
            short[name] = {key: full[name][key] for key in keys}
    short["threshold"] = full["threshold"]
    return short | {"quarantined": summary["quarantined"], "leaks": max(summary["leaks"].values(), default=0)}


def both(
    neighbours: dict[str, Neighbours], listings: Listings, decision: Decision, groups: Groups
) -> tuple[dict[str, Judged], dict[str, Any]]:
    """Judge both galleries, and say everything about them and about the groups that their matches make."""
    judged = {name: judge(found, listings, decision, name) for name, found in neighbours.items()}
    full = in_full(judged, listings)
    full["groups"] = artefacts.rounded(grouping.figures(judged, listings, groups))
    return judged, full


def describe(short: dict[str, Any]) -> str:
    """A system's result in one line."""
    told = [
        f"{name} f1 {short[name]['f1']:.4f}"
        + (
            f" ({short[name]['queries']} queries in {short[name]['gallery']})"
            if "queries" in short[name]
            else ""
        )
        for name in ("val", "test", "test_full")
        if name in short
    ]
    return ", ".join(told or ["no labels: predictions only"])
