"""The bytes of a table of any common kind -> its header and its records, all cells as text.

The kind shows by the bytes, whatever the name: CSV and TSV, Parquet, JSON Lines, Excel; each of them compressed too.
"""

import io
import json
import math
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any, NamedTuple

from samesku.catalogue import quarantine as q
from samesku.catalogue.columns import show_names
from samesku.catalogue.delimited import read_delimited
from samesku.catalogue.encoding import decode_table
from samesku.catalogue.source import MAX_TABLE
from samesku.errors import InputError

_BATCH = 1024  # rows of a Parquet file that are read at once
_MAX_COLUMNS = 16_384  # as Excel; each row has a cell for each
#: Cells of JSON for each value that it gives: else their number could be the square of the file's size.
_MOST_EMPTY = 100
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
MAX_EXCEL_ROW = 1_048_576
_ALLOWED = "allowed: CSV, TSV, Parquet, JSON Lines, Excel (.xlsx)"


class RawTable(NamedTuple):
    """A table as text.

    Attributes:
        names: the header. records: each a list of cells, or the reason why it has none; only of `kind` CSV may they be
            more or fewer than the names. kind: for a person. notes: what was not certain, a sentence each.
    """

    names: list[str]
    records: Iterable[list[str] | str]
    kind: str
    notes: list[str]


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
    if data.startswith(b"PK\x03\x04"):
        return _excel(data)
    beginning = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    for mark, kind in _NO_TABLES.items():
        if beginning.startswith(mark):
            raise InputError(f"data.csv is {kind}; {_ALLOWED}")
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
        parse_float=_number_text,
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
    if len(objects) * n_names > _MOST_EMPTY * sum(map(len, objects)):
        raise InputError(
            f"data.csv has {n_names:,} names in its objects, most of them in few; allowed: the same names in each"
        )


def _excel(data: bytes) -> RawTable:
    """The first visible sheet of an Excel workbook; its formulas as their last results."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.namelist()
            size = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise InputError(f"data.csv is a damaged .zip or Excel workbook ({error}); {_ALLOWED}") from None
    if not any(name.startswith("xl/") for name in members):
        raise InputError(f"data.csv is a .zip ({show_names(members)}), not a table; {_ALLOWED}")
    if size > MAX_TABLE:
        raise InputError(
            f"data.csv is an Excel workbook of {size:,} bytes unpacked; allowed: up to {MAX_TABLE:,}"
        )
    damaged = "data.csv is an Excel workbook that cannot be read ({}); save it anew, or as CSV"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions
            from openpyxl import load_workbook

            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
        sheet = sheets[0]
        sheet.reset_dimensions()  # what is written there may be wrong
        notes: list[str] = []
        rows = _excel_rows(sheet, damaged, notes)
        names = next((row for row in rows if any(row)), [])
    except InputError:
        raise
    except Exception as error:
        raise InputError(damaged.format(f"{type(error).__name__}: {show_names([str(error)])}")) from None
    while names and not names[-1]:
        names.pop()
    records = ([*row, *[""] * (len(names) - len(row))][: len(names)] for row in rows)
    if len(sheets) > 1:
        others = show_names([sheet.title for sheet in sheets[1:]])
        notes.append(f"data.csv has several sheets: {show_names([sheet.title])} is read, not {others}")
    return RawTable(names, records, f"Excel, sheet {show_names([sheet.title])}", notes)


def _excel_rows(sheet: Any, damaged: str, notes: list[str]) -> Iterator[list[str]]:
    """The rows of a sheet that have cells.

    By the library's parser, since its `iter_rows` leaves out a row whose number is not above that of the row before,
    and makes all rows that a number skips.

    Args:
        notes: takes a sentence, once the rows have been read, for cells that look full in Excel and are empty here.
    """
    try:
        from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

        without_result: list[str] = []

        class Parser(WorkSheetParser):
            def parse_cell(self, element: Any) -> Any:
                cell = super().parse_cell(element)
                # A text that is empty is a result (str); a program that does not calculate writes none.
                if (
                    cell["value"] is None
                    and element.get("t") != "str"
                    and element.find(FORMULA_TAG) is not None
                ):
                    without_result.append(element.get("r") or f"row {cell['row']}")
                return cell

        book, last = sheet.parent, 0
        with sheet._get_source() as source:
            parser = Parser(
                source,
                sheet._shared_strings,
                data_only=True,
                epoch=book.epoch,
                date_formats=book._date_formats,
                timedelta_formats=book._timedelta_formats,
            )
            for number, row in parser.parse():
                if not last < number <= MAX_EXCEL_ROW:
                    raise InputError(
                        f"data.csv is an Excel workbook whose row {number} follows row {last}; allowed: rows in "
                        f"order, up to {MAX_EXCEL_ROW:,}; save it anew, or as CSV"
                    )
                last = number
                yield [_excel_cell(cell) for cell in sheet._get_row(row)]
        if without_result:
            notes.append(
                f"data.csv has formulas without a result ({len(without_result):,} in all), taken as empty: "
                f"{show_names(without_result)}; open the workbook in a spreadsheet program and save it"
            )
        if parser.merged_cells is not None and (
            merged := [cell.ref for cell in parser.merged_cells.mergeCell]
        ):
            notes.append(
                f"data.csv has merged cells: {show_names(merged)}; only the first of each has the value, the others "
                "are taken as empty; unmerge them and fill them in"
            )
    except InputError:
        raise
    except Exception as error:
        raise InputError(damaged.format(f"{type(error).__name__}: {show_names([str(error)])}")) from None


def _excel_cell(cell: Any) -> str:
    """As Excel shows it where zeros lead by format alone (00123): the text that its CSV would have."""
    if cell.value is None or cell.data_type == "e":  # e: an error such as #N/A
        return ""
    text = cell_text(cell.value)
    digits = cell.number_format or ""
    return text.zfill(len(digits)) if text.isdigit() and digits and not digits.strip("0") else text


def cell_text(value: Any) -> str:
    """A cell as text: "" for none and nan, 123 for 123.0, the texts of a list joined by |, JSON for an object."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        return _number_text(str(value)) if math.isfinite(value) else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list | tuple):
        return "|".join(filter(None, map(cell_text, value)))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=cell_text)
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _number_text(number: str) -> str:
    """A number as it is written, but 123 for 123.0, and all digits of 4.006381333931e12."""
    try:
        value = Decimal(number)
    except InvalidOperation:  # an exponent of many digits
        return number
    if abs(value.adjusted()) > 40:
        return number
    whole = value.to_integral_value()
    return f"{whole or abs(whole):f}" if value == whole else f"{value:f}"  # 0 for -0.0
