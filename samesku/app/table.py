"""The table of systems, from the metrics files that git tracks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def rows(metrics: Path) -> list[tuple[str, dict[str, Any]]]:
    """(system, its metrics): the systems of metrics/compare/ and the main one, worst test f1 first."""
    files = [*sorted((metrics / "compare").glob("*.json")), metrics / "samesku.json"]
    found = [(file.stem, json.loads(file.read_text("utf-8"))) for file in files if file.is_file()]
    return sorted(found, key=lambda row: row[1].get("test", {}).get("f1", -1.0))


def markdown(metrics: Path) -> str:
    """The table as Markdown; a cell is empty where a system has no such figure (no labels, or skipped)."""
    lines = [
        "| system | val f1 | test f1 | test micro_f1 | test_full f1 |",
        "|---|---|---|---|---|",
    ]
    for system, found in rows(metrics):
        cells = [found.get(split, {}).get(key) for split, key in _COLUMNS]
        lines.append(f"| {system} | " + " | ".join("" if c is None else f"{c:.4f}" for c in cells) + " |")
    return "\n".join(lines)


_COLUMNS = (("val", "f1"), ("test", "f1"), ("test", "micro_f1"), ("test_full", "f1"))
