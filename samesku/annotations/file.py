"""annotations.csv: whether pairs of listings are the same product, by people. A line for each pair."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from samesku.annotations.products import find_contradictions
from samesku.artefacts import replace_out
from samesku.catalogue.listings import Links
from samesku.catalogue.reader import id_fault
from samesku.errors import InputError

SAVE = "save it as CSV in UTF-8 with commas"
COLUMNS = ("left", "right", "annotation", "time")
NAMED = (*COLUMNS, "name")  # where any annotation has the name of a person
ANSWERS = ("same", "different", "skip")
LONGEST_NAME = 200  # characters
LONGEST_CHAIN = 6  # pairs of a contradiction that a message names
SHOWN_CHAINS = 3  # contradictions that a message names

Pair = tuple[str, str]


class Annotation(NamedTuple):
    """An answer of ANSWERS, when it was given (UTC, as 2026-01-31T12:00:00Z), and the name of who gave it."""

    answer: str
    time: str
    name: str = ""


def sort_pair(left: str, right: str) -> Pair:
    """The two posting_ids in the order of the file."""
    return (left, right) if left <= right else (right, left)


def check_name(name: str) -> None:
    """Raise InputError for a person's name that a line of the file cannot hold."""
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(
            f"the name of a person is {name[:LONGEST_NAME]!r}; allowed: up to {LONGEST_NAME} characters in one line"
        )


def parse_annotations(data: bytes, name: str) -> dict[Pair, Annotation]:
    """The annotations of an annotations.csv by pair; the last one of a pair counts.

    Args:
        name: of the file, for errors.

    Raises:
        InputError: it is no such file; the sentence names the row.
    """
    rows = _read_rows(data, name)
    columns = next(rows, [])
    if tuple(columns) not in (COLUMNS, NAMED):
        raise InputError(f"{name} must begin with the line {','.join(COLUMNS)}; {SAVE}")
    annotations: dict[Pair, Annotation] = {}
    for number, cells in enumerate(rows, 2):
        if not cells:
            continue
        if len(cells) != len(columns):
            raise InputError(f"{name}, row {number}: has {len(cells)} cells; allowed: {', '.join(columns)}")
        left, right, answer, *rest = cells
        if answer not in ANSWERS:
            raise InputError(f"{name}, row {number}: annotation is {answer!r}; allowed: {', '.join(ANSWERS)}")
        if fault := id_fault(left) or id_fault(right):
            raise InputError(f"{name}, row {number}: {fault}")
        if left == right:
            raise InputError(f"{name}, row {number}: names {left} twice; allowed: two listings")
        annotations[sort_pair(left, right)] = Annotation(answer, *rest)
    return annotations


def _read_rows(data: bytes, name: str) -> Iterator[list[str]]:
    """The rows of a CSV, one at a time: a list of all would keep the garbage collector busy."""
    try:
        yield from csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{name} is no CSV in UTF-8 ({error}); {SAVE}") from None


def format_annotations(annotations: Mapping[Pair, Annotation]) -> bytes:
    """The bytes of annotations.csv, ordered by the ids, so that a new annotation changes one line."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    columns = NAMED if any(annotation.name for annotation in annotations.values()) else COLUMNS
    writer.writerow(columns)
    cells = ([*pair, *annotation] for pair, annotation in sorted(annotations.items()))
    writer.writerows(row[: len(columns)] for row in cells)
    return out.getvalue().encode("utf-8")


def read_annotations(path: Path) -> dict[Pair, Annotation]:
    """The annotations of a file; none where there is no file."""
    return parse_annotations(path.read_bytes(), path.as_posix()) if path.is_file() else {}


def count_known(annotations: Mapping[Pair, Annotation], posting_ids: Iterable[str]) -> int:
    """How many pairs of listings of this catalogue have an answer, other than skip; the file may hold others."""
    known = set(posting_ids)
    return sum({*pair} <= known and annotation.answer != "skip" for pair, annotation in annotations.items())


def write_annotation(path: Path, pair: Pair, answer: str | None, name: str = "") -> list[list[str]]:
    """As `write_annotations`, for one pair of a random sample: what contradicts others is written too, for a sample
    without it would be biased.

    Returns:
        the contradictions that this pair is part of, as of `find_contradicting_chains`.
    """
    write_annotations(path, {pair: answer}, name, refuse_contradictions=False)
    chains = find_contradicting_chains(read_annotations(path))
    return [chain for chain in chains if pair in {sort_pair(*two) for two in pairwise([*chain, chain[0]])}]


def write_annotations(
    path: Path, answers: Mapping[Pair, str | None], name: str = "", *, refuse_contradictions: bool = True
) -> dict[Pair, str | None]:
    """Give pairs their answers, now; None removes an annotation. Returns the answers that the pairs had before.

    The file is read and replaced while no other process can write it: of several servers with one file, none loses an
    annotation of another. When this returns, the annotation is on the disk.

    Args:
        answers: by pair, ordered as by `sort_pair`. name: of the person who gives them; "" for none.

    Raises:
        InputError: there is no such answer, the file cannot be read, or the answers contradict each other or those
            of the file, which is refused where it was free of contradictions.
        OSError: the file cannot be written. After any error, the file is as it was.
    """
    check_name(name)
    for answer in answers.values():
        if answer is not None and answer not in ANSWERS:
            raise InputError(f"annotation is {answer!r}; allowed: {', '.join(ANSWERS)}")
    with replace_out(path, shared=True) as partial:
        annotations = read_annotations(path)
        refuse = refuse_contradictions and not find_contradicting_chains(annotations)
        before = {pair: annotations[pair].answer if pair in annotations else None for pair in answers}
        time = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        for pair, answer in answers.items():
            annotations.pop(pair, None)
            if answer is not None:
                annotations[pair] = Annotation(answer, time, name)
        if refuse and (chains := find_contradicting_chains(annotations)):
            raise InputError(
                f"this would contradict earlier annotations: {describe_chains(chains)}; undo or change one of them "
                f"first, in {path.as_posix()} where its listings are no longer in the catalogue"
            )
        partial.write_bytes(format_annotations(annotations))
    return before


def find_contradicting_chains(annotations: Mapping[Pair, Annotation]) -> list[list[str]]:
    """The pairs that are annotated as different while pairs that are the same join them: for each a chain of ids, with
    the pair at its ends, in which each is annotated as the same as the next."""
    ids = sorted({listing for pair in annotations for listing in pair})
    return [
        [ids[row] for row in chain] for chain in find_contradictions(number_links(annotations, ids), len(ids))
    ]


def describe_chains(chains: Sequence[Sequence[str]]) -> str:
    """Contradictions in words: a and c are different, but a is b, b is c."""
    texts = [_describe_chain(chain) for chain in chains[:SHOWN_CHAINS]]
    more = len(chains) - len(texts)
    return "; ".join([*texts, *([f"and {more} more"] if more else [])])


def _describe_chain(chain: Sequence[str]) -> str:
    pairs = [f"{left} is {right}" for left, right in pairwise(chain)]
    if len(pairs) > LONGEST_CHAIN:
        pairs = [*pairs[: LONGEST_CHAIN - 1], "…", pairs[-1]]
    return f"{chain[0]} and {chain[-1]} are different, but {', '.join(pairs)}"


def number_links(annotations: Mapping[Pair, Annotation], posting_ids: Sequence[str]) -> Links:
    """The annotations as links between places in `posting_ids`, which name each of their listings once; a skipped pair
    makes none."""
    place = {posting_id: i for i, posting_id in enumerate(posting_ids)}
    return Links(
        *(
            np.fromiter(
                (place[listing] for pair, a in annotations.items() if a.answer == answer for listing in pair),
                np.int32,
            ).reshape(-1, 2)
            for answer in ("same", "different")
        )
    )
