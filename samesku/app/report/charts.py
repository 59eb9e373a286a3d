"""The figures of a report as Vega-Lite, from the rows of data/predictions/<system>/plots/ and data/sweep/.

Colours are names (`$val`, `$test`, `$good`, `$bad`, `$rule`): the page knows what they are in light and dark.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Chart = dict[str, Any]
FEATURES = 15


def charts(
    plots: Path, metrics: dict[str, Any], dynamic: bool, sweep: Path | None, alpha: float
) -> list[Chart]:
    """Each figure that there are rows for: {id, title, note, spec}.

    Args:
        plots: a system's folder. dynamic: its decision is mean + m · std. sweep: alpha.csv, where it is this
            system's. alpha: that of params.yaml.
    """
    cut = metrics.get("threshold", {}).get("split")
    what = "m of mean + m · std" if dynamic else "score threshold"
    rows = rows_of(plots / f"threshold_{'dynamic' if dynamic else 'static'}.csv")
    found = [
        chart(
            "threshold",
            "F1 against threshold",
            f"Mean F1 in the split galleries. The line marks {cut:.3f}, chosen on val."
            if cut is not None
            else "",
            rows and curve(rows, "threshold", what, cut),
        ),
        chart(
            "alpha",
            "F1 against α",
            f"0 is titles alone, 1 pictures alone; each α has its own threshold. params.yaml says {alpha:g}.",
            sweep and (rows := rows_of(sweep)) and curve(rows, "alpha", "α, weight of the image side", alpha),
        ),
        chart(
            "precision-recall",
            "Precision–recall",
            "Pairs pooled over the queries of a split gallery, self left out. The dots are the threshold.",
            precision_recall(
                {s: rows_of(plots / f"precision_recall_{s}.csv") for s in ("val", "test")}, cut, dynamic, what
            ),
        ),
        chart(
            "scores",
            "Scores of true and false pairs",
            "Neighbours of test queries within test; each class sums to 100%. The line is the threshold.",
            scores(rows_of(plots / "scores.csv"), cut, what),
        ),
        chart(
            "strata",
            "F1 by group size",
            "Test queries by the listings that their product has in the gallery.",
            strata({name: metrics.get(key, {}) for name, key in GALLERIES.items()}),
        ),
        chart(
            "importance",
            "What the pair model looks at",
            f"The {FEATURES} features of highest gain.",
            importance(rows_of(plots / "importance.csv")),
        ),
    ]
    return [one for one in found if one["spec"]]


GALLERIES = {"test in test": "test", "test in the whole sample": "test_full"}


def rows_of(path: Path) -> list[Row]:
    """The rows of a CSV, numbers as numbers; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [{key: _value(text) for key, text in row.items()} for row in csv.DictReader(file)]


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def chart(name: str, title: str, note: str, spec: Any) -> Chart:
    return {"id": name, "title": title, "note": note, "spec": spec or None}


def curve(rows: Sequence[Row], x: str, label: str, chosen: float | None) -> Chart:
    """F1 of val and test against x, with the chosen value."""
    long = [
        {"x": row[x], "split": split, "f1": row[f"{split}_f1"]}
        for row in rows
        for split in ("val", "test")
        if isinstance(row.get(f"{split}_f1"), float)
    ]
    layers: list[Chart] = [
        {
            "mark": {"type": "line", "interpolate": "monotone"},
            "encoding": {
                "x": quantitative("x", label),
                "y": quantitative("f1", "mean F1"),
                "color": SPLIT,
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 60},
            "params": [
                {
                    "name": "near",
                    "select": {"type": "point", "on": "pointerover", "nearest": True, "clear": "pointerout"},
                }
            ],
            "encoding": {
                "x": {"field": "x", "type": "quantitative"},
                "y": {"field": "f1", "type": "quantitative"},
                "color": SPLIT,
                "opacity": {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0},
                "tooltip": [
                    {"field": "split"},
                    {"field": "x", "title": label, "format": ".4f"},
                    {"field": "f1", "title": "mean F1", "format": ".4f"},
                ],
            },
        },
    ]
    return {"data": {"values": long}, "layer": [*layers, *rule(chosen)]}


def precision_recall(
    rows: dict[str, list[Row]], cut: float | None, dynamic: bool, label: str
) -> Chart | None:
    """Both splits' curves, with the point of each that the threshold gives."""
    long = [{"split": split} | row for split, found in rows.items() for row in found if "recall" in row]
    if not long:
        return None
    encoding = {
        "x": quantitative("recall", "recall", [0, 1]),
        "y": quantitative("precision", "precision", [0, 1]),
        "color": SPLIT,
        "tooltip": [
            {"field": "split"},
            *({"field": key, "format": ".4f"} for key in ("recall", "precision")),
            {"field": "threshold", "title": label, "format": ".4f"},
        ],
    }
    points = [
        {"split": split} | min(found, key=lambda row: abs(row["threshold"] - cut))
        for split, found in rows.items()
        if cut is not None and found and "recall" in found[0]
    ]
    return {
        "encoding": encoding,
        "layer": [
            {
                "data": {"values": long},
                "mark": {"type": "line", "point": {"opacity": 0, "size": 80}, "tooltip": True},
                "encoding": {"order": {"field": "threshold", "sort": "descending"}},
            },
            {
                "data": {"values": points},
                "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
            },
        ],
    }


def scores(rows: Sequence[Row], cut: float | None, label: str) -> Chart | None:
    """Two histograms over each other, each a share of its class."""
    if not rows or "low" not in rows[0]:
        return None
    long = []
    for name, key in (("same product", "true_pairs"), ("another product", "false_pairs")):
        total = sum(row[key] for row in rows) or 1
        long += [
            {
                "low": row["low"],
                "high": row["high"],
                "pairs": row[key],
                "class": name,
                "share": row[key] / total,
            }
            for row in rows
        ]
    bars = {
        "mark": {"type": "bar", "opacity": 0.55, "binSpacing": 0},
        "encoding": {
            "x": {**quantitative("low", label), "bin": "binned"},
            "x2": {"field": "high"},
            "y": {**quantitative("share", "share of its class"), "stack": None, "axis": {"format": "%"}},
            "color": {
                "field": "class",
                "type": "nominal",
                "scale": {"domain": ["same product", "another product"], "range": ["$good", "$bad"]},
                "legend": {"title": None},
            },
            "tooltip": [
                {"field": "class"},
                {"field": "low", "title": "from", "format": ".3f"},
                {"field": "high", "title": "to", "format": ".3f"},
                {"field": "pairs", "format": ","},
                {"field": "share", "format": ".1%"},
            ],
        },
    }
    return {"data": {"values": long}, "layer": [bars, *rule(cut)]}


def strata(galleries: dict[str, dict[str, Any]]) -> Chart | None:
    """F1 by group size, a bar for each gallery."""
    long = [
        {"gallery": name} | row | {"listings": re.sub(r"\b0", "", row["listings"])}
        for name, figures in galleries.items()
        for row in figures.get("strata", [])
    ]
    if not long:
        return None
    return {
        "data": {"values": long},
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "x": {
                "field": "listings",
                "type": "nominal",
                "sort": None,
                "title": "listings of the product",
                "axis": {"labelAngle": 0},
            },
            "xOffset": {"field": "gallery", "sort": list(galleries)},
            "y": quantitative("f1", "mean F1", [0, 1]),
            "color": {
                "field": "gallery",
                "type": "nominal",
                "scale": {"domain": list(galleries), "range": ["$test", "$full"]},
                "legend": {"title": None},
            },
            "tooltip": [
                {"field": "gallery"},
                {"field": "listings"},
                {"field": "f1", "title": "mean F1", "format": ".4f"},
                {"field": "queries", "format": ","},
            ],
        },
    }


def importance(rows: Sequence[Row]) -> Chart | None:
    """The features of highest gain, as bars."""
    if not rows or "gain" not in rows[0]:
        return None
    return {
        "data": {"values": list(rows[:FEATURES])},
        "mark": {"type": "bar", "cornerRadiusEnd": 2, "color": "$test"},
        "encoding": {
            "y": {"field": "feature", "type": "nominal", "sort": None, "title": None},
            "x": {**quantitative("gain", "share of the gain"), "axis": {"format": "%"}},
            "tooltip": [{"field": "feature"}, {"field": "family"}, {"field": "gain", "format": ".1%"}],
        },
    }


SPLIT = {
    "field": "split",
    "type": "nominal",
    "scale": {"domain": ["val", "test"], "range": ["$val", "$test"]},
    "legend": {"title": None},
}


def quantitative(key: str, title: str, domain: list[float] | None = None) -> Chart:
    scale: Chart = {"domain": domain} if domain else {"zero": False, "nice": True}
    return {"field": key, "type": "quantitative", "title": title, "scale": scale}


def rule(at: float | None) -> list[Chart]:
    """A vertical line."""
    if at is None:
        return []
    return [
        {
            "data": {"values": [{"at": at}]},
            "mark": {"type": "rule", "color": "$rule", "strokeDash": [5, 4], "strokeWidth": 1.5},
            "encoding": {"x": {"field": "at", "type": "quantitative"}},
        }
    ]
