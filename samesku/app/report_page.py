"""`samesku report`: the results of a system as one page."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from samesku import artefacts
from samesku.annotations.file import read_annotations
from samesku.app.evidence_names import name_evidence
from samesku.app.products import count_contradictions, product_content
from samesku.app.report import gallery
from samesku.app.report.catalogue import Catalogue, ShownListings, read_catalogue
from samesku.app.report.charts import SEARCHED_AMONG, make_charts
from samesku.app.report.pairs import (
    ReportPairs,
    describe_channels,
    read_matches,
    read_metrics,
    score_pairs,
    score_weights,
)
from samesku.app.report.template import write_page
from samesku.app.summary import describe_catalogue, describe_quality, next_steps
from samesku.app.system_names import NOTHING_MATCHED, name_system, sentence_start
from samesku.app.systems import describe_fallen, split_systems
from samesku.app.threshold_choice import threshold_content
from samesku.params import Params, load_params

SORTS = {"id": "by posting_id", "worst": "lowest F1 first", "most": "most matches first"}


def write_report(system: str, out: Path, max_queries: int) -> str:
    """Write the report of a system, a folder of data/predictions; return one line on what it holds.

    Raises:
        InputError: there is no such system, or its predictions are of another sample.
    """
    content = report_content(system, load_params(), max_queries)
    write_page(out, "report.html", content)
    shown = f"{len(content['gallery']['queries']):,} queries of {system}"
    return f"{shown}, {out.stat().st_size / 1e6:.1f} MB: {out.resolve().as_uri()}"


def report_content(system: str, params: Params, max_queries: int) -> dict[str, Any]:
    """The values that fill the template."""
    folder = artefacts.predictions_folder(system)
    catalogue = read_catalogue(params.match)
    matches = read_matches(system, catalogue)
    metrics = read_metrics(folder)
    weights = score_weights(system, params, metrics, matches)
    channels = list(matches.cosines)
    queries, shown = gallery.choose_queries(catalogue, max_queries), ShownListings(catalogue)
    owner = catalogue.listings.owner
    missed = score_pairs(*gallery.missed_pairs(matches, catalogue, queries), channels, weights, owner=owner)
    review = None
    if (folder / "review.parquet").is_file():
        probabilities = gallery.read_review(folder / "review.parquet", catalogue)
        missed = gallery.mark_review(missed, probabilities)
        review = gallery.review_pairs(probabilities, {*matches.keys, *missed.keys}, queries)
        review = score_pairs(review.query, review.listing, channels, None, review.score, owner)
    blocks = gallery.gallery_blocks(matches, missed, review, catalogue, shown, queries)
    products = product_content(system, params, catalogue, shown)
    annotations = read_annotations(artefacts.ANNOTATIONS)
    threshold = threshold_content(system, params, catalogue, shown, annotations)
    spec = params if system == "samesku" else params.compare.get(system)
    decision = spec.decision.kind if spec else "static"  # those of `tune` and `rerank` are static
    systems = read_systems([*split_systems(params)[0], system])
    name = name_system(system, params)
    return {
        "system": system,
        "name": name,
        "heading": sentence_start(name),
        "names": {row["name"]: name_system(row["name"], params) for row in systems},
        "nothing_matched": NOTHING_MATCHED,
        "searched_among": SEARCHED_AMONG,
        "metrics": metrics,
        "decision": describe_decision(decision, metrics),
        "systems": systems,
        "fallen": describe_fallen(params, [row["name"] for row in systems]),
        "scale": interval_scale([row[key] for row in systems for key in ("test", "test_full") if key in row]),
        "tiles": make_tiles(
            catalogue, matches, sum(len(group[0]) > 1 for group in products["groups"]), metrics
        ),
        "charts": make_charts(
            folder / "plots",
            metrics,
            decision == "dynamic",
            artefacts.TUNED / "alpha.csv" if system == "samesku" else None,
            params.fusion.alpha,
        ),
        "evidence": name_evidence(params),
        "gallery": {
            "families": list(matches.reasons),
            "threshold": metrics.get("threshold", {}).get("full") if decision == "static" else None,
            "kinds": gallery.KINDS,
            "views": gallery.VIEWS,
            "groups": gallery.GROUPS,
            "sorts": SORTS,
            "channels": describe_channels(channels, params, weights),
            "labelled": catalogue.has_labels(),
            "total": len(catalogue),
            "listings": shown.listings(),
            "queries": blocks,
            "score": "probability" if review is not None else "score",
        },
        "products": products,
        "threshold": threshold,
        "catalogue": describe_catalogue(catalogue),
        "quality": describe_quality(system, metrics, systems, params),
        "next": next_steps(
            catalogue,
            count_contradictions(products),
            annotations,
            sum(
                "wrong" in block["views"] and split == "test"
                for block, split in zip(blocks, catalogue.listings.split[queries], strict=True)
            ),
            obeyed=params.data.annotations is not None,
        ),
        "pictures": shown.pictures(),
        "has_pictures": catalogue.has_pictures(),
    }


def describe_decision(kind: str, metrics: dict[str, Any]) -> str | None:
    """The decision in the whole sample, as a formula; None if no threshold is recorded."""
    threshold = metrics.get("threshold", {}).get("full")
    if threshold is None:
        return None
    return f"score ≥ {threshold:.4f}" if kind == "static" else f"score ≥ mean + {threshold:.4f} · std"


def read_systems(names: Sequence[str]) -> list[dict[str, Any]]:
    """metrics.json of those of these systems that have labels, highest test f1 first."""
    systems = [
        {"name": name} | metrics
        for name in dict.fromkeys(names)
        if "test" in (metrics := read_metrics(artefacts.predictions_folder(name)))
    ]
    return sorted(systems, key=lambda row: -row["test"]["f1"])


def interval_scale(figures: list[dict[str, float]]) -> Callable[[float], float]:
    """F1 -> its place, 0 to 1, in the range of all intervals of the table, with a margin on either side."""
    low = min((of.get("f1_low", of["f1"]) for of in figures), default=0.0) - 0.02
    high = max((of.get("f1_high", of["f1"]) for of in figures), default=1.0) + 0.02
    return lambda value: round((value - low) / (high - low), 4)


def make_tiles(
    catalogue: Catalogue, matches: ReportPairs, n_groups: int, metrics: dict[str, Any]
) -> list[tuple[str, str, str]]:
    """(name, figure, note) of the tiles at the top.

    Args:
        n_groups: groups of two listings or more.
    """
    n, matched = len(catalogue), len(np.unique(matches.query))
    product = catalogue.listings.product
    products = len(np.unique(product[product >= 0]))
    share = matched / max(1, n)
    low, high = np.minimum(matches.query, matches.listing), np.maximum(matches.query, matches.listing)
    n_pairs = len(np.unique(low.astype(np.int64) * n + high))
    tiles = [
        ("listings", f"{n:,}", f"of {products:,} products by the labels" if products else "without labels"),
        ("pairs that match", f"{n_pairs:,}", f"{matched:,} listings have a match ({share:.0%})"),
        ("products found", f"{n_groups:,}", "groups of two listings or more"),
    ]
    for key, name in SEARCHED_AMONG.items():
        if key in metrics:
            of = metrics[key]
            interval = f"95% interval: {of['f1_low']:.3f} to {of['f1_high']:.3f}; " if "f1_low" in of else ""
            note = f"{interval}{of['queries']:,} queries, {of['gallery']:,} listings"
            tiles.append((f"F1 on test queries, searched among {name}", f"{of['f1']:.3f}", note))
    return tiles
