"""`samesku report`: what a system found, as one page to look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from samesku import artefacts
from samesku import params as settings
from samesku.app.report import (
    catalogue as report_catalogue,
)
from samesku.app.report import (
    charts as report_charts,
)
from samesku.app.report import (
    gallery as report_gallery,
)
from samesku.app.report import (
    pairs as report_pairs,
)
from samesku.app.report import (
    template as report_page,
)
from samesku.app.report.catalogue import Shown
from samesku.params import Params

QUERIES = 3000  # at most, in one report


def write(system: str, out: Path, queries: int = QUERIES) -> str:
    """Write a system's report.

    Args:
        system: a folder of data/predictions.
        queries: shown at most; of test first.

    Returns:
        one line on what it holds.

    Raises:
        InputError: there is no such system, or its predictions are of another sample.
    """
    page = content(system, settings.load(), queries)
    report_page.save(out, "report.html", page)
    shown = f"{len(page['gallery']['queries']):,} queries of {system}"
    return f"{shown}, {out.stat().st_size / 1e6:.1f} MB: {out.resolve().as_uri()}"


def content(system: str, params: Params, most: int) -> dict[str, Any]:
    """What the template is filled with."""
    folder = artefacts.PREDICTIONS / system
    known = report_catalogue.read(artefacts.LISTINGS, artefacts.THUMBNAILS)
    found = report_pairs.matches(folder, known)
    metrics = metrics_of(folder)
    weights = report_pairs.weights_of(system, params, metrics, found)
    channels = list(found.similarity)
    queries, shown = report_gallery.choose(known, most), Shown(known)
    missing = report_pairs.measured(
        *report_gallery.missed(found, known, queries), channels, artefacts.EMBEDDINGS, weights
    )
    review = None
    if (folder / "review.parquet").is_file():
        band = report_gallery.band(folder / "review.parquet", known)
        missing = report_gallery.reviewed(missing, band)
        review = report_gallery.doubtful(band, {*found.key, *missing.key}, queries)
        review = report_pairs.measured(
            review.query, review.other, channels, artefacts.EMBEDDINGS, None, review.score
        )
    blocks = report_gallery.gallery(found, missing, review, known, shown, queries)
    decision = decision_of(system, params)
    return {
        "system": system,
        "metrics": metrics,
        "threshold": threshold(decision, metrics),
        "systems": (rows := systems()),
        "scale": scale([row[key] for row in rows for key in ("test", "test_full") if key in row]),
        "facts": facts(known, found, metrics),
        "charts": report_charts.charts(
            folder / "plots",
            metrics,
            decision == "dynamic",
            artefacts.SWEEP / "alpha.csv" if system == "samesku" else None,
            params.fusion.alpha,
        ),
        "gallery": {
            "kinds": report_gallery.KINDS,
            "views": report_gallery.VIEWS,
            "groups": report_gallery.GROUPS,
            "sorts": {"id": "by posting_id", "worst": "lowest F1 first", "most": "most matches first"},
            "channels": report_pairs.channels_of(channels, params, weights),
            "labelled": known.labelled(),
            "total": len(known.title),
            "listings": shown.listings(),
            "queries": blocks,
            "score": "probability" if review is not None else "score",
        },
        "pictures": shown.pictures(),
    }


def decision_of(system: str, params: Params) -> str:
    """static or dynamic; the systems beside the main road are static."""
    if system == "samesku":
        return params.decision.kind
    other = params.compare.get(system) or params.mixes.get(system)
    return other.decision.kind if other else "static"


def threshold(decision: str, metrics: dict[str, Any]) -> str:
    """The decision in the whole sample, in words."""
    cut = metrics.get("threshold", {}).get("full")
    if cut is None:
        return "none is recorded"
    return f"score ≥ {cut:.4f}" if decision == "static" else f"score ≥ mean + {cut:.4f} · std"


def metrics_of(folder: Path) -> dict[str, Any]:
    path = folder / "metrics.json"
    return artefacts.read_json(path) if path.is_file() else {}


def systems() -> list[dict[str, Any]]:
    """metrics.json of every system of data/predictions that labels score, best test f1 first."""
    found = [
        {"name": folder.name} | metrics
        for folder in sorted(artefacts.PREDICTIONS.iterdir())
        if folder.is_dir() and not folder.name.startswith(".") and "test" in (metrics := metrics_of(folder))
    ]
    return sorted(found, key=lambda row: -row["test"]["f1"])


def scale(figures: list[dict[str, float]]) -> Callable[[float], float]:
    """F1 -> its place, 0 to 1, among all intervals of a table, with some air on either side."""
    low = min((of.get("f1_low", of["f1"]) for of in figures), default=0.0) - 0.02
    high = max((of.get("f1_high", of["f1"]) for of in figures), default=1.0) + 0.02
    return lambda value: round((value - low) / (high - low), 4)


def facts(
    known: report_catalogue.Catalogue, found: report_pairs.Pairs, metrics: dict[str, Any]
) -> list[tuple[str, str, str]]:
    """(what, figure, note) of the tiles at the top."""
    tiles = []
    for key, what in (("test", "F1, test in test"), ("test_full", "F1, test in the whole sample")):
        if key in metrics:
            of = metrics[key]
            interval = f"95%: {of['f1_low']:.3f} to {of['f1_high']:.3f}" if "f1_low" in of else ""
            tiles.append(
                (what, f"{of['f1']:.3f}", f"{interval}; {of['queries']:,} queries in {of['gallery']:,}")
            )
    matched = len(np.unique(found.query))
    n = len(known.title)
    products = len(np.unique(known.listings.product[known.listings.product >= 0]))
    tiles.append(("listings", f"{n:,}", f"of {products:,} products" if products else "without labels"))
    tiles.append(
        ("matches", f"{len(found):,}", f"{matched:,} of the listings have one ({matched / max(1, n):.0%})")
    )
    return tiles
