"""Listings that no stage has read: a table and a folder of pictures, read as the stage sample reads them."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from samesku.catalogue.columns import show_names
from samesku.catalogue.folder_source import FolderSource
from samesku.catalogue.images import PackedImages
from samesku.catalogue.packing import Packer, store_pictures
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.reader import Row, clean_row, read_table
from samesku.embedding.encoder import Content
from samesku.errors import InputError
from samesku.params import Params
from samesku.search.fusion import Owner


@dataclass(frozen=True)
class NewListings:
    """N listings by id.

    Attributes:
        rows: the N listings. images: the file of their pictures, and of their M further ones.
    """

    rows: list[Row]
    images: Path

    @property
    def ids(self) -> list[str]:
        return [row.posting_id for row in self.rows]

    @property
    def owner(self) -> Owner:
        """int32 (N + M,): the listing of each picture; None where no listing has a further picture."""
        further = [place for place, row in enumerate(self.rows) for _ in row.further]
        return np.array([*range(len(self.rows)), *further], np.int32) if further else None

    @property
    def content(self) -> Content:
        """What the channels embed: N titles, N + M pictures and hashes."""
        pictures = PackedImages(self.images)
        return Content(
            [row.title for row in self.rows],
            pictures if len(pictures) else [None] * len(self.rows),
            [row.image_phash for row in self.rows]
            + [picture.image_phash for row in self.rows for picture in row.further],
        )


def read_new_listings(
    table: bytes, name: str, images: Path | None, folder: Path, quarantine: Quarantine, params: Params
) -> NewListings:
    """Read a table and store its pictures in `folder`.

    Args:
        table: of any kind that data.csv may be. name: what messages call it.
        images: the folder of the pictures that the table names; None: no pictures.
        params: its groups `data` and `machine` hold.

    Raises:
        InputError: the table cannot be used, or no listing is left.
    """
    data = params.data
    try:
        read = read_table(table, quarantine, data.columns, data.encoding, optional=True)
    except InputError as error:  # it names the key of params.yaml, not this table
        raise InputError(str(error).removeprefix("data.csv: ").replace("data.csv", name, 1)) from None
    notes = [note.replace("data.csv", name, 1) for note in read.notes]
    if images is None and any(row.image for row in read.rows):
        notes.append(f"{name} names pictures, and they are left out, for no folder of pictures is given")
    if images is not None and "image" not in read.columns:
        columns_found = show_names(read.names)
        notes.append(
            f"{name} has no column image, so none of {images} is read (columns found: {columns_found})"
        )
    for note in notes:
        print(f"samesku: {note}", file=sys.stderr)
    rows = [clean_row(row, "title" in read.columns, quarantine) for row in read.rows]
    packer = None
    if images is not None and "image" in read.columns:
        packer = Packer(FolderSource(images, name, "."), data.image_size, data.max_pixels)
    packed = folder / "images.arrow"
    workers = params.machine.workers if len(rows) > 64 else 0  # few are decoded before a process has started
    rows = store_pictures(rows, packer, packed, folder / "thumbnails.arrow", workers, quarantine)
    if not rows:
        raise InputError(f"{name}: no listing is left: {quarantine.by_reason()}")
    return NewListings(rows, packed)
