"""The table of a catalogue: bytes of a CSV -> rows of strings, each with a valid, unique posting_id.

Broken rows are quarantined one by one; what makes the table as a whole unusable is refused.
"""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from stages.catalogue.quarantine import (
    ID_CONFLICT,
    ID_EMPTY,
    ID_FORMULA,
    ID_REPEATED,
    ID_UNSAFE,
    ROW_CELLS,
    ROW_QUOTES,
    Quarantine,
)
from stages.settings import Refused

COLUMNS = ("posting_id", "title", "image", "image_phash", "label_group", "split")
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Table:
    """A catalogue's rows as they were written.

    Attributes:
        rows: `row` (0-based number in the source, header and blank lines not counted) and the six COLUMNS as
            Python strings, "" where the source has no such column; ordered by posting_id. Bytes that are not
            UTF-8 are surrogates, one each.
        columns: the names in the header.
        total: rows in the source, those in quarantine included.
    """

    rows: pd.DataFrame
    columns: frozenset[str]
    total: int


def read(data: bytes, quarantine: Quarantine) -> Table:
    """Read a CSV: UTF-8 with or without mark (or UTF-16 with one), any line ends, delimited by , ; tab or |.

    Raises:
        Refused: no rows, a column twice, or no posting_id, or neither title nor image nor image_phash.
    """
    lines = list(io.StringIO(_decode(data), newline=""))
    delimiter, names, used = _header(lines)
    places = [names.index(column) if column in names else -1 for column in COLUMNS]
    rows = []
    number = -1
    for cells in _records(lines[used:], delimiter):
        if not cells:
            continue  # a blank line
        number += 1
        if cells is _BROKEN:
            quarantine.add(number, "", "", ROW_QUOTES)
            continue
        if len(cells) < len(names) or any(cells[len(names) :]):
            quarantine.add(number, "", "", ROW_CELLS)
            continue
        record = [cells[place] if place >= 0 else "" for place in places]
        if fault := id_fault(record[0]):
            quarantine.add(number, record[0], record[2], fault)
            continue
        rows.append((number, *record))
    if number < 0:
        raise Refused("data.csv has a header and no rows; allowed: at least one listing")
    frame = pd.DataFrame(_unique(rows, quarantine), columns=["row", *COLUMNS], dtype=object)
    frame = frame.sort_values("posting_id", ignore_index=True)
    return Table(frame, frozenset(names), number + 1)


def id_fault(posting_id: str) -> str | None:
    """Why an id cannot stand in submission.csv (ids joined by spaces, read by spreadsheets); None where it can."""
    if not posting_id:
        return ID_EMPTY
    if any(c in ",;\"'`" or unicodedata.category(c)[0] in "CZ" for c in posting_id):
        return ID_UNSAFE
    return ID_FORMULA if posting_id[0] in "=+-@" else None


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
        raise Refused(f"data.csv has the column {twice[0]!r} twice; allowed: each column once")
    found = ", ".join(name for name in names if name)[:200] or "none"
    if "posting_id" not in names:
        raise Refused(f"data.csv has no column posting_id; it is required (columns found: {found})")
    if not {"title", "image", "image_phash"} & set(names):
        raise Refused(f"data.csv has neither title nor image; one is required (columns found: {found})")
    return delimiter, names, used


_BROKEN = ["broken"]


def _records(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    """Records by strict CSV rules. A line with broken quotes is _BROKEN alone: reading goes on at the next one.

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


def _unique(rows: list[tuple], quarantine: Quarantine) -> list[tuple]:
    """Of rows with one id that agree in every column, the first; where they differ, none can be believed."""
    by_id: dict[str, list[tuple]] = {}
    for row in rows:
        by_id.setdefault(row[1], []).append(row)
    kept = []
    for same in by_id.values():
        agree = all(row[1:] == same[0][1:] for row in same)
        kept += same[:1] if agree else []
        for row in same[1:] if agree else same:
            quarantine.add(row[0], row[1], row[3], ID_REPEATED if agree else ID_CONFLICT)
    return kept
