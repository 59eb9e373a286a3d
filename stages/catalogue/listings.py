"""listings.parquet as arrays, for the stages that rank. No pandas, so that they start fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

#: Each gallery, as the parts of the sample that are searched within themselves.
GALLERIES = {"full": ("full",), "split": ("val", "test")}


@dataclass(frozen=True)
class Listings:
    """The N listings of a sample, in the order of every embedding array.

    Attributes:
        posting_id: str (N,), ascending. product: int32 (N,), codes of label_group, −1 where unlabelled.
        component: int32 (N,), super-components. split: str (N,), train | val | test.
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
    table = pq.read_table(path, columns=["posting_id", "label_group", "component", "split"])
    label = table["label_group"].combine_chunks().dictionary_encode()
    return Listings(
        posting_id=np.asarray(table["posting_id"].to_pylist(), dtype=object),
        product=pc.fill_null(label.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32),
        component=table["component"].to_numpy().astype(np.int32),
        split=np.asarray(table["split"].to_pylist(), dtype=str),
    )
