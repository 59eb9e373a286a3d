"""A product feed (XML), or a table with the URLs of pictures -> rows under our names of columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from samesku.catalogue.column_guess import check_guessed, describe_columns, fold_name, guess_columns
from samesku.catalogue.reader import check_records, id_fault, says_nothing, unwrap_cell
from samesku.errors import InputError
from samesku.feeds import merchant_xml
from samesku.feeds.table import open_raw_table

#: Columns of further pictures, by their folded names: those of product feeds, and image_2 or image_url_2.
_FURTHER = re.compile(
    r"additional_(image|picture)s?(_links?|_urls?)?|(image|picture|photo|img)(_link|_url)?_?[1-9][0-9]?"
)
#: A URL may hold such signs itself. A run of them is tried from its first alone: else its time is quadratic.
_BETWEEN = re.compile(r"(?<![\s,;|])[\s,;|]+(?=https?://)", re.IGNORECASE)


class FeedRow(NamedTuple):
    """A row of a feed.

    Attributes:
        row: its number, from 0, header not counted. cells: by our names, and item_group_id.
        pictures: what stands in its columns of pictures, each once. fault: why the row cannot be used, or "".
    """

    row: int
    cells: Mapping[str, str]
    pictures: tuple[str, ...]
    fault: str


@dataclass(frozen=True)
class Feed:
    """A feed that can be read again and again.

    Attributes:
        columns: our columns, and item_group_id, to the feed's names. further: its columns of further pictures.
        encoding: of a CSV; None where it shows by the bytes.
        note: for a person: what was taken for what.
    """

    path: Path
    xml: bool
    columns: Mapping[str, str]
    further: Sequence[str] = ()
    encoding: str | None = None
    note: str = field(default="", compare=False)

    def rows(self) -> Iterator[FeedRow]:
        """The rows of the feed, in its order.

        Raises:
            InputError: the feed cannot be read.
        """
        for row, record in enumerate(self._records()):
            if isinstance(record, str):
                yield FeedRow(row, {}, (), record)
                continue
            cells = {ours: record.get(theirs, [""])[0].strip() for ours, theirs in self.columns.items()}
            names = [self.columns.get("image", ""), *self.further]
            pictures = [url for name in names for cell in record.get(name, []) for url in split_urls(cell)]
            yield FeedRow(row, cells, tuple(dict.fromkeys(pictures)), id_fault(cells["posting_id"]) or "")

    def _records(self) -> Iterator[merchant_xml.Record | str]:
        if self.xml:
            yield from merchant_xml.read_items(self.path)
        else:
            table = open_raw_table(self.path, self.encoding)
            wanted = [self.columns[ours] for ours in ("posting_id", "title", "image") if ours in self.columns]
            for cells in check_records(table, max(map(table.names.index, wanted))):
                if isinstance(cells, str):
                    yield cells
                else:
                    clean = map(unwrap_cell, cells)
                    yield {
                        n: [cell]
                        for n, cell in zip(table.names, clean, strict=True)
                        if not says_nothing(cell)
                    }


def open_feed(
    path: Path, given: Mapping[str, str], labels: str | None = None, encoding: str | None = None
) -> Feed:
    """Open a feed, and see which of its columns is which.

    Args:
        given: columns that a person has named, ours to the feed's. labels: the column that says which listings
            are of one product. encoding: of a CSV; None where it shows by the bytes.

    Raises:
        InputError: there is no such file, it can be neither a feed nor a table, or a column is missing or ambiguous.
    """
    try:
        with merchant_xml.open_bytes(path) as file:
            xml = merchant_xml.is_xml(file.read(200))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from None
    if labels:
        given = {**given, "label_group": labels}
    names = merchant_xml.read_names(path) if xml else open_raw_table(path, encoding).names
    columns = guess_columns(names, given)
    further = [name for name in names if _FURTHER.fullmatch(fold_name(name)) and name not in columns.values()]
    check_guessed(path, names, columns, has_pictures=bool(further))
    group = [name for name in names if fold_name(name) == "item_group_id"]
    if group:
        columns["item_group_id"] = group[0]
    unused = [name for name in names if name not in further]
    return Feed(path, xml, columns, further, encoding, describe_columns(columns, unused))


def split_urls(cell: str) -> list[str]:
    """The URLs in a cell: a JSON list, or with commas, semicolons, | or white space between them."""
    cell = cell.strip()
    if cell.startswith("["):
        try:
            listed = json.loads(cell)
        except (ValueError, RecursionError):
            listed = None
        if isinstance(listed, list) and all(isinstance(url, str) for url in listed):
            return [url.strip() for url in listed if url.strip()]
    return [url.strip() for url in _BETWEEN.split(cell) if url.strip()]
