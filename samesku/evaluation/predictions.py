"""What a system leaves: its metrics file, and data/predictions/<system>/ for people and programs."""

import csv
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from samesku import artefacts
from samesku.arrays import Float32, Int64
from samesku.catalogue.listings import Links, Listings
from samesku.catalogue.quarantine import ID_FORMULA, ID_UNSAFE
from samesku.errors import DamagedFile, InputError
from samesku.evaluation.annotated import AnnotatedPairs
from samesku.evaluation.clusters import assign_groups
from samesku.evaluation.decisions import Decisions
from samesku.evaluation.figures import SPLITS, all_metrics, describe_metrics, short_metrics
from samesku.evaluation.plots import plot_rows
from samesku.params import Groups
from samesku.search.fusion import channel_cosines


def write_system(
    folder: Path,
    metrics_file: Path,
    decisions: Mapping[str, Decisions],
    listings: Listings,
    channels: Mapping[str, Float32],
    groups: Groups,
    settings: Mapping[str, Any] | None = None,
) -> str:
    """Measure a system, write its metrics file and its predictions; its result in one line.

    Args:
        decisions: by gallery. settings: what val or train chose for it, such as weights; kept in metrics.json.
            The rest as of `write_predictions`.
    """
    figures = all_metrics(decisions, listings, groups) | artefacts.round_floats(dict(settings or {}))
    write_predictions(folder, decisions, figures, listings, channels, groups)
    short = short_metrics(figures)
    artefacts.write_json(metrics_file, short)
    return describe_metrics(short)


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
        groups: of `assign_groups`. links: annotated pairs, which submission.csv and groups.parquet obey.
            matches.parquet and the figures show the decisions as they were before; with links, the column
            `annotation` of matches.parquet is same, different or "".
    """
    full = decisions["full"]
    group = assign_groups(full, listings, groups, links)
    annotated = AnnotatedPairs.of_links(links or Links(), listings)
    dropped = read_dropped_ids(artefacts.QUARANTINE)
    submission = submission_rows(full, listings, dropped, annotated, groups.max_size)
    matches = match_columns(full, listings, channels)
    if annotated:
        position, rank = np.nonzero(full.is_match)
        matches["annotation"] = annotated.answers(
            full.neighbours.query[position], full.neighbours.neighbour[position, rank]
        )
    with artefacts.replace_out(folder) as partial:
        partial.mkdir()
        artefacts.write_csv(partial / "submission.csv", submission, ["posting_id", "matches"])
        artefacts.write_table(partial / "matches.parquet", matches)
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


def measure_systems(
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


def submission_rows(
    decisions: Decisions,
    listings: Listings,
    dropped: Iterable[str],
    annotated: AnnotatedPairs | None = None,
    max_size: int = 100,
) -> list[dict[str, str]]:
    """Rows {posting_id, matches} of every readable id: itself first, then its matches, best first.

    Annotated pairs overrule the decisions: different products leave the list, and the missing listings of the same
    product are put at its end.

    Args:
        decisions: those of every listing. dropped: ids of which no listing was made; they match themselves.
        max_size: listings of a product at most of which the missing ones are added.
    """
    ids, is_match = listings.posting_id, decisions.is_match
    query, neighbour = decisions.neighbours.query, decisions.neighbours.neighbour
    added: dict[int, Int64] = {}
    if annotated:
        position, rank = np.nonzero(is_match)
        relation = annotated.relation(query[position], neighbour[position, rank])
        is_match = is_match.copy()
        is_match[position, rank] = relation >= 0
        added = dict(annotated.same_product(max_size, listings.allowed))
    matches = {name: name for name in dropped}
    for listing, row, kept in zip(query.tolist(), neighbour, is_match, strict=True):
        rows = row[kept]
        if listing in added:
            rows = np.concatenate([rows, np.setdiff1d(added[listing], rows)])
        matches[ids[listing]] = " ".join([ids[listing], *ids[rows]])
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
