"""annotations.csv: whether pairs of listings are the same product, by people. A line for each pair."""

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from samesku.artefacts import replace_out
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


def read_annotations(path: Path) -> dict[Pair, Annotation]:
    """The annotations of a file; none where there is no file."""
    return parse_annotations(path.read_bytes(), path.as_posix()) if path.is_file() else {}


def write_annotation(path: Path, pair: Pair, answer: str | None) -> None:
    """Give a pair its answer, now; None removes its annotation.

    The file is read and replaced while no other process can write it: of several servers with one file, none loses an
    annotation of another. When this returns, the annotation is on the disk.

    Raises:
        InputError: there is no such answer, or the file cannot be read.
        OSError: the file cannot be written; it is as it was.
    """
    if answer is not None and answer not in ANSWERS:
        raise InputError(f"annotation is {answer!r}; allowed: {', '.join(ANSWERS)}")
    with replace_out(path, shared=True) as partial:
        annotations = read_annotations(path)
        annotations.pop(pair, None)
        if answer is not None:
            annotations[pair] = Annotation(answer, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        partial.write_bytes(format_annotations(annotations))
