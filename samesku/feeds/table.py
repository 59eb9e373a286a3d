"""A table of a feed -> its header and its records, by the catalogue's own reader of tables."""

from __future__ import annotations

from pathlib import Path

from samesku.catalogue.column_guess import fold_name
from samesku.catalogue.source import read_table_file
from samesku.catalogue.table import RawTable, open_table
from samesku.errors import InputError


def open_raw_table(path: Path) -> RawTable:
    """Open a table of any kind that data.csv may be.

    Raises:
        InputError: it cannot be read, or has no header.
    """
    try:
        table = open_table(read_table_file(path), len)
    except InputError as error:  # it names the key of params.yaml, not this file
        raise InputError(str(error).removeprefix("data.csv: ").replace("data.csv", str(path), 1)) from None
    if not any(map(fold_name, table.names)):
        raise InputError(f"{path} is empty")
    return table
