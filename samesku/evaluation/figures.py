"""The figures of a system: metrics.json whole, the few of metrics/<system>.json, and a line for people."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from samesku.arrays import Bools
from samesku.artefacts import round_floats
from samesku.catalogue.listings import Listings
from samesku.evaluation import metrics
from samesku.evaluation.clusters import assign_groups
from samesku.evaluation.decisions import Decisions, keep_at_least_one
from samesku.evaluation.thresholds import best_threshold
from samesku.params import Groups
from samesku.processor import are_capped

SPLITS = ("val", "test")
SUFFIXES = {"split": "", "full": "_full"}  # of the keys of metrics.json, by gallery


def all_metrics(decisions: Mapping[str, Decisions], listings: Listings, groups: Groups) -> dict[str, Any]:
    """metrics.json: every figure by split and gallery, rounded; `test_oracle` is an upper bound, no result.

    The figures of groups are those of the matches alone: an annotation changes no number.

    Args:
        decisions: by gallery, `full` and `split`.
    """
    figures: dict[str, Any] = {}
    of_groups: dict[str, Any] = {}
    for gallery, suffix in SUFFIXES.items():
        group = assign_groups(decisions[gallery], listings, groups)
        for split in SPLITS:
            queries = decisions[gallery].split == split
            if not queries.any():
                continue
            if split == "test":  # the threshold that is best on test: an upper bound
                curve = decisions[gallery].curve(split)
                best = {"f1": float(curve.f1.max()), "threshold": best_threshold(curve)}
                figures[f"test_oracle{suffix}"] = best
            figures[f"{split}{suffix}"] = _split_metrics(decisions[gallery], listings, queries)
            inside = (listings.split == split) | (gallery == "full")
            of_groups[f"{split}{suffix}"] = metrics.cluster_metrics(
                np.where(inside, group, np.int32(-1)),
                listings.product,
                decisions[gallery].neighbours.query[queries],
                listings.allowed,
            )
    figures["threshold"] = {gallery: decisions[gallery].threshold for gallery in SUFFIXES}
    return round_floats(figures | {"groups": of_groups})


def _split_metrics(decisions: Decisions, listings: Listings, queries: Bools) -> dict[str, Any]:
    """The figures of the queries of one split in one gallery. `queries`: bool (Q,), some of them true."""
    hits, n_predicted = decisions.hits[queries], decisions.n_predicted[queries]
    n_relevant, f1 = decisions.n_relevant[queries], decisions.f1[queries]
    low, high = metrics.bootstrap_interval(f1, listings.component[decisions.neighbours.query[queries]])
    some = n_relevant > 0
    ranked, k = decisions.relevant[queries][some], decisions.neighbours.k
    without = decisions.statistic >= decisions.threshold
    with_one = keep_at_least_one(without, decisions.neighbours, decisions.min_score)
    f1_without, f1_with = (
        metrics.row_f1(
            (is_match & decisions.relevant).sum(axis=1), is_match.sum(axis=1), decisions.n_relevant
        )
        for is_match in (without, with_one)
    )
    return {
        "f1": f1.mean(),
        "f1_low": low,
        "f1_high": high,
        "self_only": metrics.self_only_f1(n_relevant).mean(),
        "pairwise": metrics.pairwise_scores(hits, n_predicted, n_relevant),
        "micro_f1": metrics.micro_f1(hits, n_predicted, n_relevant),
        "queries": len(f1),
        "gallery": int(decisions.gallery_size[queries][0]),
        "precision": metrics.row_precision(hits, n_predicted).mean(),
        "recall": metrics.row_recall(hits, n_relevant).mean(),
        f"map@{k}": metrics.average_precision(ranked, n_relevant[some]).mean() if some.any() else 0.0,
        f"recall@{k}": metrics.recall_at_k(ranked, n_relevant[some]).mean() if some.any() else 0.0,
        "b_cubed": metrics.b_cubed(hits, n_predicted, n_relevant),
        "strata": metrics.f1_by_product_size(f1, n_relevant),
        "at_least_one": {"min_score": decisions.min_score, "gain": (f1_with - f1_without)[queries].mean()},
    }


def short_metrics(figures: Mapping[str, Any]) -> dict[str, Any]:
    """metrics/<system>.json: at most a dozen finite numbers, a row of `dvc metrics show`.

    `precision` and `recall` are those of `pairwise_scores`. `fast` marks a run with embed.reproducible: false, whose
    figures depend on its machine.

    Args:
        figures: of `all_metrics`.
    """
    short: dict[str, Any] = {"val": {"f1": figures["val"]["f1"]}} if "val" in figures else {}
    if "test" in figures:
        test = figures["test"]
        pairwise = {key: test["pairwise"][key] for key in ("precision", "recall")}
        short["test"] = (
            {"f1": test["f1"]} | pairwise | {k: test[k] for k in ("micro_f1", "queries", "gallery")}
        )
        short["test_full"] = {key: figures["test_full"][key] for key in ("f1", "gallery")}
    short["threshold"] = figures["threshold"]
    return short if are_capped() else short | {"fast": 1}


def self_only_metrics(figures: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """metrics/self_only.json: the F1 of a system without any match, and what is wrong with the catalogue.

    Args:
        figures: of `all_metrics`, of any system. summary: summary.json of the sample.
    """
    short: dict[str, Any] = {
        split: {"f1": figures[split]["self_only"]}
        | ({key: figures[split][key] for key in ("queries", "gallery")} if split != "val" else {})
        for split in ("val", "test", "test_full")
        if split in figures
    }
    return short | {"quarantined": summary["quarantined"], "leaks": max(summary["leaks"].values(), default=0)}


def describe_metrics(short: Mapping[str, Any]) -> str:
    """The result of a system in one line."""
    parts = []
    for name in ("val", "test", "test_full"):
        if name in short:
            split = short[name]
            size = (
                f" ({short['test']['queries']} queries in {split['gallery']})" if "gallery" in split else ""
            )
            parts.append(f"{name} f1 {split['f1']:.4f}{size}")
    return ", ".join(parts or ["no labelled listings in val or test: predictions only"])


def describe_default(decisions: Decisions, kind: str) -> str:
    """That the threshold is the default, and the way to a better one, for the end of a line; "" where it is not."""
    if not decisions.is_default:
        return ""
    key = f"{kind} threshold {decisions.threshold:g}"
    return (
        f"; val's labels cannot choose a threshold, so the default decides ({key}); annotate pairs with "
        "`samesku serve`, and take the one that `samesku threshold` prints"
    )


def describe_full_lists(
    decisions: Decisions, way_out: str = "index.k, and groups.max_size for larger groups"
) -> str:
    """That queries match all the neighbours that were searched, for the end of a line; "" where none does.

    Args:
        way_out: what to raise.
    """
    k = decisions.neighbours.k
    full = int(decisions.is_match.all(axis=1).sum()) if 0 < k < len(decisions.is_match) - 1 else 0
    if not full:
        return ""
    return (
        f"; {full:,} listings match all of their {k} neighbours, and may have more matches: raise {way_out}"
    )
