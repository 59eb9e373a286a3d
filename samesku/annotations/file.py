"""annotations.csv: whether pairs of listings are the same product, by people. A line for each pair."""

import csv
import io
from collections.abc import Mapping
from typing import NamedTuple

from samesku.catalogue.reader import id_fault
from samesku.errors import InputError

COLUMNS = ("left", "right", "annotation", "time")
ANSWERS = ("same", "different", "skip")

Pair = tuple[str, str]


class Annotation(NamedTuple):
    """An answer of ANSWERS, and when it was given: UTC, as 2026-01-31T12:00:00Z."""

    answer: str
    time: str


def sort_pair(left: str, right: str) -> Pair:
    """The two posting_ids in the order of the file."""
    return (left, right) if left <= right else (right, left)


def parse_annotations(data: bytes, name: str) -> dict[Pair, Annotation]:
    """The annotations of an annotations.csv by pair; the last one of a pair counts.

    Args:
        name: of the file, for errors.

    Raises:
        InputError: it is no such file; the sentence names the row.
    """
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{name} is no CSV in UTF-8 ({error})") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise InputError(f"{name} must begin with the line {','.join(COLUMNS)}")
    annotations: dict[Pair, Annotation] = {}
    for number, cells in enumerate(rows[1:], 2):
        if not cells:
            continue
        if len(cells) != len(COLUMNS):
            raise InputError(f"{name}, row {number}: has {len(cells)} cells; allowed: {', '.join(COLUMNS)}")
        left, right, answer, time = cells
        if answer not in ANSWERS:
            raise InputError(f"{name}, row {number}: annotation is {answer!r}; allowed: {', '.join(ANSWERS)}")
        if fault := id_fault(left) or id_fault(right):
            raise InputError(f"{name}, row {number}: {fault}")
        if left == right:
            raise InputError(f"{name}, row {number}: names {left} twice; allowed: two listings")
        annotations[sort_pair(left, right)] = Annotation(answer, time)
    return annotations


def format_annotations(annotations: Mapping[Pair, Annotation]) -> bytes:
    """The bytes of annotations.csv, ordered by the ids, so that a new annotation changes one line."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([*pair, *annotation] for pair, annotation in sorted(annotations.items()))
    return out.getvalue().encode("utf-8")
