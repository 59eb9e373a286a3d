"""The listings of a sample, and the annotated pairs of them. No pandas, so that the ranking stages start fast."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesku.arrays import Bools, Int32, Strings
from samesku.artefacts import column_names, read_columns, to_numpy, write_table
from samesku.catalogue.further import FILE, FurtherPictures, read_further

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
    product: Int32
    component: Int32
    split: Strings
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
    def source(self) -> list[str]:
        """N names of shops, "" where there is none."""
        return self.attribute("source")

    def attribute(self, name: str) -> list[str]:
        """N cells of a shop or an attribute (reader.ATTRIBUTES), as they stand in the table; "" where there is none."""
        if self.path is None or name not in column_names(self.path):
            return [""] * len(self)
        return self._column(name).to_pylist()

    @cached_property
    def has_image(self) -> Bools:
        """bool (N,): the listings whose picture could be used."""
        return to_numpy(self._column("has_image")).astype(bool)

    @cached_property
    def further(self) -> FurtherPictures:
        """The M pictures that listings have beside their first one."""
        none = FurtherPictures(np.empty(0, np.int32), [], [])
        return none if self.path is None else read_further(self.path.with_name(FILE))

    @cached_property
    def owner(self) -> Int32 | None:
        """int32 (N + M,): the listing of each picture, in the order of images.arrow; None where M is 0."""
        if not len(self.further):
            return None
        return np.concatenate([np.arange(len(self), dtype=np.int32), self.further.listing])

    def further_of(self, row: int) -> range:
        """The further pictures of a listing, as places in `further`; its rows of images.arrow are N more."""
        start, stop = np.searchsorted(self.further.listing, [row, row + 1]).tolist()
        return range(start, stop)

    @property
    def hashes(self) -> list[str]:
        """N + M perceptual hashes, in the order of images.arrow."""
        return self.image_phash + self.further.image_phash

    @property
    def is_picture(self) -> Bools:
        """bool (N + M,): the rows of images.arrow that hold a picture."""
        return np.append(self.has_image, np.ones(len(self.further), bool))

    def gallery(self, name: str) -> Int32:
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


def visible_products(listings: Listings) -> Int32:
    """The product of each listing as learning and tuning may see it, int32 (N,).

    HIDDEN for labelled listings of test, which are then of no product that can be known; −1 without a label.
    """
    hidden = (listings.split == "test") & (listings.product >= 0)
    return np.where(hidden, np.int32(HIDDEN), listings.product)


def val_labelled(listings: Listings) -> Bools:
    """bool (N,): the listings whose labels choose thresholds and teach the pair model: the labelled ones of val."""
    return (listings.split == "val") & (listings.product >= 0)


def _no_pairs() -> Int32:
    return np.empty((0, 2), np.int32)


@dataclass(frozen=True)
class Links:
    """Annotated pairs of listings, each int32 (P, 2) rows: `must_link` one product, `cannot_link` two."""

    must_link: Int32 = field(default_factory=_no_pairs)
    cannot_link: Int32 = field(default_factory=_no_pairs)

    def within(self, rows: Bools) -> Links:
        """The links between two listings of `rows`, bool (N,)."""
        return Links(*(pairs[rows[pairs].all(axis=1)] for pairs in (self.must_link, self.cannot_link)))


def write_links(path: Path, links: Links) -> None:
    """Write columns left int32, right int32, must_link uint8 (0: cannot-link), ordered by left and right."""
    pairs = np.concatenate([links.must_link, links.cannot_link])
    must_link = (np.arange(len(pairs)) < len(links.must_link)).astype(np.uint8)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    columns = {"left": pairs[order, 0], "right": pairs[order, 1], "must_link": must_link[order]}
    write_table(path, columns)


def read_links(path: Path) -> Links:
    """What `write_links` wrote; no links where there is no such file."""
    if not path.is_file():
        return Links()
    columns = {name: to_numpy(column) for name, column in read_columns(path).items()}
    pairs = np.stack([columns["left"], columns["right"]], axis=1).astype(np.int32)
    must_link = columns["must_link"] == 1
    return Links(pairs[must_link], pairs[~must_link])
