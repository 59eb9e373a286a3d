"""Several pictures of a listing: how a table names them, and pictures.parquet, which lists all but the first.

The first picture that can be used is the listing's picture, as in a catalogue with one picture each. The others are
further pictures. images.arrow and thumbnails.arrow hold N rows, a listing each, and then M rows, a further picture
each. A catalogue without further pictures has no pictures.parquet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from samesku.arrays import Int32
from samesku.artefacts import read_columns, to_numpy, write_table

#: pictures.parquet lies beside listings.parquet.
FILE = "pictures.parquet"
SEPARATOR = "|"
#: Columns of further pictures: image_1, image_2 …, then these. (A feed's additional_image_link holds URLs.)
_NUMBERED = re.compile(r"image_([1-9][0-9]?)")
_ADDITIONAL = ("additional_image", "additional_images")


class FurtherPicture(NamedTuple):
    """The file name of a picture, and its hash of 16 hex digits, "" where it is flat."""

    image: str
    image_phash: str


def find_picture_columns(columns: Sequence[str]) -> list[int]:
    """The places of those of a table's columns that name further pictures, in the order in which these count.

    Args:
        columns: names as `fold_name` writes them.
    """
    numbered = [
        (int(match[1]), place) for place, name in enumerate(columns) if (match := _NUMBERED.fullmatch(name))
    ]
    return [place for _, place in sorted(numbered)] + [
        place for place, name in enumerate(columns) if name in _ADDITIONAL
    ]


def split_names(cell: str) -> tuple[str, ...]:
    """The distinct names in a cell, in order, "" alone where it has none; a cell without SEPARATOR as it stands.

    The separator counts where there is a file whose name holds it, too.
    """
    if SEPARATOR not in cell:
        return (cell,)
    names = (name.strip() for name in cell.split(SEPARATOR))
    return tuple(dict.fromkeys(name for name in names if name)) or ("",)


@dataclass(frozen=True)
class FurtherPictures:
    """The M further pictures of a sample, by listing, then in the order of the table.

    Attributes:
        listing: int32 (M,), the row of listings.parquet. image: file names. image_phash: hashes, "" for none.
    """

    listing: Int32
    image: list[str]
    image_phash: list[str]

    def __len__(self) -> int:
        return len(self.listing)


def write_further(path: Path, pictures: Sequence[Sequence[FurtherPicture]]) -> None:
    """Write pictures.parquet, or remove it where no listing has further pictures.

    Args:
        pictures: the further pictures of each of N listings.
    """
    flat = [(row, picture) for row, of_listing in enumerate(pictures) for picture in of_listing]
    if not flat:
        path.unlink(missing_ok=True)
        return
    columns = {
        "listing": np.array([row for row, _ in flat], np.int32),
        "image": [picture.image for _, picture in flat],
        "image_phash": [picture.image_phash for _, picture in flat],
    }
    write_table(path, columns)


def read_further(path: Path) -> FurtherPictures:
    """What `write_further` wrote; none where there is no such file."""
    if not path.is_file():
        return FurtherPictures(np.empty(0, np.int32), [], [])
    table = read_columns(path, ["listing", "image", "image_phash"])
    return FurtherPictures(
        to_numpy(table["listing"]).astype(np.int32),
        table["image"].to_pylist(),
        table["image_phash"].to_pylist(),
    )
