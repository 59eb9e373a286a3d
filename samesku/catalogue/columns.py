"""The names in a table's header -> our columns: as data.columns maps them, or by name, in any case and spelling."""

import json
import re
from collections.abc import Mapping, Sequence

from samesku.catalogue.column_guess import USUAL_NAMES, fold_name, show_names
from samesku.errors import InputError


def count_known(names: Sequence[str], columns: Sequence[str], mapping: Mapping[str, str]) -> int:
    """How many of our `columns`, or of the names that data.columns gives them, a header has."""
    return len({fold_name(name) for name in names} & {fold_name(mapping.get(c, c)) for c in columns})


def match_columns(
    names: Sequence[str], columns: Sequence[str], mapping: Mapping[str, str], *, optional: bool = False
) -> tuple[dict[str, int], list[str]]:
    """The place in `names` of each of our `columns` that the table has; and in sentences what is not as it is written.

    Args:
        mapping: data.columns, ours to theirs. optional: a column that it names may be missing, but for posting_id.

    Raises:
        InputError: a column is not there though data.columns names it, or stands for two.
    """
    places: dict[str, int] = {}
    other_names = []
    for column in columns:
        theirs = mapping.get(column, column)
        place = _find(names, theirs)
        if place is None and theirs != column and (place := _find(names, column)) is None:
            if optional and column != "posting_id":
                continue
            raise InputError(
                f"data.csv has no column {theirs}, which data.columns names for {column} "
                f"(columns found: {show_names(names)})"
            )
        if place is not None:
            places[column] = place
            if names[place].strip() != theirs:
                other_names.append(f"{show_names([names[place]])} for {theirs}")
    notes = (
        [f"data.csv has other names for its columns: taken {', '.join(other_names)}"] if other_names else []
    )
    return places, notes


def _find(names: Sequence[str], wanted: str) -> int | None:
    """The place of a name, as it is written or else by `fold_name`; None where there is none."""
    for same in (str.strip, fold_name):
        places = [place for place, name in enumerate(names) if same(wanted) and same(name) == same(wanted)]
        if len(places) > 1:
            raise InputError(
                f"data.csv has the column {wanted!r} twice ({show_names([names[place] for place in places])}); "
                "allowed: once, or names that differ, one of them in data.columns"
            )
        if places:
            return places[0]
    return None


def propose_columns(names: Sequence[str]) -> dict[str, str]:
    """data.columns as it might be for a header, ours to theirs: proposed to a person, and never taken unasked."""
    theirs = {fold_name(name): name.strip() for name in reversed(names)}
    proposed = {}
    for column in ("posting_id", "title", "image"):
        usual = [name for names in USUAL_NAMES[column] for name in names]
        if column not in theirs and (name := next((name for name in usual if name in theirs), None)):
            proposed[column] = theirs[name]
    return proposed


def check_columns(names: Sequence[str], places: Mapping[str, int], kind: str) -> None:
    """Check that there is enough to work with.

    Raises:
        InputError: there is no posting_id, or no title, image and image_phash; it names what is there.
    """
    if "posting_id" in places and {"title", "image", "image_phash"} & set(places):
        return
    guessed = {ours: theirs for ours, theirs in propose_columns(names).items() if ours not in places}
    if "posting_id" not in places:
        missing, guessed = "column posting_id, which is required", {"posting_id": "sku"} | guessed
    else:
        missing, guessed = (
            "column title, image or image_phash, one of which is required",
            guessed or {"title": "name"},
        )
    example = ", ".join(f"{ours}: {_yaml(show_names([theirs]))}" for ours, theirs in guessed.items())
    raise InputError(
        f"data.csv has no {missing} (columns found: {show_names(names)}; read as {kind}); "
        f"name yours in params.yaml, as in data.columns: {{{example}}}"
    )


def _yaml(name: str) -> str:
    """A name as it can stand in a list of YAML."""
    return name if re.fullmatch(r"[^\W\d][\w .-]*", name) else json.dumps(name, ensure_ascii=False)
