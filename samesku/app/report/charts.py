"""The charts of a report as Vega-Lite, from data/predictions/<system>/plots/ and data/tuned/alpha.csv.

Colours are names (`$val`, `$test`, `$full`, `$good`, `$bad`, `$rule`): the page has them in light and dark.
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from samesku.reading import reading

Row = dict[str, Any]
Chart = dict[str, Any]
MAX_FEATURES = 15
#: Figures of test queries in metrics.json -> the listings among which their matches are searched.
SEARCHED_AMONG = {"test": "test listings", "test_full": "all listings"}


def make_charts(
    plots: Path, metrics: dict[str, Any], dynamic: bool, alpha_sweep: Path | None, alpha: float
) -> list[Chart]:
    """Each chart that there are rows for: {id, title, note, spec}.

    Args:
        plots: the system's folder of plots. dynamic: its decision is mean + m · std.
        alpha_sweep: alpha.csv, if it is of this system. alpha: the α of params.yaml.
    """
    threshold = metrics.get("threshold", {}).get("split")
    x_title = "m of mean + m · std" if dynamic else "score threshold"
    threshold_rows = read_rows(plots / f"threshold_{'dynamic' if dynamic else 'static'}.csv")
    alpha_rows = read_rows(alpha_sweep) if alpha_sweep else []
    recall_rows = {split: read_rows(plots / f"precision_recall_{split}.csv") for split in ("val", "test")}
    marked = "" if threshold is None else f" The line marks the threshold, {threshold:.3f}."
    charts = [
        (
            "threshold",
            "F1 by threshold",
            f"Mean F1 of the queries of a split, searched among its listings.{marked}",
            threshold_rows and curve(threshold_rows, "threshold", x_title, threshold),
        ),
        (
            "alpha",
            "F1 by α",
            "α = 0 uses titles alone, α = 1 pictures alone; each α has its own threshold. "
            f"The line marks {alpha:g}, the α of params.yaml.",
            alpha_rows and curve(alpha_rows, "alpha", "α, the weight of the image side", alpha),
        ),
        (
            "precision-recall",
            "Precision and recall",
            "Pairs of two listings of a split. The dots mark the threshold.",
            precision_recall(recall_rows, threshold, x_title),
        ),
        (
            "scores",
            "Scores of pairs",
            "Neighbours of test queries among test listings; each class sums to 100%. The line marks the threshold.",
            scores(read_rows(plots / "scores.csv"), threshold, x_title),
        ),
        (
            "strata",
            "F1 by group size",
            "Test queries by the number of listings that their product has where they are searched.",
            strata({f"among {name}": metrics.get(key, {}) for key, name in SEARCHED_AMONG.items()}),
        ),
        (
            "importance",
            "Features of the pair model",
            f"The {MAX_FEATURES} features with the highest gain.",
            importance(read_rows(plots / "importance.csv")),
        ),
    ]
    return [
        {"id": name, "title": title, "note": note, "spec": spec} for name, title, note, spec in charts if spec
    ]


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV, numbers as numbers; none if there is no file."""
    if not path.is_file():
        return []
    with reading(path), path.open(encoding="utf-8", newline="") as file:
        return [{key: _number_or_text(text) for key, text in row.items()} for row in csv.DictReader(file)]


def _number_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def curve(rows: Sequence[Row], x: str, x_title: str, chosen: float | None) -> Chart:
    """F1 of val and test by the column `x`, with a line at the chosen value."""
    points = [
        {"x": row[x], "split": split, "f1": row[f"{split}_f1"]}
        for row in rows
        for split in ("val", "test")
        if isinstance(row.get(f"{split}_f1"), float)
    ]
    nearest = {"type": "point", "on": "pointerover", "nearest": True, "clear": "pointerout"}
    line = {
        "mark": {"type": "line", "interpolate": "monotone"},
        "encoding": {"x": axis("x", x_title), "y": axis("f1", "mean F1"), "color": SPLIT_COLOUR},
    }
    point_under_pointer = {
        "mark": {"type": "point", "filled": True, "size": 60},
        "params": [{"name": "nearest", "select": nearest}],
        "encoding": {
            "x": {"field": "x", "type": "quantitative"},
            "y": {"field": "f1", "type": "quantitative"},
            "color": SPLIT_COLOUR,
            "opacity": {"condition": {"param": "nearest", "empty": False, "value": 1}, "value": 0},
            "tooltip": tooltip(("split",), ("x", ".4f", x_title), ("f1", ".4f", "mean F1")),
        },
    }
    return {"data": {"values": points}, "layer": [line, point_under_pointer, *rule(chosen)]}


def precision_recall(rows: dict[str, list[Row]], threshold: float | None, x_title: str) -> Chart | None:
    """The curve of each split, with the point at the threshold."""
    curves = {split: points for split, points in rows.items() if points and "recall" in points[0]}
    if not curves:
        return None
    marked = [
        {"split": split} | min(points, key=lambda point: abs(point["threshold"] - threshold))
        for split, points in curves.items()
        if threshold is not None
    ]
    lines = {
        "data": {
            "values": [{"split": split} | point for split, points in curves.items() for point in points]
        },
        "mark": {"type": "line", "point": {"opacity": 0, "size": 80}, "tooltip": True},
        "encoding": {"order": {"field": "threshold", "sort": "descending"}},
    }
    dots = {"data": {"values": marked}, "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1}}
    encoding = {
        "x": axis("recall", "recall", [0, 1]),
        "y": axis("precision", "precision", [0, 1]),
        "color": SPLIT_COLOUR,
        "tooltip": tooltip(
            ("split",), ("recall", ".4f"), ("precision", ".4f"), ("threshold", ".4f", x_title)
        ),
    }
    return {"encoding": encoding, "layer": [lines, dots]}


def scores(rows: Sequence[Row], threshold: float | None, x_title: str) -> Chart | None:
    """The scores of true and false pairs, two histograms over each other, each a share of its class."""
    if not rows or "low" not in rows[0]:
        return None
    classes = {"same product": "true_pairs", "another product": "false_pairs"}
    bins = []
    for name, key in classes.items():
        total = sum(row[key] for row in rows) or 1
        for row in rows:
            pairs = {"pairs": row[key], "class": name, "share": row[key] / total}
            bins.append({"low": row["low"], "high": row["high"]} | pairs)
    bars = {
        "mark": {"type": "bar", "opacity": 0.55, "binSpacing": 0},
        "encoding": {
            "x": {**axis("low", x_title), "bin": "binned"},
            "x2": {"field": "high"},
            "y": {**axis("share", "share of its class"), "stack": None, "axis": {"format": "%"}},
            "color": colour("class", list(classes), ["$good", "$bad"]),
            "tooltip": tooltip(
                ("class",), ("low", ".3f", "from"), ("high", ".3f", "to"), ("pairs", ","), ("share", ".1%")
            ),
        },
    }
    return {"data": {"values": bins}, "layer": [bars, *rule(threshold)]}


def strata(galleries: dict[str, dict[str, Any]]) -> Chart | None:
    """F1 by group size, a bar for each gallery."""
    bars = [
        {"gallery": name} | row | {"listings": re.sub(r"\b0", "", row["listings"])}
        for name, figures in galleries.items()
        for row in figures.get("strata", [])
    ]
    if not bars:
        return None
    sizes = {"field": "listings", "type": "nominal", "sort": None, "title": "listings of the product"}
    return {
        "data": {"values": bars},
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "x": {**sizes, "axis": {"labelAngle": 0}},
            "xOffset": {"field": "gallery", "sort": list(galleries)},
            "y": axis("f1", "mean F1", [0, 1]),
            "color": colour("gallery", list(galleries), ["$test", "$full"]),
            "tooltip": tooltip(("gallery",), ("listings",), ("f1", ".4f", "mean F1"), ("queries", ",")),
        },
    }


def importance(rows: Sequence[Row]) -> Chart | None:
    """The features with the highest gain, as bars."""
    if not rows or "gain" not in rows[0]:
        return None
    return {
        "data": {"values": list(rows[:MAX_FEATURES])},
        "mark": {"type": "bar", "cornerRadiusEnd": 2, "color": "$test"},
        "encoding": {
            "y": {"field": "feature", "type": "nominal", "sort": None, "title": None},
            "x": {**axis("gain", "share of the gain"), "axis": {"format": "%"}},
            "tooltip": tooltip(("feature",), ("family",), ("gain", ".1%")),
        },
    }


def rule(x: float | None) -> list[Chart]:
    """A vertical line at x; none for None."""
    if x is None:
        return []
    return [
        {
            "data": {"values": [{"x": x}]},
            "mark": {"type": "rule", "color": "$rule", "strokeDash": [5, 4], "strokeWidth": 1.5},
            "encoding": {"x": {"field": "x", "type": "quantitative"}},
        }
    ]


def axis(name: str, title: str, domain: list[float] | None = None) -> Chart:
    """A quantitative axis; without a domain, it spans the values."""
    scale: Chart = {"domain": domain} if domain else {"zero": False, "nice": True}
    return {"field": name, "type": "quantitative", "title": title, "scale": scale}


def colour(name: str, values: list[str], colours: list[str]) -> Chart:
    """A colour for each value of a field, with a legend."""
    scale = {"domain": values, "range": colours}
    return {"field": name, "type": "nominal", "scale": scale, "legend": {"title": None}}


def tooltip(*lines: tuple[str, ...]) -> list[Chart]:
    """The lines of a tooltip, each (field, number format, title); the last two may be missing."""
    return [dict(zip(("field", "format", "title"), line, strict=False)) for line in lines]


SPLIT_COLOUR = colour("split", ["val", "test"], ["$val", "$test"])
