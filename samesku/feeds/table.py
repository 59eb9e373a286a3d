"""A table as people have it -> its header and its rows, whatever its columns are called."""

from pathlib import Path

from samesku.catalogue.column_guess import fold_name, usual_words
from samesku.catalogue.folder_source import read_table_file
from samesku.catalogue.raw_table import RawTable
from samesku.catalogue.table import open_table
from samesku.errors import InputError


def open_raw_table(path: Path, encoding: str | None = None) -> RawTable:
    """Open a table of any kind that reader.py reads.

    Args:
        encoding: of a CSV; None where it shows by the bytes.

    Raises:
        InputError: it cannot be read, is no table, or has no header.
    """
    known = usual_words()
    try:
        table = open_table(
            read_table_file(path), lambda names: len({fold_name(name) for name in names} & known), encoding
        )
    except InputError as error:  # it names keys of params.yaml, not this file and the option of the command
        message = str(error).removeprefix("data.csv: ").replace("data.csv", str(path), 1)
        message = message.replace("write data.encoding: ", "give --encoding ")
        raise InputError(message.replace("data.encoding", "--encoding")) from None
    if not any(map(str.strip, table.names)):
        raise InputError(
            f"{path} has no header; allowed: a table whose first row has the names of its columns"
        )
    return table._replace(names=[name.strip() for name in table.names])
