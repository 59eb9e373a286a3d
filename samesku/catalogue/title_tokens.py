"""The numbers, quantities and model codes of titles: as sets for the pair model, with places for people."""

from __future__ import annotations

import re
from array import array
from bisect import bisect
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from samesku.arrays import Bools, Float32, Float64, Int64, Ints
from samesku.catalogue.units import FIGURE, FRACTION, LETTER, quantity_pattern, read_unit

if TYPE_CHECKING:
    from scipy.sparse import csr_array

WORD = re.compile(r"[^\W_]+")
TIMES = re.compile(r"(?<=[\d\"”′'])\s*[x×х]\s*(?=\d)")
#: Marks of quotation, which are no inches: Lamp "Model 55".
QUOTED = re.compile(r"""(?<![^\s(\[])(?:"(?=\S)([^"]*)"|“([^“”]*)”)""")
CODE = re.compile(rf"(?<!\d[.,])(?:\d+[.,](?=\d))*{LETTER}+(?:-\d{LETTER}*)*")  # 2.4rpm is one code
NUMBER = re.compile(rf"{FIGURE}(?!{LETTER})")
ARABIC_SIGNS = str.maketrans("٫٬", ".,")  # of decimals and of thousands
DIGIT, ALPHABETIC = re.compile(r"\d"), re.compile(r"[^\W\d_]")
THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:[.,]\d{3})+")
#: A converted value and a metric one are equal within this share: 1 oz and 28 g, 10 inch and 25 cm.
ROUNDING = 0.02


class Item(NamedTuple):
    """A number, quantity or model code of a title.

    Attributes:
        group: `numbers`, `quantities` or `codes`.
        kind: what the item gives a value of: `number`, a dimension such as `volume`, or the stem of a code,
            `a#` of `a12`. Two titles conflict in a kind that both have without a value in common.
        value: the value in one spelling; `1 l` and `1000ml` are both `1000`, `A-12` is `a12`. That of a unit which is
            no metric one begins with ~: `2 lb` is `~907.2`.
        start, stop: the place in the title, in characters.
    """

    group: str
    kind: str
    value: str
    start: int
    stop: int


@dataclass(frozen=True)
class ItemSets:
    """A set of items for each listing.

    Attributes:
        items: float32 (N, V) of 0 and 1. kind: int (V,), the number of each item's kind. agreement: float32 (V, V), 1
            where two items are one value (`values_agree`); None where each agrees with itself alone.
        values: the V values.
    """

    items: csr_array
    kind: Int64
    agreement: csr_array | None = None
    values: Sequence[str] = ()

    @property
    def n_kinds(self) -> int:
        return int(self.kind.max(initial=-1)) + 1

    def __getitem__(self, rows: Ints) -> ItemSets:
        """The sets of some listings."""
        return ItemSets(self.items[rows], self.kind, self.agreement, self.values)


@dataclass(frozen=True)
class TitleTokens:
    """N titles as sets of words, numbers, quantities and codes; their length in characters, float32 (N,)."""

    words: ItemSets
    numbers: ItemSets
    quantities: ItemSets
    codes: ItemSets
    length: Float32

    def __getitem__(self, rows: Ints) -> TitleTokens:
        """The titles of some listings."""
        return TitleTokens(
            self.words[rows], self.numbers[rows], self.quantities[rows], self.codes[rows], self.length[rows]
        )


def tokenize_titles(titles: Sequence[str]) -> TitleTokens:
    """Read N titles into sets of items; upper and lower case are equal."""
    words, groups = _ItemSetWriter(), {name: _ItemSetWriter() for name in ("numbers", "quantities", "codes")}
    length = np.empty(len(titles), dtype=np.float32)
    for number, title in enumerate(titles):
        if not title:  # so are most of a gallery around a question
            length[number] = 0
            for sets in (words, *groups.values()):
                sets.add(set())
            continue
        folded = title.casefold()
        length[number] = len(folded)
        words.add({("", word) for word in read_words(title)})
        items = list(_parse_items(folded))
        for group, sets in groups.items():
            sets.add({(item.kind, item.value) for item in items if item.group == group})
    return TitleTokens(words.sets(), **{name: sets.sets() for name, sets in groups.items()}, length=length)


def read_words(title: str) -> set[str]:
    """The distinct words of a title; upper and lower case are equal."""
    return set(WORD.findall(title.casefold()))


def read_items(title: str) -> list[Item]:
    """The numbers, quantities and codes of a title, from left to right."""
    letters = [(letter, i) for i, character in enumerate(title) for letter in character.casefold()]
    text = "".join(letter for letter, _ in letters)
    before = [i for _, i in letters]
    place: list[int] = []
    done = 0
    for match in TIMES.finditer(text):
        place += [*before[done : match.start()], *[before[match.start()]] * 3]
        done = match.end()
    place += before[done:]
    items = [
        item._replace(start=place[item.start], stop=place[item.stop - 1] + 1) for item in _parse_items(text)
    ]
    return sorted(items, key=lambda item: item.start)


def conflict_places(left: Sequence[Item], right: Sequence[Item]) -> list[dict[str, list[list[int]]]]:
    """Where two titles contradict each other: the kinds that both have without a value in common.

    Returns:
        For each such kind {"left": places in the left title, "right": places in the right title}; a place is
        [start, stop]. JSON can hold it.
    """
    conflicts = []
    left_items, right_items = _by_kind(left), _by_kind(right)
    for kind, items in left_items.items():
        others = right_items.get(kind, [])
        if others and not values_agree({item.value for item in items}, {item.value for item in others}):
            places = [[[item.start, item.stop] for item in side] for side in (items, others)]
            conflicts.append({"left": places[0], "right": places[1]})
    return conflicts


def _by_kind(items: Sequence[Item]) -> dict[tuple[str, str], list[Item]]:
    kinds: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        kinds.setdefault((item.group, item.kind), []).append(item)
    return kinds


def values_agree(left: Set[str], right: Set[str]) -> bool:
    """Whether two titles share a value of a kind: an equal one, or a converted and a metric one within ROUNDING.

    A hostile title has thousands of values: no value is compared with all.
    """
    if left & right:
        return True
    for side, opposite in ((left, right), (right, left)):
        converted = [float(value[1:]) for value in side if value.startswith("~")]
        metric = sorted(float(value) for value in opposite if not value.startswith("~")) if converted else []
        for value in converted:
            place = bisect(metric, value)
            if any(_is_rounded(value, near) for near in metric[max(0, place - 1) : place + 1]):
                return True
    return False


def parse_number(text: str) -> float:
    """`1,5` and `1.5` are 1.5; `1.000` and `1,000` are 1000, for three digits follow each sign."""
    if THOUSANDS.fullmatch(text):
        return float(re.sub(r"[.,]", "", text))
    head, *tail = re.split(r"[.,]", text)
    return float(f"{head}.{''.join(tail)}") if tail else float(head)


def _parse_figure(text: str) -> float:
    """A number or a fraction: `1 3/4` is 1.75, `1 000` is 1000."""
    if text.endswith(" 000"):
        return int(text.replace(" ", ""))
    if fraction := FRACTION.fullmatch(text):
        whole, above, below = fraction.groups(default="0")
        return int(whole) + int(above) / int(below)
    return parse_number(text)


def _parse_items(text: str) -> Iterator[Item]:
    """The items of a folded title; places are in it with `2x3` as `2 x 3`, so that both numbers are seen.

    What is read as a quantity is blanked before codes are sought, and codes before numbers.
    """
    text = TIMES.sub(" x ", text.translate(ARABIC_SIGNS))
    text = QUOTED.sub(lambda match: f" {match[1] or match[2] or ''} ", text)
    for match in quantity_pattern().finditer(text):
        dimension, factor, converted = read_unit(match[2])
        value = f"{_parse_figure(match[1]) * factor:.12g}"
        yield Item("quantities", dimension, f"~{value}" if converted else value, *match.span())
    text = quantity_pattern().sub(lambda match: " " * len(match[0]), text)
    codes = [match for match in CODE.finditer(text) if DIGIT.search(match[0]) and ALPHABETIC.search(match[0])]
    rest: list[str] = []
    done = 0
    for match in codes:
        code = match[0].replace("-", "").replace(",", ".")
        yield Item("codes", re.sub(r"\d+(?:\.\d+)*", "#", code), code, *match.span())
        rest += [text[done : match.start()], " " * len(match[0])]
        done = match.end()
    for match in NUMBER.finditer("".join([*rest, text[done:]])):
        yield Item("numbers", "number", f"{parse_number(match[0]):.12g}", *match.span())


class _ItemSetWriter:
    """Sets of (kind, value) that become sparse rows; a listing's set is not held once it has been added."""

    def __init__(self) -> None:
        self.vocabulary: dict[tuple[str, str], int] = {}
        self.numbers, self.counts = array("i"), array("i")

    def add(self, items: Set[tuple[str, str]]) -> None:
        vocabulary = self.vocabulary
        self.numbers.extend([vocabulary.setdefault(item, len(vocabulary)) for item in items])
        self.counts.append(len(items))

    def sets(self) -> ItemSets:
        """The sets of all listings; columns are in the order of (kind, value)."""
        vocabulary = sorted(self.vocabulary)
        column = np.empty(len(vocabulary), np.int32)
        column[[self.vocabulary[item] for item in vocabulary]] = np.arange(len(vocabulary))
        flat = column[np.frombuffer(self.numbers, np.int32)]
        ends = np.append(0, np.cumsum(np.frombuffer(self.counts, np.int32)))
        # Here, for its import takes longer than the ranking of a small catalogue.
        from scipy.sparse import csr_array

        shape = len(self.counts), len(vocabulary)
        items = csr_array((np.ones(len(flat), np.float32), flat, ends), shape=shape)
        items.sort_indices()
        return _with_agreement(items, vocabulary)


def _with_agreement(items: csr_array, vocabulary: Sequence[tuple[str, str]]) -> ItemSets:
    """Item sets, and which of their items are one value."""
    from scipy.sparse import csr_array

    _, kind = np.unique(np.array([kind for kind, _ in vocabulary], dtype=str), return_inverse=True)
    agreeing = _find_agreeing(vocabulary)
    values = [value for _, value in vocabulary]
    if not len(agreeing):
        return ItemSets(items, kind.astype(np.int64), values=values)
    each = np.arange(len(vocabulary))
    places = np.concatenate([each, *agreeing.T]), np.concatenate([each, *agreeing.T[::-1]])
    agreement = csr_array((np.ones(len(places[0]), np.float32), places), shape=(len(each), len(each)))
    return ItemSets(items, kind.astype(np.int64), agreement, values)


def _find_agreeing(vocabulary: Sequence[tuple[str, str]]) -> Ints:
    """The pairs of a converted and a metric item of V that are one value, by `values_agree`: int (P, 2)."""
    metric: dict[str, list[int]] = {}
    for place, (kind, value) in enumerate(vocabulary):
        if not value.startswith("~"):
            metric.setdefault(kind, []).append(place)
    pairs = [np.empty((0, 2), np.int64)]
    values: dict[str, Float64] = {}
    for place, (kind, value) in enumerate(vocabulary):
        if value.startswith("~") and kind in metric:
            if kind not in values:
                values[kind] = np.array([float(vocabulary[other][1]) for other in metric[kind]])
            close = np.array(metric[kind])[_is_rounded(float(value[1:]), values[kind])]
            pairs.append(np.stack([np.full(len(close), place), close], axis=1))
    return np.concatenate(pairs)


def _is_rounded(a: float, b: float | Float64) -> Bools:
    """Whether each of `b` is `a`, but for a share of ROUNDING."""
    return np.abs(a - b) <= ROUNDING * np.maximum(a, b)
