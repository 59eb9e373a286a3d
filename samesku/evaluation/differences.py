"""Two systems on the same queries: what one gains on the other, with its paired bootstrap interval."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from samesku.errors import InputError
from samesku.evaluation import bootstrap


@dataclass(frozen=True)
class Difference:
    """Mean F1 of two systems over one split in one gallery; gain is b − a, with its 95% interval."""

    split: str
    gallery: str
    queries: int
    a: float
    b: float
    low: float
    high: float

    @property
    def gain(self) -> float:
        return self.b - self.a

    @property
    def verdict(self) -> str:
        """«Better» means that the interval excludes 0."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "no difference shown"


def differences(a: Path, b: Path) -> list[Difference]:
    """Compare two queries.parquet, for val and test in both galleries.

    Raises:
        InputError: a file is missing, or they hold different queries.
    """
    tables = []
    for path in (a, b):
        if not path.is_file():
            raise InputError(f"{path} is missing; run `dvc repro`, or name a system of data/predictions")
        tables.append({name: column.to_numpy() for name, column in zip(*_columns(path), strict=True)})
    left, right = tables
    found = []
    for split in ("val", "test"):
        for gallery in ("split", "full"):
            of_a, of_b = ((t["split"] == split) & (t["gallery"] == gallery) for t in tables)
            if not np.array_equal(left["query"][of_a], right["query"][of_b]):
                raise InputError(
                    f"{a.parent.name} and {b.parent.name} hold different queries; run `dvc repro`"
                )
            if of_a.any():
                f1_a, f1_b = left["f1"][of_a], right["f1"][of_b]
                low, high = bootstrap.interval(f1_b - f1_a, left["component"][of_a])
                found.append(Difference(split, gallery, len(f1_a), f1_a.mean(), f1_b.mean(), low, high))
    return found


def _columns(path: Path) -> tuple[list[str], list]:
    table = pq.read_table(path)
    return table.column_names, table.columns
