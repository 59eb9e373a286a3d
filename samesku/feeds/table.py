"""A table as people have it -> its header and its records; what catalogue/reader.py reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from samesku.catalogue import quarantine as q
from samesku.catalogue import reader
from samesku.catalogue.column_guess import fold_name
from samesku.errors import InputError


class RawTable(NamedTuple):
    """A table: the names in its header; its records, each the cells or the reason of its fault."""

    names: list[str]
    records: Iterator[list[str] | str]


def open_raw_table(path: Path) -> RawTable:
    """Open a table.

    Raises:
        InputError: it cannot be read, or has no header.
    """
    import io

    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from None
    lines = list(io.StringIO(reader._decode(data), newline=""))
    delimiter = max(reader._DELIMITERS, key=lambda d: len(next(iter(reader._records(lines[:1], d)), [])))
    records = (cells for cells in reader._records(lines, delimiter) if cells)
    names = [name.strip() for name in next(records, [])]
    if not any(map(fold_name, names)):
        raise InputError(f"{path} is empty")
    return RawTable(names, (q.ROW_QUOTES if cells is reader._BROKEN else cells for cells in records))
