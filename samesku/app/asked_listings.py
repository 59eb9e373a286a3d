"""New listings beside a catalogue, and what a system answers about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from samesku.app.query_encoders import QueryRows
from samesku.arrays import Bools, Float32, Int32, Int64
from samesku.evaluation.rules import Rules
from samesku.search.extension import ExtendedGallery
from samesku.search.neighbours import Neighbours


@dataclass(frozen=True)
class Comparison:
    """What a system says of a pair.

    Attributes:
        score: −1 to 1, rounded to 1e-6; None if the two have nothing in common to compare.
        cosines: the similarity of each channel, NaN where one of the two lacks it.
        reasons: family of features -> how far it moved the log-odds; empty for a weighted mean of similarities.
    """

    score: float | None
    cosines: Mapping[str, float]
    reasons: Mapping[str, float]


class Nearest(Protocol):
    """The catalogue's listings that are nearest to new ones, in an ExtendedGallery."""

    @property
    def neighbours(self) -> Neighbours:
        """Of each new listing; all rows are places."""

    def lists(self, places: Int32, k: int) -> Neighbours:
        """The k nearest of some listings, old or new, given by their places, ascending."""

    def explain(self, left: Int64, right: Int64) -> dict[str, Float32]:
        """How far each family of features moved the log-odds of some of these pairs, given by numbers."""


@dataclass(frozen=True)
class AskedListings:
    """Q new listings beside a catalogue.

    Attributes:
        gallery: both. rows: their embeddings. files: the file name of each picture, as the catalogue knows it.
        rules: those of the whole gallery, by place; None where there are none.
    """

    gallery: ExtendedGallery
    rows: QueryRows
    titles: Sequence[str]
    files: Sequence[str]
    hashes: Sequence[str]
    cells: Mapping[str, Sequence[str]]
    rules: Rules | None


@dataclass(frozen=True)
class NewMatches:
    """The neighbours of new listings, and which of them are matches; all rows are places.

    Attributes:
        neighbours: those that may become matches. is_match: bool (Q, k).
    """

    neighbours: Neighbours
    is_match: Bools
