"""What a title says in words, numbers, quantities and model codes: sets of items, as sparse rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from samesku.catalogue.units import UNITS

WORD = re.compile(r"[^\W_]+")
TIMES = re.compile(r"(?<=\d)\s*[x×]\s*(?=\d)")
FIGURE = r"(?<![^\W_])(?<!\d[.,])(\d+(?:[.,]\d+)*)"
QUANTITY = re.compile(FIGURE + "[ -]?(" + "|".join(sorted(UNITS, key=len, reverse=True)) + r")(?![^\W_])")
CODE = re.compile(r"[^\W_]+(?:-\d[^\W_]*)*")
NUMBER = re.compile(FIGURE + r"(?![^\W_])")
DIGIT, LETTER = re.compile(r"\d"), re.compile(r"[^\W\d_]")
THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:[.,]\d{3})+")


@dataclass(frozen=True)
class Bag:
    """A set of items for each listing.

    Attributes:
        items: float32 (N, V) of 0 and 1. kind: int (V,), what each item is one of: the dimension of a
            quantity, the stem of a code; two items of a kind stand against each other.
    """

    items: csr_array
    kind: NDArray[np.int64]

    @property
    def kinds(self) -> int:
        return int(self.kind.max(initial=-1)) + 1

    def __getitem__(self, rows: NDArray[np.integer]) -> Bag:
        """The bags of some listings."""
        return Bag(self.items[rows], self.kind)


@dataclass(frozen=True)
class Titles:
    """Titles read once: their words, bare numbers, quantities with a unit, and model codes; length (N,)."""

    words: Bag
    numbers: Bag
    quantities: Bag
    codes: Bag
    length: NDArray[np.float32]

    def __getitem__(self, rows: NDArray[np.integer]) -> Titles:
        """The titles of some listings."""
        return Titles(
            self.words[rows], self.numbers[rows], self.quantities[rows], self.codes[rows], self.length[rows]
        )


def read(titles: Sequence[str]) -> Titles:
    """Read N titles into sets of items; upper and lower case are one, `1 l` and `1000ml` are one quantity."""
    folded = [title.casefold() for title in titles]
    found = [_items(title) for title in folded]
    words, numbers, quantities, codes = (
        (list(column) for column in zip(*found, strict=True)) if found else ([], [], [], [])
    )
    return Titles(
        _bag(words, lambda item: ""),
        _bag(numbers, lambda item: ""),
        _bag(quantities, lambda item: item.partition(":")[0]),
        _bag(codes, stem),
        np.array([len(title) for title in folded], dtype=np.float32),
    )


def number(text: str) -> float:
    """`1,5` and `1.5` are 1.5; `1.000` and `1,000` are 1000: three digits after a sign that leads no zero."""
    if THOUSANDS.fullmatch(text):
        return float(re.sub(r"[.,]", "", text))
    head, *tail = re.split(r"[.,]", text)
    return float(f"{head}.{''.join(tail)}") if tail else float(head)


def stem(code: str) -> str:
    """A code with each run of digits as #: `a12` and `a13` share `a#`."""
    return re.sub(r"\d+", "#", code)


def _items(title: str) -> tuple[set[str], set[str], set[str], set[str]]:
    """The words, numbers, quantities (`volume:500`) and codes (`a12`, also from `a-12`) of a folded title."""
    apart = TIMES.sub(" x ", title)
    quantities = {
        f"{UNITS[unit][0]}:{number(figure) * UNITS[unit][1]:g}" for figure, unit in QUANTITY.findall(apart)
    }
    rest = QUANTITY.sub(" ", apart)
    codes = {match for match in CODE.findall(rest) if DIGIT.search(match) and LETTER.search(match)}
    numbers = NUMBER.findall(CODE.sub(lambda match: " " if match[0] in codes else match[0], rest))
    return (
        set(WORD.findall(title)),
        {f"{number(figure):g}" for figure in numbers},
        quantities,
        {code.replace("-", "") for code in codes},
    )


def _bag(sets: list[set[str]], kind_of: Callable[[str], str]) -> Bag:
    vocabulary = {item: place for place, item in enumerate(sorted(set().union(*sets)))}
    kinds = [kind_of(item) for item in vocabulary]
    place = {kind: at for at, kind in enumerate(sorted(set(kinds)))}
    columns = [sorted(vocabulary[item] for item in one) for one in sets]
    ends = np.cumsum([0, *map(len, columns)])
    flat = np.fromiter((at for one in columns for at in one), np.int32, count=int(ends[-1]))
    items = csr_array((np.ones(len(flat), np.float32), flat, ends), shape=(len(sets), len(vocabulary)))
    return Bag(items, np.array([place[kind] for kind in kinds], dtype=np.int64))
