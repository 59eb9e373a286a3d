"""The bytes of a table of any common kind -> its header and its records, all cells as text.

The kind shows by the bytes, whatever the name: CSV and TSV, Parquet, JSON Lines, Excel; each of them compressed too.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from samesku.catalogue import quarantine as q
from samesku.catalogue.columns import show_names
from samesku.catalogue.delimited import read_delimited
from samesku.catalogue.encoding import decode_table
from samesku.catalogue.raw_table import ALLOWED_TABLES, RawTable, cell_text, number_text
from samesku.catalogue.source import MAX_TABLE
from samesku.catalogue.workbook import open_workbook
from samesku.errors import InputError

_BATCH = 1024  # rows of a Parquet file that are read at once
_MAX_COLUMNS = 16_384  # as Excel; each row has a cell for each
#: Cells of a table for each value in its JSON, at most. Objects whose names all differ would make a table with as many
#: columns as rows, almost all of it empty.
_CELLS_PER_VALUE = 100
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4"}
#: Files that people take for a table, by their first bytes.
_NO_TABLES = {
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"ARROW1": "an Arrow file",
    b"\xfd7zXZ": "compressed by xz",
    b"Rar!": "a .rar archive",
    b"7z\xbc\xaf": "a .7z archive",
    b"%PDF": "a PDF",
    b"{\\rtf": "an RTF document",
    b"SQLite": "an SQLite database",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"GIF8": "a GIF picture",
    b"<": "an HTML page or XML, maybe a product feed",
}


def open_table(data: bytes, known: Callable[[Sequence[str]], int], encoding: str | None = None) -> RawTable:
    """Open a table.

    Args:
        known: how many columns of a header are known. encoding: of a text that is not UTF-8 or UTF-16.

    Raises:
        InputError: it is of no kind that can be read, its encoding is not certain, or it is too large; also while its
            records are read.
    """
    table = _open(data, known, encoding)
    if len(table.names) > _MAX_COLUMNS:
        raise InputError(f"data.csv has {len(table.names):,} columns; allowed: up to {_MAX_COLUMNS:,}")
    return table


def _open(data: bytes, known: Callable[[Sequence[str]], int], encoding: str | None) -> RawTable:
    for mark, compression in _COMPRESSED.items():
        if data.startswith(mark):
            data = _decompress(data, compression)
    if data.startswith(b"PAR1"):
        return _parquet(data)
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):  # the latter without any member
        return open_workbook(data)
    beginning = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    for mark, kind in _NO_TABLES.items():
        if beginning.startswith(mark):
            raise InputError(f"data.csv is {kind}; {ALLOWED_TABLES}")
    text = decode_table(data, encoding)
    notes = [text.note] if text.note else []
    if text.text[:4096].lstrip()[:1] in ("{", "["):
        return _json(text.text, notes)
    names, records, delimiter = read_delimited(text.text, known, notes)
    return RawTable(names, records, f"a CSV in {text.encoding} with {delimiter}", notes)


def _decompress(data: bytes, compression: str) -> bytes:
    import pyarrow as pa

    try:
        with pa.input_stream(pa.BufferReader(data), compression=compression) as stream:
            unpacked = stream.read(MAX_TABLE + 1)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"data.csv is damaged: its {compression} cannot be unpacked ({error})") from None
    if len(unpacked) > MAX_TABLE:
        raise InputError(
            f"data.csv has more than {MAX_TABLE:,} bytes when it is unpacked; allowed: up to that"
        )
    return unpacked


def _parquet(data: bytes) -> RawTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        names = file.schema_arrow.names
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"data.csv is a damaged Parquet file ({error})") from None

    def records() -> Iterator[list[str]]:
        size = 0
        try:
            for batch in file.iter_batches(_BATCH):
                columns = [list(map(cell_text, _values(column))) for column in batch.columns]
                size += sum(map(len, chain.from_iterable(columns)))
                if size > MAX_TABLE:  # a few bytes of the file may stand for many equal cells
                    raise InputError(
                        f"data.csv has more than {MAX_TABLE:,} characters in its cells; allowed: up to that"
                    )
                yield from map(list, zip(*columns, strict=True))
        except InputError:
            raise
        except (
            pa.ArrowException,
            OSError,
            OverflowError,
            ValueError,
        ) as error:  # also of a value that Python refuses
            raise InputError(f"data.csv is a damaged Parquet file ({error})") from None

    return RawTable(names, records(), "Parquet", [])


def _values(column: Any) -> list[Any]:
    """The values of an Arrow column; 0.1 in 32 bits is 0.1, not 0.10000000149."""
    import pyarrow as pa

    if pa.types.is_floating(column.type) and column.type.bit_width < 64:
        return [
            number and float(number) for number in column.cast(pa.float32()).cast(pa.string()).to_pylist()
        ]
    return column.to_pylist()


def _json(text: str, notes: list[str]) -> RawTable:
    """JSON Lines, or a list of objects."""
    twice: dict[str, None] = {}

    def read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(values := dict(pairs)) < len(pairs):
            keys = [key for key, _ in pairs]
            twice.update(dict.fromkeys(key for key in values if keys.count(key) > 1))
        return values

    decode = json.JSONDecoder(
        parse_int=str,
        parse_float=number_text,
        parse_constant=lambda _: None,
        object_pairs_hook=read_object,
    ).decode
    rows: list[Any] = []
    try:
        if text.lstrip().startswith("["):
            rows = decode(text)
        else:
            for line in filter(str.strip, io.StringIO(text.rstrip("\x1a"))):
                try:
                    rows.append(decode(line.strip()))
                except (ValueError, RecursionError):
                    rows.append(None)
    except (ValueError, RecursionError):
        rows = []
    objects = [row for row in rows if isinstance(row, dict)]
    names = list(dict.fromkeys(name for row in objects for name in row))
    _check_objects(objects, len(names))
    if not names:
        raise InputError(
            "data.csv looks like JSON, but no line of it is an object; allowed: JSON Lines, a list of objects"
        )
    if twice:
        notes.append(
            f"data.csv has objects that give a value twice: {show_names([*twice])}; the last one is read"
        )

    def record(row: Any) -> list[str] | str:
        try:
            return [cell_text(row.get(name)) for name in names] if isinstance(row, dict) else q.ROW_JSON
        except RecursionError:  # a list of lists of lists …
            return q.ROW_JSON

    return RawTable(names, map(record, rows), "JSON Lines", notes)


def _check_objects(objects: Sequence[Mapping[str, Any]], n_names: int) -> None:
    """Raise InputError for objects that are no rows of a table."""
    if len(objects) == 1 and all(isinstance(value, list | dict) for value in objects[0].values()):
        raise InputError(
            "data.csv is JSON by columns; allowed: JSON Lines, a list of objects (of pandas: orient='records')"
        )
    if len(objects) * n_names > _CELLS_PER_VALUE * sum(map(len, objects)):
        raise InputError(
            f"data.csv has {n_names:,} names in its objects, most of them in few; allowed: the same names in each"
        )
