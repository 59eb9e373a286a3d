"""Set params.yaml to a catalogue: `samesku init`, and how to take such a change back."""

import io
import os
import re
from collections.abc import Collection, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, get_args

from ruamel.yaml import YAML

from samesku.artefacts import read_git
from samesku.catalogue.column_guess import check_guessed, describe_columns, guess_columns
from samesku.catalogue.further import split_names
from samesku.catalogue.open_source import open_source
from samesku.catalogue.quarantine import Fault, Quarantine
from samesku.catalogue.reader import Table, read_table
from samesku.catalogue.source import Source
from samesku.errors import InputError
from samesku.feeds.table import open_raw_table
from samesku.params import Params, load_params
from samesku.params.change import change_params, refuse_while_running
from samesku.params.profile import apply_profile, read_profile
from samesku.params.schema import Match

PARAMS = Path("params.yaml")
#: Entries that suit one catalogue alone, as they are shipped: those of an earlier catalogue are set back.
OF_ONE_CATALOGUE: dict[str, dict[str, Any]] = {
    "data": {"annotations": None, "max_quarantined": 0.05},
    "split": {"by": "component"},
    "match": {"link": "all", "one_to_one": False, "rules": False},
    "index": {"k": 50},
    "decision": {"kind": "static", "value": "tune", "at_least_one": False, "min_score": None},
    "rerank": {"value": "tune", "at_least_one": False},
}
_TRIED = 200  # pictures that are looked for


def init_params(
    table: Path,
    images: Path | None,
    given: Mapping[str, str],
    encoding: str | None = None,
    link: str = "all",
) -> str:
    """Set params.yaml to a catalogue: profile quick, where the files are, which column is which.

    Args:
        table: a table that reader.py reads. images: the folder of its pictures; None for titles alone.
        given: columns that a person has named, ours to the table's. encoding: of a CSV; None where it shows.
        link: match.link, which pairs may match: all, across or within.

    Returns:
        what was set, what comes next, and how to take it back.

    Raises:
        InputError: the files are not there or lie where the pipeline cannot take them, a column is missing or
            ambiguous, too many rows or every picture cannot be used; then params.yaml is as it was.
    """
    refuse_while_running(PARAMS)  # before a large table is read
    names = open_raw_table(table, encoding).names
    columns = guess_columns(names, given)
    check_guessed(table, names, columns)
    data = _place(table, images)
    data["columns"] = {ours: theirs for ours, theirs in columns.items() if ours != theirs}
    source = open_source(data["source"], data["csv"], data["images"])
    quarantine = Quarantine()
    try:
        read = read_table(source.table(), quarantine, data["columns"], encoding)
    except InputError as error:
        raise InputError(str(error).replace("data.csv", str(table), 1)) from None
    _check_rows(read, quarantine, columns["posting_id"], load_params(PARAMS).data.max_quarantined)
    if not any(row.title or row.image or row.image_phash for row in read.rows):
        raise InputError(
            f"no row of {table} has a title or a picture; --column title=NAME takes another column"
        )
    if images is not None:
        _check_pictures(read, source, table, images)
    shops = {row.source for row in read.rows}
    _check_link(link, shops, table)
    labels = sum(bool(row.label_group) for row in read.rows)
    undo = describe_undo(PARAMS)
    set_back = _describe_set_back(load_params(PARAMS))
    entries = [
        read_profile(Path("profiles"), "quick"),
        _to_yaml(OF_ONE_CATALOGUE),
        _to_yaml({"data": {**data, "encoding": encoding, "n_listings": None}, "match": {"link": link}}),
    ]
    change_params(PARAMS, lambda text: reduce(apply_profile, entries, text))
    at_fault = (
        f"; {len(quarantine.rows()):,} rows have a fault: {quarantine.by_reason()}"
        if quarantine.rows()
        else ""
    )
    pictures = f"pictures in {data['images']}" if images else "no pictures (--images names their folder)"
    return "\n".join(
        [
            f"params.yaml has profile quick and the catalogue {data['source']}: "
            f"{len(read.rows):,} listings of {data['csv']}, {pictures}{at_fault}",
            describe_columns(columns, names),
            *(
                note.replace("data.csv", str(table)).replace("data.encoding", "--encoding")
                for note in read.notes
            ),
            _describe_labels(labels, len(read.rows)),
            *_describe_shops(shops, link),
            *set_back,
            "next: dvc repro",
            undo,
        ]
    )


def _check_link(link: str, shops: Collection[str], table: Path) -> None:
    allowed = get_args(Match.model_fields["link"].annotation)
    if link not in allowed:
        raise InputError(f"--link {link}; allowed: {', '.join(allowed)}")
    if link == "across" and len(shops) < 2:  # those without a shop are one, which is called ""
        raise InputError(
            f"--link across, but all listings of {table} are of {'one shop' if any(shops) else 'no shop'}; allowed: a "
            "column with two shops or more (--column source=NAME), or --link all"
        )
    if link == "within" and not any(shops):
        raise InputError(
            f"--link within, but {table} has no shops; allowed: --column source=NAME, or --link all"
        )


def _describe_shops(shops: Collection[str], link: str) -> list[str]:
    """A line on the pairs that may match, where the listings come from several shops."""
    if len(shops) < 2:
        return []
    pairs = {
        "all": "two listings of one shop may match too; for a price comparison, where only listings of different "
        "shops can be one product, add --link across",
        "across": "only listings of different shops may match",
        "within": "only listings of one shop may match",
    }
    return [f"shops: {len(shops):,}; {pairs[link]}"]


def _describe_set_back(params: Params) -> list[str]:
    """A line on the entries of OF_ONE_CATALOGUE that have another value; none where there is nothing to say."""
    now = params.model_dump()
    changed = [
        f"{group}.{key} (was {now[group][key]})"
        for group, entries in OF_ONE_CATALOGUE.items()
        for key, value in entries.items()
        if now[group][key] != value
    ]
    return [f"set back to what is shipped: {', '.join(changed)}"] if changed else []


def describe_undo(path: Path) -> str:
    """How to take back a change of a file that is about to be made."""
    changed = read_git(Path(), "diff", "--name-only", "HEAD", "--", str(path))
    if changed is None:
        return f"undo: there is no git here; keep a copy of {path} before the next change"
    return f"undo: git restore {path}, after dvc repro git restore {path} dvc.lock metrics" + (
        " (it takes back all changes since the last commit)" if changed else ""
    )


def _place(table: Path, images: Path | None) -> dict[str, Any]:
    """data.source, csv and images: the folder that holds both, from the repository or absolute; both from there."""
    table = Path(os.path.abspath(table))
    places = [table.parent]
    if images is not None:
        if not images.is_dir():
            raise InputError(f"--images {images} is no folder; allowed: the folder of the pictures")
        places.append(Path(os.path.abspath(images)))
    folder = Path(os.path.commonpath(places))
    here = Path.cwd()
    if (here / "data").is_relative_to(folder) or folder == Path.home():
        raise InputError(
            f"{table.name} and its pictures lie in {folder}, which holds other things, and the pipeline depends on the "
            "whole folder; move both to a folder of their own, such as data/raw/mine"
        )
    source = folder.relative_to(here) if folder.is_relative_to(here) else folder
    return {
        "source": source.as_posix(),
        "csv": table.relative_to(folder).as_posix(),
        "images": places[1].relative_to(folder).as_posix() if images else None,
    }


def _check_rows(table: Table, quarantine: Quarantine, id_column: str, most: float) -> None:
    share = quarantine.share(total=table.total, readable=len(table.rows), taken=len(table.rows))
    if share > most:
        raise InputError(
            f"{share:.1%} of the rows cannot be used, above data.max_quarantined {most:g}: {quarantine.by_reason()}; "
            f"the id of a listing was taken from the column {id_column}, and --column posting_id=NAME takes another"
        )


def _check_pictures(table: Table, source: Source, path: Path, images: Path) -> None:
    """Look for the first pictures of the table, so that a wrong folder or column shows now."""
    names = [split_names(row.image)[0] for row in table.rows if row.image][:_TRIED]
    if not names:
        raise InputError(
            f"{path} names no pictures, so --images {images} is of no use; allowed: --column image=NAME"
        )
    if re.match(r"https?://", names[0], re.IGNORECASE):
        raise InputError(
            f"{path} has the URLs of pictures; this fetches them: samesku import {path} --out data/raw/{path.stem}"
        )
    reasons = []
    for name in names:
        try:
            source.picture(name)
        except Fault as fault:
            reasons.append(fault.reason)
    if len(reasons) == len(names):
        raise InputError(
            f"none of the first {len(names)} pictures that {path} names is in {images} (the first is {names[0]}, "
            f"{reasons[0]}); allowed: the names of files in that folder"
        )


def _describe_labels(labels: int, listings: int) -> str:
    if not labels:
        return (
            "labels: none, so nothing is trained or measured, and a default threshold decides; `samesku serve` asks "
            "for annotations of pairs, which give a better one"
        )
    return (
        f"labels: {labels:,} of {listings:,} listings have one; where they suffice, they choose the threshold, and "
        "metrics/ says how good the matches are"
    )


def _to_yaml(content: Mapping[str, Any]) -> str:
    """YAML in the layout of params.yaml, null as an empty value."""
    yaml = YAML()
    yaml.width = 10_000
    out = io.StringIO()
    yaml.dump(content, out)
    return out.getvalue()
