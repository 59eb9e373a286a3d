"""The table of a catalogue: bytes of a CSV -> rows of strings, each with a valid, unique posting_id; clean cells.

Broken rows are quarantined one by one; what makes the table as a whole unusable is refused.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from samesku.catalogue import quarantine as q
from samesku.catalogue.further import SEPARATOR, FurtherPicture, picture_columns, split_names
from samesku.catalogue.picture import is_flat, is_hash
from samesku.catalogue.quarantine import Quarantine
from samesku.errors import InputError

_DELIMITERS = (",", ";", "\t", "|")
# Titles that were printed as Python bytes: b"Mom\'s \xe2\x98\x85". ASCII letters are never escaped there, so
# \x41 is left alone: it is the seller's own.
_WRAPPED = re.compile(r"""b(["'])(.*)\1""", re.DOTALL)
_BYTES = re.compile(r"(?:\\x(?:[89a-fA-F][0-9a-fA-F]|[01][0-9a-fA-F]|7[fF]))+")
_ESCAPES = re.compile(r"""\\([\\nrt"'])""")
# A doubled backslash stands between alternatives («PRIA\\WANITA») as a slash does.
_ESCAPED = {"\\": "/", "n": " ", "r": " ", "t": " ", '"': '"', "'": "'"}
#: ★ and ★ with a variation selector are one sign; the selectors are no control characters to Unicode.
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_DROPPED = {"Cc", "Cf", "Cs", "Co"}  # control, zero-width and bidirectional marks, surrogates, private use


class Row(NamedTuple):
    """A row of the table, then a listing: `row` is its number, from 0, header and blank lines not counted.

    "" where a cell is empty or the table has no such column. Bytes that are not UTF-8 are surrogates, one
    each. `source` is the shop; `brand` to `category` are attributes, as they stand in the table, without outer
    white space. `has_image` and `further` are known once the pictures have been stored; then `image` is the
    first one that can be used. `pictures` are the names of all, where there are several.
    """

    row: int
    posting_id: str
    title: str = ""
    image: str = ""
    image_phash: str = ""
    label_group: str = ""
    split: str = ""
    source: str = ""
    brand: str = ""
    price: str = ""
    gtin: str = ""
    mpn: str = ""
    category: str = ""
    has_image: bool = False
    pictures: tuple[str, ...] = ()
    further: tuple[FurtherPicture, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all pictures, also of those that cannot be used."""
        return self.pictures or (self.image,)

    @property
    def hashes(self) -> tuple[str, ...]:
        """The hashes of all pictures."""
        return (self.image_phash, *(picture.image_phash for picture in self.further))


COLUMNS = Row._fields[1 : Row._fields.index("has_image")]
#: Optional columns that say something of the product: evidence of the pair model, and shown to people.
ATTRIBUTES = ("brand", "price", "gtin", "mpn", "category")
_PLAIN = ("label_group", "split", "source", *ATTRIBUTES)


@dataclass(frozen=True)
class Table:
    """A catalogue's readable rows, ordered by posting_id; the names in its header; all its rows counted."""

    rows: list[Row]
    columns: frozenset[str]
    total: int


def read_table(data: bytes, quarantine: Quarantine) -> Table:
    """Read a CSV: UTF-8 with or without mark (or UTF-16 with one), any line ends, delimited by , ; tab or |.

    Titles, names and hashes are given as they stand; the other columns without outer white space.

    Raises:
        InputError: no rows, a column twice, or no posting_id, or neither title nor image nor image_phash.
    """
    lines = list(io.StringIO(_decode(data), newline=""))
    delimiter, names, used = _header(lines)
    places = [names.index(column) if column in names else len(names) for column in COLUMNS]
    image_places = [names.index(column) for column in picture_columns(names)]
    rows = []
    number = -1
    for cells in _records(lines[used:], delimiter):
        if not cells:
            continue  # a blank line
        number += 1
        if cells is _BROKEN:
            quarantine.add(number, "", "", q.ROW_QUOTES)
        elif len(cells) < len(names) or any(cells[len(names) :]):
            quarantine.add(number, "", "", q.ROW_CELLS)
        else:
            cells = [*cells[: len(names)], ""]
            row = Row(number, *(cells[place] for place in places))
            row = row._replace(**{name: _plain(getattr(row, name)) for name in _PLAIN})
            if further := [cells[place] for place in image_places if cells[place]]:
                row = row._replace(image=SEPARATOR.join([row.image, *further]))
            if fault := id_fault(row.posting_id):
                quarantine.add(number, row.posting_id, row.image, fault)
            else:
                rows.append(row)
    if number < 0:
        raise InputError("data.csv has a header and no rows; allowed: at least one listing")
    rows = sorted(_unique(rows, quarantine), key=lambda row: row.posting_id)
    columns = {*names, "image"} if image_places else names
    return Table([split_pictures(row) for row in rows], frozenset(columns), number + 1)


def split_pictures(row: Row) -> Row:
    """The row with the first of its pictures as `image`, and all of them as `pictures` where there are several."""
    names = split_names(row.image)
    return row._replace(image=names[0], pictures=names if len(names) > 1 else ())


def id_fault(posting_id: str) -> str | None:
    """Why an id cannot stand in submission.csv, where ids are joined by spaces; None where it can."""
    if not posting_id:
        return q.ID_EMPTY
    if any(c in ",;\"'" or unicodedata.category(c)[0] in "CZ" for c in posting_id):
        return q.ID_UNSAFE
    return q.ID_FORMULA if posting_id[0] in q.FORMULA else None


def _decode(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")


def _header(lines: list[str]) -> tuple[str, list[str], int]:
    """The delimiter that makes most known columns of the header, the columns, and the lines they take."""

    def split(delimiter: str) -> tuple[list[str], int]:
        reader = csv.reader(lines, delimiter=delimiter)
        try:
            cells = next((cells for cells in reader if cells), [])
        except csv.Error:
            cells = []
        return [cell.strip() for cell in cells], reader.line_num

    delimiter = max(_DELIMITERS, key=lambda d: len(set(COLUMNS) & set(split(d)[0])))
    names, used = split(delimiter)
    twice = [name for name, n in Counter(names).items() if n > 1 and name]
    if twice:
        raise InputError(f"data.csv has the column {twice[0]!r} twice; allowed: each column once")
    present = ", ".join(name for name in names if name)[:200] or "none"
    if "posting_id" not in names:
        raise InputError(f"data.csv has no column posting_id; it is required (columns found: {present})")
    if not {"title", "image", "image_phash"} & set(names) and not picture_columns(names):
        raise InputError(f"data.csv has neither title nor image; one is required (columns found: {present})")
    return delimiter, names, used


_BROKEN = ["broken"]  # known by identity


def _records(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    """Records by strict CSV rules; a line with broken quotes is _BROKEN alone, and reading goes on after it.

    A lenient reader would swallow the rows up to the next quote into one cell, without a word.
    """
    start = 0
    while start < len(lines):
        reader = csv.reader((lines[i] for i in range(start, len(lines))), delimiter=delimiter, strict=True)
        done = 0
        try:
            for cells in reader:
                done = reader.line_num
                yield cells
            return
        except csv.Error:  # also where a cell is longer than 131,072 characters, so a retry is never long
            yield _BROKEN
            start += done + 1


def _unique(rows: list[Row], quarantine: Quarantine) -> list[Row]:
    """Of rows with one id that agree in every column, the first; where they differ, none can be believed."""
    by_id: dict[str, list[Row]] = {}
    for row in rows:
        by_id.setdefault(row.posting_id, []).append(row)
    unique = []
    for same in by_id.values():
        agree = all(row[1:] == same[0][1:] for row in same)
        unique += same[:1] if agree else []
        for row in same[1:] if agree else same:
            quarantine.add(row.row, row.posting_id, row.image, q.ID_REPEATED if agree else q.ID_CONFLICT)
    return unique


def _plain(cell: str) -> str:
    """Without outer white space; stray bytes escaped, so that equal bytes stay one label."""
    return cell.strip().encode("utf-8", "backslashreplace").decode("utf-8")


def clean_row(row: Row, has_title: bool, quarantine: Quarantine) -> Row:
    """The row with its title normalised, and its hash as 16 lower-case hex digits; "" where there is none.

    Args:
        has_title: whether the table has that column; where it has not, its absence is no fault of the row.
    """

    def add(reason: str) -> None:
        quarantine.add(row.row, row.posting_id, row.image, reason)

    title = normalise(row.title)
    if any("\udc80" <= c <= "\udcff" for c in row.title):
        add(q.TITLE_BYTES)
    if not title and has_title:
        add(q.TITLE_EMPTY)
    phash = row.image_phash.strip().lower()
    if phash and not is_hash(phash):
        add(q.HASH_BAD)
    elif is_flat(phash):
        add(q.HASH_FLAT)
    return row._replace(title=title, image_phash=phash if is_hash(phash) and not is_flat(phash) else "")


def normalise(title: str) -> str:
    """Decode literal byte escapes, apply NFKC, drop what has no width, fold white space.

    Escaped bytes that are no UTF-8 are dropped. Never raises, also where surrogates are astray;
    normalise(normalise(t)) == normalise(t).
    """
    while (
        clean := _normalise_once(title)
    ) != title:  # an escape may stand for what NFKC turns into another character
        title = clean
    return title


def _normalise_once(title: str) -> str:
    if "\\" in title or title.startswith("b"):
        if wrapped := _WRAPPED.fullmatch(title.strip()):
            title = wrapped[2]
        title = _BYTES.sub(
            lambda run: bytes.fromhex(run[0].replace("\\x", "")).decode("utf-8", "ignore"), title
        )
        title = _ESCAPES.sub(lambda escape: _ESCAPED[escape[1]], title)
    title = " ".join(title.split())
    if not title.isprintable():
        title = "".join(c for c in title if unicodedata.category(c) not in _DROPPED)
    if not title.isascii():
        title = _SELECTORS.sub("", title)
    return " ".join(unicodedata.normalize("NFKC", title).split())
