"""data/predictions/<system>/: what people and programs take away from a system."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesku import artefacts
from samesku.catalogue import parquet as tables
from samesku.catalogue.listings import Listings
from samesku.catalogue.quarantine import ID_UNSAFE
from samesku.catalogue.reader import id_fault
from samesku.evaluation import decisions, plots
from samesku.evaluation import groups as grouping
from samesku.search.scorer import channel_cosines

if TYPE_CHECKING:
    from samesku.annotations.links import Links
    from samesku.evaluation.evaluate import Judged
    from samesku.params.rerank import Groups


def write(
    system: str,
    judged: dict[str, Judged],
    full: dict[str, Any],
    listings: Listings,
    channels: Mapping[str, NDArray[np.float32]],
    groups: Groups,
    links: Links | None = None,
) -> None:
    """submission.csv, matches.parquet and groups.parquet over the whole sample, queries.parquet, metrics.json
    and plots/.

    Args:
        judged: both galleries. full: metrics.json. channels: those whose similarity each match shows.
        links: what people said of pairs, which the groups keep to.
    """
    with artefacts.replacing(artefacts.PREDICTIONS / system) as beside:
        (beside / "plots").mkdir(parents=True)
        whole = judged["full"]
        matches = whole.neighbours.neighbour
        with (beside / "submission.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["posting_id", "matches"])
            writer.writerows(submission(listings, matches, whole.keep, artefacts.QUARANTINE))
        at, rank = np.nonzero(whole.keep)
        query, match = whole.neighbours.query[at], matches[at, rank]
        columns = {
            "query": listings.posting_id[query],
            "match": listings.posting_id[match],
            "score": whole.neighbours.score[at, rank],
        } | channel_cosines(channels, query, match)
        pq.write_table(tables.table(columns), beside / "matches.parquet")
        group_of = grouping.group(whole, listings, groups, links)
        pq.write_table(grouping.table(group_of, listings), beside / "groups.parquet")
        pq.write_table(queries(judged, listings), beside / "queries.parquet")
        artefacts.write_json(beside / "metrics.json", full)
        for name, rows in curves(judged["split"], full).items():
            _write_rows(beside / "plots" / f"{name}.csv", rows)


def submission(
    listings: Listings, matches: NDArray[np.int32], keep: NDArray[np.bool_], quarantine: Path
) -> list[tuple[str, str]]:
    """(posting_id, matches) of every readable id: itself first, then its matches, best first.

    Args:
        matches: int (N, k), neighbours of every listing. keep: bool (N, k).
        quarantine: the file of what sample dropped; its readable ids match themselves.
    """
    ids = listings.posting_id
    rows = [
        (own, " ".join([own, *ids[row[kept]]])) for own, row, kept in zip(ids, matches, keep, strict=True)
    ]
    with quarantine.open(encoding="utf-8", newline="") as file:
        told = [row for row in csv.DictReader(file) if row["reason"] != ID_UNSAFE]  # there shown escaped
    dropped = {row["posting_id"] for row in told} - set(ids)
    return sorted(rows + [(own, own) for own in dropped if id_fault(own) is None])


def queries(judged: dict[str, Judged], listings: Listings) -> pa.Table:
    """Every scored query of val and test in both galleries, so that two systems can be compared pairwise."""
    parts = []
    for gallery, found in judged.items():
        at = np.isin(found.split, ("val", "test"))
        query = found.neighbours.query[at]
        parts.append(
            tables.table(
                {
                    "query": listings.posting_id[query],
                    "split": found.split[at],
                    "gallery": [gallery] * len(query),
                    "component": listings.component[query],
                    "f1": found.f1[at],
                    "hits": found.hits[at].astype(np.int32),
                    "kept": found.kept[at].astype(np.int32),
                    "n_relevant": found.n_relevant[at].astype(np.int32),
                }
            )
        )
    return pa.concat_tables(parts)


def curves(judged: Judged, full: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The rows of every plot: F1 against threshold by both rules, precision–recall, scores, group sizes."""
    at = {split: judged.split == split for split in ("val", "test")}
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in ("static", "dynamic"):
        statistic = decisions.statistic(kind, judged.neighbours)
        found[f"threshold_{kind}"] = plots.threshold_rows(
            {s: (statistic[rows], judged.relevant[rows], judged.n_relevant[rows]) for s, rows in at.items()}
        )
    for split in at:
        found[f"precision_recall_{split}"] = plots.precision_recall_rows(judged.curve(split))
    test = at["test"]
    found["scores"] = plots.score_rows(judged.statistic[test], judged.relevant[test])
    found["strata"] = full.get("test", {}).get("strata", [])
    return found


def _write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    columns = list(rows[0]) if rows else ["empty"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(artefacts.rounded(rows))
