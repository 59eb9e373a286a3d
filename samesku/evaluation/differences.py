"""Two systems on the same queries: what one gains on the other, with its paired bootstrap interval."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from samesku.artefacts import read_columns
from samesku.errors import InputError
from samesku.evaluation.metrics import bootstrap_interval


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
    def result(self) -> str:
        """«better» means that the interval excludes 0."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "no difference shown"


def differences(a: Path, b: Path) -> list[Difference]:
    """Compare two queries.parquet, for val and test in both galleries.

    Raises:
        InputError: a file is missing, or they hold different queries.
    """
    for path in (a, b):
        if not path.is_file():
            raise InputError(f"{path} is missing; run `dvc repro`, or name a system of data/predictions")
    columns = ["query", "split", "gallery", "component", "f1"]
    left, right = (
        {name: np.array(column.to_pylist()) for name, column in read_columns(path, columns).items()}
        for path in (a, b)
    )
    results = []
    for split in ("val", "test"):
        for gallery in ("split", "full"):
            in_a, in_b = ((t["split"] == split) & (t["gallery"] == gallery) for t in (left, right))
            if not np.array_equal(left["query"][in_a], right["query"][in_b]):
                raise InputError(
                    f"{a.parent.name} and {b.parent.name} hold different queries; run `dvc repro`"
                )
            if in_a.any():
                f1_a, f1_b = left["f1"][in_a], right["f1"][in_b]
                low, high = bootstrap_interval(f1_b - f1_a, left["component"][in_a])
                results.append(Difference(split, gallery, len(f1_a), f1_a.mean(), f1_b.mean(), low, high))
    return results
