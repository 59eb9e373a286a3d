"""The listings of a sample, read from listings.parquet. No pandas, so that stages that only rank start fast."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesku.artefacts import read_columns, to_numpy

#: Each gallery, as the parts of the sample that are searched each within itself.
GALLERIES = {"full": ("full",), "split": ("val", "test")}
#: The product of a labelled test listing, for everything that learns or tunes.
HIDDEN = -2


@dataclass(frozen=True)
class Listings:
    """The N listings of a sample, in the order of every embedding array.

    Attributes:
        posting_id: object (N,) of strings, ascending.
        product: int32 (N,), a number for each label_group; −1 where a listing has no label.
        component: int32 (N,), the connected component of shared labels, pictures and hashes.
        split: str (N,): train, val or test.
        path: listings.parquet, from which the other columns are read when they are first used.
    """

    posting_id: NDArray[np.object_]
    product: NDArray[np.int32]
    component: NDArray[np.int32]
    split: NDArray[np.str_]
    path: Path | None = None

    def __len__(self) -> int:
        return len(self.posting_id)

    @cached_property
    def title(self) -> list[str]:
        """N normalised titles, "" where there is none."""
        return self._column("title").to_pylist()

    @cached_property
    def image(self) -> list[str]:
        """N file names of pictures, "" where there is none."""
        return self._column("image").to_pylist()

    @cached_property
    def image_phash(self) -> list[str]:
        """N perceptual hashes of 16 hex digits, "" where there is none."""
        return self._column("image_phash").to_pylist()

    @cached_property
    def has_image(self) -> NDArray[np.bool_]:
        """bool (N,): the listings whose picture could be used."""
        return to_numpy(self._column("has_image")).astype(bool)

    def gallery(self, name: str) -> NDArray[np.int32]:
        """int32 (G,): the rows of the gallery `full`, or of one split."""
        inside = np.ones(len(self), bool) if name == "full" else self.split == name
        return np.flatnonzero(inside).astype(np.int32)

    def _column(self, name: str) -> Any:
        if self.path is None:
            raise AttributeError(f"these listings have no column {name}")
        return read_columns(self.path, [name])[name]


def read_listings(path: Path) -> Listings:
    """Read listings.parquet, as the stage `sample` wrote it."""
    table = read_columns(path, ["posting_id", "label_group", "component", "split"])
    codes = table["label_group"].dictionary_encode().indices.to_pylist()
    return Listings(
        posting_id=np.asarray(table["posting_id"].to_pylist(), dtype=object),
        product=np.array([-1 if code is None else code for code in codes], dtype=np.int32),
        component=to_numpy(table["component"]).astype(np.int32),
        split=np.asarray(table["split"].to_pylist(), dtype=str),
        path=path,
    )


def visible_products(listings: Listings) -> NDArray[np.int32]:
    """The product of each listing as learning and tuning may see it, int32 (N,).

    HIDDEN for labelled listings of test, which are then of no product that can be known; −1 without a label.
    """
    hidden = (listings.split == "test") & (listings.product >= 0)
    return np.where(hidden, np.int32(HIDDEN), listings.product)


def val_labelled(listings: Listings) -> NDArray[np.bool_]:
    """bool (N,): the listings whose labels choose thresholds and teach the pair model: the labelled ones of val."""
    return (listings.split == "val") & (listings.product >= 0)
