"""The bytes of an Excel workbook -> its header and its records, all cells as text."""

import io
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any

from samesku.catalogue.columns import show_names
from samesku.catalogue.raw_table import ALLOWED_TABLES, RawTable, cell_text
from samesku.catalogue.source import MAX_TABLE
from samesku.errors import InputError

_MAX_ROW = 1_048_576  # of Excel


def open_workbook(data: bytes) -> RawTable:
    """The first visible sheet of an Excel workbook; its formulas as their last results.

    Raises:
        InputError: it is damaged or too large, or a .zip of other files; also while its rows are read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.namelist()
            size = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise InputError(
            f"data.csv is a damaged .zip or Excel workbook ({error}); {ALLOWED_TABLES}"
        ) from None
    if not any(name.startswith("xl/") for name in members):
        raise InputError(f"data.csv is a .zip ({show_names(members)}), not a table; {ALLOWED_TABLES}")
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
        rows = _rows(sheet, damaged, notes)
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


def _rows(sheet: Any, damaged: str, notes: list[str]) -> Iterator[list[str]]:
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
                if not last < number <= _MAX_ROW:
                    raise InputError(
                        f"data.csv is an Excel workbook whose row {number} follows row {last}; allowed: rows in "
                        f"order, up to {_MAX_ROW:,}; save it anew, or as CSV"
                    )
                last = number
                yield [_cell(cell) for cell in sheet._get_row(row)]
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


def _cell(cell: Any) -> str:
    """As Excel shows it where zeros lead by format alone (00123): the text that its CSV would have."""
    if cell.value is None or cell.data_type == "e":  # e: an error such as #N/A
        return ""
    text = cell_text(cell.value)
    digits = cell.number_format or ""
    return text.zfill(len(digits)) if text.isdigit() and digits and not digits.strip("0") else text
