"""listings.parquet as arrays, for the stages that rank. No pandas, so that they start fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samesku.catalogue import parquet as tables

#: Each gallery, as the parts of the sample that are searched within themselves.
GALLERIES = {"full": ("full",), "split": ("val", "test")}


@dataclass(frozen=True)
class Listings:
    """The N listings of a sample, in the order of every embedding array.

    Attributes:
        posting_id: str (N,), ascending. product: int32 (N,), codes of label_group, −1 where unlabelled.
        component: int32 (N,), connected components. split: str (N,), train | val | test.
    """

    posting_id: NDArray[np.object_]
    product: NDArray[np.int32]
    component: NDArray[np.int32]
    split: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.posting_id)

    def gallery(self, name: str) -> NDArray[np.int32]:
        """Rows of a gallery: `full`, or those of one split."""
        inside = np.ones(len(self), bool) if name == "full" else self.split == name
        return np.flatnonzero(inside).astype(np.int32)


def read(path: Path) -> Listings:
    """Read listings.parquet, as `sample` wrote it."""
    table = tables.read(path, ["posting_id", "label_group", "component", "split"])
    label = table["label_group"].dictionary_encode()
    return Listings(
        posting_id=np.asarray(table["posting_id"].to_pylist(), dtype=object),
        product=np.array([-1 if at is None else at for at in label.indices.to_pylist()], dtype=np.int32),
        component=tables.numbers(table["component"]).astype(np.int32),
        split=np.asarray(table["split"].to_pylist(), dtype=str),
    )
