"""A table whose cells are text, of whatever kind its file was."""

import json
import math
from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

ALLOWED_TABLES = "allowed: CSV, TSV, Parquet, JSON Lines, Excel (.xlsx)"


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


def cell_text(value: Any) -> str:
    """A cell as text: "" for none and nan, 123 for 123.0, the texts of a list joined by |, JSON for an object."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        return number_text(str(value)) if math.isfinite(value) else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list | tuple):
        return "|".join(filter(None, map(cell_text, value)))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=cell_text)
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def number_text(number: str) -> str:
    """A number as it is written, but 123 for 123.0, and all digits of 4.006381333931e12."""
    try:
        value = Decimal(number)
    except InvalidOperation:  # an exponent of many digits
        return number
    if abs(value.adjusted()) > 40:
        return number
    whole = value.to_integral_value()
    return f"{whole or abs(whole):f}" if value == whole else f"{value:f}"  # 0 for -0.0
