"""Where two titles contradict each other, for people: the items of `tokens`, at their places in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from samesku.catalogue.title_tokens import CODE, DIGIT, LETTER, NUMBER, QUANTITY, TIMES, number, stem
from samesku.catalogue.units import UNITS


class Item(NamedTuple):
    """A number, quantity or model code of a title.

    Attributes:
        kind: two items of one kind stand against each other: `number`, `volume`, `code a#`.
        value: what is compared; `1 l` and `1000ml` are both 1000.
        start, stop: its place in the title, in characters.
    """

    kind: str
    value: str
    start: int
    stop: int


def items(title: str) -> list[Item]:
    """The items of a title that can conflict with another's, from left to right."""
    text, place = _apart(title)
    found = []

    def add(kind: str, value: str, start: int, stop: int) -> None:
        found.append(Item(kind, value, place[start], place[stop - 1] + 1))

    for match in QUANTITY.finditer(text):
        dimension, factor = UNITS[match[2]]
        add(dimension, f"{number(match[1]) * factor:g}", *match.span())
    rest = QUANTITY.sub(_blank, text)
    for match in CODE.finditer(rest):
        if DIGIT.search(match[0]) and LETTER.search(match[0]):
            code = match[0].replace("-", "")
            add(f"code {stem(code)}", code, *match.span())
            rest = rest[: match.start()] + _blank(match) + rest[match.end() :]
    for match in NUMBER.finditer(rest):
        add("number", f"{number(match[0]):g}", *match.span())
    return sorted(found, key=lambda item: item.start)


def conflicts(left: Sequence[Item], right: Sequence[Item]) -> Iterator[tuple[list[Item], list[Item]]]:
    """For each kind that both titles have without one value in common: the items of either."""
    for kind in dict.fromkeys(item.kind for item in left):
        ours, theirs = ([item for item in side if item.kind == kind] for side in (left, right))
        if theirs and {item.value for item in ours}.isdisjoint(item.value for item in theirs):
            yield ours, theirs


def _apart(title: str) -> tuple[str, list[int]]:
    """The title as `tokens` reads it, case folded, `2x3` as `2 x 3`; the place of each character."""
    folded = [(letter, at) for at, character in enumerate(title) for letter in character.casefold()]
    text = "".join(letter for letter, _ in folded)
    place = [at for _, at in folded]
    parts, places, last = [], [], 0
    for match in TIMES.finditer(text):
        parts += [text[last : match.start()], " x "]
        places += [*place[last : match.start()], *[place[match.start()]] * 3]
        last = match.end()
    return "".join([*parts, text[last:]]), [*places, *place[last:]]


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])
