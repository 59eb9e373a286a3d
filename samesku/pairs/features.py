"""What the pair model sees of a candidate pair; every feature is the same from either side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from samesku.catalogue.title_tokens import Bag, Titles
from samesku.pairs import context, overlap
from samesku.pairs.candidates import Candidates


@dataclass
class Features:
    """P pairs in F columns, filled one by one.

    Attributes:
        values: float32 (P, F), NaN where a feature does not apply.
        names: F names. families: the family of each column, which explains it to a person.
    """

    pairs: int
    names: list[str] = field(default_factory=list)
    families: list[str] = field(default_factory=list)
    columns: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, family: str, name: str, column: NDArray) -> None:
        self.families.append(family)
        self.names.append(name)
        self.columns.append(column.astype(np.float32))

    def add_sides(self, family: str, name: str, sides: tuple[NDArray, NDArray]) -> None:
        """The lower and the higher of the two sides' values: which side is which does not show."""
        self.add(family, f"{name}_low", np.minimum(*sides))
        self.add(family, f"{name}_high", np.maximum(*sides))

    @property
    def values(self) -> NDArray[np.float32]:
        return np.stack(self.columns, axis=1) if self.columns else np.empty((self.pairs, 0), np.float32)

    def beside(self, other: Features) -> Features:
        """These columns, then those of another description of the same pairs."""
        return Features(
            self.pairs, self.names + other.names, self.families + other.families, self.columns + other.columns
        )

    def at(self, pair: NDArray[np.integer]) -> NDArray[np.float32]:
        """The rows of some pairs; float32 (M, F)."""
        return np.stack([column[pair] for column in self.columns], axis=1)


def describe(
    candidates: Candidates,
    signals: Mapping[str, NDArray[np.float32]],
    titles: Titles,
    pictures: Mapping[str, NDArray[np.integer]],
) -> Features:
    """All features of a gallery's candidate pairs.

    Args:
        signals: name -> float32 (P,), the similarity of each pair by one channel, by all of them `fused`, and
            so after they were `blended`; NaN where one of the two lacks it.
        titles: those of the gallery's listings alone, so that word frequencies are the gallery's own.
        pictures: name -> int (G,), what identifies a listing's picture (its file, its hash); −1 where none.
    """
    found = Features(len(candidates))
    for name, similarity in signals.items():
        _similarity(found, candidates, name, similarity)
    _density(found, candidates, signals["fused"])
    _titles(found, candidates, titles)
    for name, identity in pictures.items():
        _picture(found, candidates, name, identity)
    return found


def _similarity(found: Features, candidates: Candidates, name: str, similarity: NDArray[np.float32]) -> None:
    """A similarity, its rank in either list, and how far it lies from each list's best and mean."""
    known = ~np.isnan(similarity)
    low, high = context.ranks(candidates, similarity)
    best, mean, std = context.statistics(candidates, similarity).T
    a, b = candidates.left, candidates.right
    found.add(name, name, similarity)
    found.add_sides(name, f"{name}_rank", (np.where(known, low, np.nan), np.where(known, high, np.nan)))
    found.add_sides(name, f"{name}_best", (best[a], best[b]))
    found.add_sides(name, f"{name}_gap", (best[a] - similarity, best[b] - similarity))
    spread = np.maximum(std, np.float32(1e-6))
    found.add_sides(
        name, f"{name}_deviations", ((similarity - mean[a]) / spread[a], (similarity - mean[b]) / spread[b])
    )


def _density(found: Features, candidates: Candidates, fused: NDArray[np.float32]) -> None:
    """How alike each side's candidates are to it, and how many the two sides share."""
    _, mean, std = context.statistics(candidates, fused).T
    a, b = candidates.left, candidates.right
    found.add_sides("density", "fused_mean", (mean[a], mean[b]))
    found.add_sides("density", "fused_std", (std[a], std[b]))
    weight = np.nan_to_num(np.maximum(fused, 0))
    found.add("density", "shared_neighbours", context.shared_neighbours(candidates, weight))


def _titles(found: Features, candidates: Candidates, titles: Titles) -> None:
    pairs = candidates.left, candidates.right
    idf = overlap.idf(titles.words.items)
    both = overlap.shared(titles.words, pairs, idf)
    mass = overlap.own(titles.words, idf)
    left, right = mass[pairs[0]], mass[pairs[1]]
    found.add("words", "words_shared", both)
    found.add("words", "words_jaccard", both / np.maximum(left + right - both, 1e-6))
    found.add_sides("words", "words_alone", (left - both, right - both))
    found.add_sides("words", "words_held", (both / np.maximum(left, 1e-6), both / np.maximum(right, 1e-6)))
    found.add_sides("words", "words_rarest_alone", overlap.rarest_alone(titles.words, pairs, idf))
    found.add("words", "words_rarest_shared", overlap.rarest_shared(titles.words, pairs, idf))
    for name in ("numbers", "quantities", "codes"):
        bag: Bag = getattr(titles, name)
        count, alike = overlap.own(bag), overlap.shared(bag, pairs)
        found.add(name, f"{name}_shared", alike)
        found.add_sides(name, f"{name}_alone", (count[pairs[0]] - alike, count[pairs[1]] - alike))
        found.add(name, f"{name}_conflicts", overlap.conflicts(bag, pairs))
    found.add_sides("length", "title_length", (titles.length[pairs[0]], titles.length[pairs[1]]))


def _picture(found: Features, candidates: Candidates, name: str, identity: NDArray[np.integer]) -> None:
    left, right = identity[candidates.left], identity[candidates.right]
    copies = np.bincount(identity[identity >= 0], minlength=int(identity.max(initial=-1)) + 2)
    known = (left >= 0) & (right >= 0)
    found.add("picture", f"same_{name}", np.where(known, left == right, np.nan))
    found.add_sides("picture", f"{name}_copies", (copies[left], copies[right]))
