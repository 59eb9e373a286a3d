"""What a system leaves: its metrics, and data/predictions/<system>/ for people and programs."""

import csv
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from samesku import artefacts
from samesku.arrays import Bools, Float32, Float64
from samesku.catalogue.listings import Links, Listings
from samesku.catalogue.quarantine import ID_FORMULA, ID_UNSAFE
from samesku.errors import DamagedFile, InputError
from samesku.evaluation import metrics
from samesku.evaluation.clusters import assign_groups
from samesku.evaluation.decisions import Decisions, keep_at_least_one
from samesku.evaluation.thresholds import Curve, best_threshold
from samesku.params import Groups
from samesku.processor import are_capped
from samesku.search.fusion import channel_cosines

SPLITS = ("val", "test")
SUFFIXES = {"split": "", "full": "_full"}  # of the keys of metrics.json, by gallery
POINTS = 200  # of a curve in a plot
BINS = 60  # of the histogram of scores


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
    return artefacts.round_floats(figures | {"groups": of_groups})


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


def write_predictions(
    folder: Path,
    decisions: Mapping[str, Decisions],
    figures: Mapping[str, Any],
    listings: Listings,
    channels: Mapping[str, Float32],
    groups: Groups,
    links: Links | None = None,
) -> None:
    """Write submission.csv, matches.parquet and groups.parquet over the full gallery, queries.parquet,
    metrics.json and plots/.

    Args:
        decisions: by gallery. figures: metrics.json. channels: those whose cosine each match shows.
        groups, links: of `assign_groups`.
    """
    full = decisions["full"]
    group = assign_groups(full, listings, groups, links)
    submission = submission_rows(full, listings, read_dropped_ids(artefacts.QUARANTINE))
    with artefacts.replace_out(folder) as partial:
        partial.mkdir()
        artefacts.write_csv(partial / "submission.csv", submission, ["posting_id", "matches"])
        artefacts.write_table(partial / "matches.parquet", match_columns(full, listings, channels))
        artefacts.write_table(partial / "groups.parquet", {"posting_id": listings.posting_id, "group": group})
        artefacts.write_table(partial / "queries.parquet", query_table(decisions, listings))
        sample = artefacts.fingerprint(
            None, [artefacts.LISTINGS]
        )  # so that no figure is shown as another sample's
        artefacts.write_json(partial / "metrics.json", {**figures, "sample": sample})
        plots = plot_rows(decisions["split"]) | {"strata": figures.get("test", {}).get("strata", [])}
        for name, rows in plots.items():
            columns = None if rows else ["empty"]
            artefacts.write_csv(partial / "plots" / f"{name}.csv", artefacts.round_floats(rows), columns)


def match_columns(
    decisions: Decisions, listings: Listings, channels: Mapping[str, Float32]
) -> dict[str, NDArray[Any]]:
    """The columns of matches.parquet: query, match, score and the cosine of each channel, a row for each match.

    With rules also `rule`: a match that a rule made has score 1, and `rule` true.
    """
    neighbours = decisions.neighbours
    position, rank = np.nonzero(decisions.is_match)
    query, match = neighbours.query[position], neighbours.neighbour[position, rank]
    columns = {
        "query": listings.posting_id[query],
        "match": listings.posting_id[match],
        "score": np.minimum(neighbours.score[position, rank], 1),
    } | channel_cosines(channels, query, match, owner=listings.owner)
    if decisions.rules is not None:
        columns["rule"] = np.isposinf(neighbours.score[position, rank])
    return columns


def write_systems(
    folder: Path, metrics: Path, systems: Iterable[str], measure: Callable[[str, Path, Path], str]
) -> str:
    """Measure systems one after another and print a line of each; one that cannot run is skipped and stops no other.

    Args:
        measure: name, folder of predictions, metrics file -> the line.

    Returns:
        how many were measured.
    """
    measured = [_measure_or_skip(name, folder / name, metrics / f"{name}.json", measure) for name in systems]
    if not measured:  # DVC warns of empty folders
        for place in (folder, metrics):
            artefacts.write_json(place / "none.json", {"systems": 0})
        return "params.yaml names no system"
    return f"{sum(measured)} of {len(measured)} systems measured"


def _measure_or_skip(
    name: str, folder: Path, metrics_file: Path, measure: Callable[[str, Path, Path], str]
) -> bool:
    try:
        line, skipped = measure(name, folder, metrics_file), False
    except DamagedFile:
        raise
    except InputError as error:
        write_skipped(folder, metrics_file, str(error))
        line, skipped = f"skipped: {error}", True
    print(f"{name}: {line}", flush=True)
    return not skipped


def write_skipped(folder: Path, metrics_file: Path, reason: str) -> None:
    """Write the outs of a system that cannot run: a `folder` that says why, and a metrics file that says so."""
    artefacts.write_json(metrics_file, {"skipped": 1})
    artefacts.write_skipped(folder, reason)


def submission_rows(decisions: Decisions, listings: Listings, dropped: Iterable[str]) -> list[dict[str, str]]:
    """Rows {posting_id, matches} of every readable id: itself first, then its matches, best first.

    Args:
        decisions: those of every listing. dropped: ids of which no listing was made; they match themselves.
    """
    ids = listings.posting_id
    matches = {name: name for name in dropped}
    neighbours = decisions.neighbours.neighbour
    for name, row, is_match in zip(ids, neighbours, decisions.is_match, strict=True):
        matches[name] = " ".join([name, *ids[row[is_match]]])
    return [{"posting_id": name, "matches": matches[name]} for name in sorted(matches)]


def read_dropped_ids(quarantine: Path) -> set[str]:
    """The ids of quarantine.csv that can be read, of listings and of rows that were dropped."""
    with quarantine.open(encoding="utf-8", newline="") as file:
        return {
            row["posting_id"]
            for row in csv.DictReader(file)
            if row["posting_id"] and row["reason"] not in (ID_UNSAFE, ID_FORMULA)
        }


def query_table(decisions: Mapping[str, Decisions], listings: Listings) -> pa.Table:
    """queries.parquet: every measured query in both galleries, so that two systems can be compared by query."""
    parts = []
    for gallery, of_gallery in decisions.items():
        measured = np.isin(of_gallery.split, SPLITS)
        query = of_gallery.neighbours.query[measured]
        columns: dict[str, Any] = {
            "query": listings.posting_id[query],
            "split": of_gallery.split[measured],
            "gallery": [gallery] * len(query),
            "component": listings.component[query],
            "f1": of_gallery.f1[measured],
            "hits": of_gallery.hits[measured].astype(np.int32),
            "n_predicted": of_gallery.n_predicted[measured].astype(np.int32),
            "n_relevant": of_gallery.n_relevant[measured].astype(np.int32),
        }
        parts.append(artefacts.make_table(columns))
    return pa.concat_tables(parts)


def plot_rows(decisions: Decisions) -> dict[str, list[dict[str, float]]]:
    """The rows of the plots by name: F1 against both kinds of threshold, precision–recall, scores of test."""
    splits = [split for split in SPLITS if (decisions.split == split).any()]
    rows = {}
    for kind, statistic in decisions.statistics.items():
        rows[f"threshold_{kind}"] = threshold_rows({s: decisions.curve(s, statistic) for s in splits})
    for split in SPLITS:
        rows[f"precision_recall_{split}"] = precision_recall_rows(decisions.curve(split))
    test = decisions.split == "test"
    return rows | {"scores": score_rows(decisions.statistic[test], decisions.relevant[test])}


def threshold_rows(curves: Mapping[str, Curve]) -> list[dict[str, float]]:
    """Rows {threshold, <split>_f1 …}: the exact mean F1 of each split at POINTS thresholds."""
    finite = [curve.threshold[np.isfinite(curve.threshold)] for curve in curves.values()]
    thresholds = np.concatenate([np.empty(0), *finite])
    if not len(thresholds):
        return []
    return [
        {"threshold": threshold}
        | {f"{split}_f1": curve.f1[curve.index(threshold)] for split, curve in curves.items()}
        for threshold in np.linspace(thresholds.min(), thresholds.max(), POINTS)
    ]


def precision_recall_rows(curve: Curve) -> list[dict[str, float]]:
    """Rows {recall, precision, threshold} over pooled pairs without self, highest threshold first."""
    points = np.flatnonzero((curve.n_predicted > 0) & np.isfinite(curve.threshold))
    if not len(points) or not curve.n_relevant:
        return []
    # Evenly along recall: most thresholds lie where recall no longer rises.
    grid = np.linspace(0, curve.hits[points[-1]], POINTS)
    points = points[np.unique(np.searchsorted(curve.hits[points], grid).clip(max=len(points) - 1))]
    recall, precision = curve.hits[points] / curve.n_relevant, curve.hits[points] / curve.n_predicted[points]
    return [
        {"recall": r, "precision": p, "threshold": t}
        for r, p, t in zip(recall, precision, curve.threshold[points], strict=True)
    ]


def score_rows(statistic: Float64, relevant: Bools) -> list[dict[str, float]]:
    """Rows {low, high, true_pairs, false_pairs}: a histogram of the statistic.

    Args:
        statistic, relevant: (Q, k); what is not finite is no neighbour, or a match at any threshold.
    """
    finite = np.isfinite(statistic)
    if not finite.any():
        return []
    bounds = np.linspace(statistic[finite].min(), statistic[finite].max(), BINS + 1)
    true, false = (np.histogram(statistic[finite & of], bounds)[0] for of in (relevant, ~relevant))
    return [
        {"low": low, "high": high, "true_pairs": int(n_true), "false_pairs": int(n_false)}
        for low, high, n_true, n_false in zip(bounds[:-1], bounds[1:], true, false, strict=True)
    ]
