"""review.csv: what people said of pairs of listings. One line for each pair; the last verdict wins."""

from __future__ import annotations

import csv
import io
from typing import NamedTuple

from samesku.catalogue.reader import id_fault
from samesku.errors import InputError

COLUMNS = ("left", "right", "verdict", "time")
VERDICTS = ("same", "different", "skip")

Pair = tuple[str, str]


class Said(NamedTuple):
    """A verdict of VERDICTS, and when it was given: UTC, as 2026-01-31T12:00:00Z."""

    verdict: str
    time: str


def pair(one: str, two: str) -> Pair:
    """The two posting_ids in the order in which they are kept."""
    return (one, two) if one <= two else (two, one)


def read(data: bytes, name: str) -> dict[Pair, Said]:
    """The verdicts of a review.csv by pair.

    Args:
        name: how to call the file where it is refused.

    Raises:
        InputError: it is no such file; the sentence names the line.
    """
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{name} is no CSV in UTF-8 ({error})") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise InputError(f"{name} must begin with the line {','.join(COLUMNS)}")
    found: dict[Pair, Said] = {}
    for line, cells in enumerate(rows[1:], 2):
        if not cells:
            continue
        if len(cells) != len(COLUMNS):
            raise InputError(f"{name}, row {line}: has {len(cells)} cells; allowed: {', '.join(COLUMNS)}")
        left, right, verdict, time = cells
        if verdict not in VERDICTS:
            raise InputError(f"{name}, row {line}: verdict is {verdict!r}; allowed: {', '.join(VERDICTS)}")
        if fault := id_fault(left) or id_fault(right):
            raise InputError(f"{name}, row {line}: {fault}")
        if left == right:
            raise InputError(f"{name}, row {line}: names {left} twice; allowed: two listings")
        found.pop(key := pair(left, right), None)
        found[key] = Said(verdict, time)
    return found


def dump(found: dict[Pair, Said]) -> bytes:
    """What `read` reads, ordered by the ids, so that one verdict changes one line."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([*key, *said] for key, said in sorted(found.items()))
    return out.getvalue().encode("utf-8")
