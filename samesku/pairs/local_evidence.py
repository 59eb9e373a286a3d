"""The evidence of a few listings of a catalogue and of new ones: what the features of the pairs around them take."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesku.arrays import Bools, Ints
from samesku.catalogue.attributes import read_mpn
from samesku.catalogue.gtin import read_gtin
from samesku.catalogue.reader import ATTRIBUTES
from samesku.catalogue.title_tokens import TitleTokens, read_words
from samesku.pairs.evidence import ListingTexts, PairEvidence, read_evidence
from samesku.pairs.gallery_counts import GalleryCounts
from samesku.search.fusion import Channels, Fused, Owner

READERS = {"gtin": read_gtin, "mpn": read_mpn}


@dataclass(frozen=True)
class ListingEvidence:
    """N listings: their texts, the rows of their channels, and those of each search.

    Attributes:
        fused: the fused rows, then those after each step of augmentation.
    """

    texts: ListingTexts
    channels: Channels
    fused: Sequence[Fused]

    def __len__(self) -> int:
        return len(self.texts.titles)


class TextCounts:
    """How many listings have each word, picture, GTIN and part number."""

    def __init__(self, texts: ListingTexts, rows: Iterable[int]) -> None:
        self.n_listings = 0
        self.of: dict[str, Counter[Hashable]] = {
            name: Counter() for name in ("word", "file", "hash", *READERS)
        }
        for row in rows:
            self.n_listings += 1
            self.of["word"].update(read_words(texts.titles[row]))
            for name, values in _pictures_and_numbers(texts, row):
                self.of[name].update(values)


def _pictures_and_numbers(texts: ListingTexts, row: int) -> Iterator[tuple[str, Set[Hashable]]]:
    """The distinct pictures and numbers of a listing, by the names of `TextCounts`."""
    pictures = texts.pictures_of(row)
    for name, names in (("file", texts.files), ("hash", texts.hashes)):
        yield name, {names[place] for place in pictures} - {""}
    for name, read in READERS.items():
        cell = texts.cells[name][row]
        yield name, {read(cell)} - {None, ""} if cell else set()


class ExtendedCounts:
    """The counts of a catalogue without some of its listings, and with new ones.

    Args:
        counts: of the whole catalogue.
    """

    def __init__(
        self, counts: TextCounts, catalogue: ListingTexts, replaced: Iterable[int], new: ListingTexts
    ) -> None:
        gone, added = TextCounts(catalogue, replaced), TextCounts(new, range(len(new.titles)))
        self.parts = ((counts, 1), (added, 1), (gone, -1))
        self.n_listings = sum(sign * part.n_listings for part, sign in self.parts)

    def count(self, name: str, value: Hashable) -> int:
        """The listings with a word, picture or number."""
        return sum(sign * part.of[name][value] for part, sign in self.parts)

    def of_listings(
        self, titles: TitleTokens, texts: ListingTexts, attributes: Sequence[str]
    ) -> GalleryCounts:
        """The counts of the gallery for some listings, with these titles and texts.

        Args:
            attributes: those that the catalogue has.
        """
        words = np.array([self.count("word", word) for word in titles.words.values], dtype=np.int64)
        copies = {name: np.zeros(len(texts.titles), np.int64) for name in ("file", "hash", *READERS)}
        for row in range(len(texts.titles)):
            for name, values in _pictures_and_numbers(texts, row):
                if values:
                    copies[name][row] = max(self.count(name, value) for value in values)
        return GalleryCounts(self.n_listings, words, copies, attributes)


def gather_evidence(
    catalogue: ListingEvidence, new: ListingEvidence, listings: Ints, described: Bools
) -> tuple[PairEvidence, ListingTexts, list[Fused]]:
    """The evidence of some listings, and their rows of each search.

    Args:
        listings: int (L,), ascending numbers: those of the catalogue's N listings, then N + those of the new ones.
        described: bool (L,), the listings whose texts are needed; the others' are empty.
    """
    sides = catalogue, new
    n = len(catalogue)
    is_old = listings < n
    own = listings[is_old], listings[~is_old] - n
    further = [
        _further_rows(side.texts.owner, len(side), rows) for side, rows in zip(sides, own, strict=True)
    ]
    owner = _join_owners(sides, own, further)

    def gather(arrays: Sequence[NDArray]) -> NDArray:
        """The rows of the listings, then those of their further pictures, where any side has some in this array."""
        firsts = [array[rows] for array, rows in zip(arrays, own, strict=True)]
        has_further = [len(array) > len(side) for array, side in zip(arrays, sides, strict=True)]
        if not any(has_further):
            return np.concatenate(firsts)
        others = [
            array[rows] if has else np.zeros((len(rows), *array.shape[1:]), array.dtype)
            for array, rows, has in zip(arrays, further, has_further, strict=True)
        ]
        return np.concatenate([*firsts, *others])

    channels = {name: gather([side.channels[name] for side in sides]) for name in catalogue.channels}
    fused = []
    for of_both in zip(catalogue.fused, new.fused, strict=True):
        vectors = gather([rows.vectors for rows in of_both])
        mask = gather([rows.modality_mask for rows in of_both])
        of_rows = owner if owner is not None and len(vectors) == len(owner) else None
        fused.append(Fused(vectors, mask, of_both[0].weights, of_both[0].widths, of_rows))
    texts = _gather_texts(sides, listings, described, further, owner)
    return read_evidence(texts, channels), texts, fused


def _further_rows(owner: Owner, n: int, rows: Ints) -> Ints:
    """The rows of the further pictures of some listings."""
    return np.empty(0, np.int64) if owner is None else n + np.flatnonzero(np.isin(owner[n:], rows))


def _join_owners(sides: Sequence[ListingEvidence], own: Sequence[Ints], further: Sequence[Ints]) -> Owner:
    """The place among the listings of each first picture, then of each further one; None without any of these."""
    if not any(map(len, further)):
        return None
    start, parts = 0, [np.arange(sum(map(len, own)))]
    for side, rows, more in zip(sides, own, further, strict=True):
        if side.texts.owner is not None:
            parts.append(start + np.searchsorted(rows, side.texts.owner[more]))
        start += len(rows)
    return np.concatenate(parts).astype(np.int32)


def _gather_texts(
    sides: Sequence[ListingEvidence], listings: Ints, described: Bools, further: Sequence[Ints], owner: Owner
) -> ListingTexts:
    n = len(sides[0])
    places = [
        (sides[number >= n].texts, number - n * (number >= n)) if needed else None
        for number, needed in zip(listings.tolist(), described.tolist(), strict=True)
    ]
    pictures = [*places]
    for side, rows in zip(sides, further, strict=True):
        pictures += [(side.texts, row) for row in rows.tolist()]
    cells: Mapping[str, Sequence[str]] = {
        name: [place[0].cells[name][place[1]] if place else "" for place in places] for name in ATTRIBUTES
    }
    return ListingTexts(
        [place[0].titles[place[1]] if place else "" for place in places],
        [place[0].files[place[1]] if place else "" for place in pictures],
        [place[0].hashes[place[1]] if place else "" for place in pictures],
        cells,
        owner,
    )
