"""What the features of candidate pairs are computed from: channels, titles, pictures and attributes of listings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from samesku.arrays import Int32, Int64, Ints
from samesku.catalogue.attributes import Attributes, read_attributes
from samesku.catalogue.listings import Listings
from samesku.catalogue.reader import ATTRIBUTES
from samesku.catalogue.title_tokens import TitleTokens, tokenize_titles
from samesku.search.fusion import Channels, Owner, count_owners


@dataclass(frozen=True)
class PairEvidence:
    """What the features of pairs are computed from: N listings, none of their labels.

    Attributes:
        channels: name -> float32 (N, d), rows L2-normalised or zero; (N, 0) where no listing has the channel.
        pictures: name -> int (N,), a number for each distinct picture (file or hash); −1 where there is none.
        attributes: None for a catalogue without any.
        owner: the listing of each row of channels and pictures that have N + M; None where M is 0.
    """

    channels: Channels
    titles: TitleTokens
    pictures: Mapping[str, Ints]
    attributes: Attributes | None = None
    owner: Owner = None


@dataclass(frozen=True)
class ListingTexts:
    """The part of the evidence of N listings that no network has read; "" stands for what a listing lacks.

    Attributes:
        titles: N, normalised. files, hashes: of the N first pictures, or of these and M further ones.
        cells: name -> the N cells of an attribute, for every name of reader.ATTRIBUTES.
        owner: the listing of each picture, ascending from place N on; None where M is 0.
    """

    titles: Sequence[str]
    files: Sequence[str]
    hashes: Sequence[str]
    cells: Mapping[str, Sequence[str]]
    owner: Owner = None

    def pictures_of(self, row: int) -> list[int]:
        """The places of a listing's pictures in `files` and `hashes`."""
        if self.owner is None:
            return [row]
        n = len(self.titles)
        start, stop = np.searchsorted(self.owner[n:], [row, row + 1]).tolist()
        return [row, *range(n + start, n + stop)]


def read_texts(listings: Listings) -> ListingTexts:
    """The texts of a catalogue."""
    cells = {name: listings.attribute(name) for name in ATTRIBUTES}
    files = listings.image + listings.further.image
    return ListingTexts(listings.title, files, listings.hashes, cells, listings.owner)


def collect_evidence(listings: Listings, channels: Channels) -> PairEvidence:
    """The evidence of a catalogue: its channels, titles, picture files, hashes and attributes."""
    return read_evidence(read_texts(listings), channels)


def read_evidence(texts: ListingTexts, channels: Channels) -> PairEvidence:
    """The evidence of N listings; `channels` as of `PairEvidence`."""
    pictures = {"file": number_distinct(texts.files), "hash": number_distinct(texts.hashes)}
    attributes = read_attributes(texts.cells, texts.titles)
    return PairEvidence(channels, tokenize_titles(texts.titles), pictures, attributes, texts.owner)


def number_distinct(names: Sequence[str]) -> Int64:
    """A number for each distinct name, −1 for the empty one: int64 (N,)."""
    distinct, number = np.unique(np.array(names, dtype=str), return_inverse=True)
    return np.where(distinct[number] == "", -1, number)


def group_pictures(number: Ints, owner: Int32) -> csr_array:
    """The pictures of each listing: sparse (N, pictures), 1 where a listing has a picture.

    Args:
        number: int (N + M,), a number for each distinct picture, −1 for none. owner: the listing of each.
    """
    is_one = number >= 0
    places = owner[is_one], number[is_one]
    shape = count_owners(owner), int(number.max(initial=-1)) + 2
    return csr_array((np.ones(len(places[0]), np.float32), places), shape=shape).sign()  # twice counts once
