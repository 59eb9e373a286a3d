"""What the features of a pair take from a whole gallery: how many listings have a word, picture or number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from samesku.arrays import Int64, Ints
from samesku.catalogue.attributes import Attributes
from samesku.catalogue.title_tokens import TitleTokens

#: The attributes whose number of copies is a feature.
NUMBERS = ("gtin", "mpn")


@dataclass(frozen=True)
class GalleryCounts:
    """Counts of a gallery, for G of its listings: all of them, or those around a few pairs.

    Attributes:
        n_listings: of the gallery.
        words: int64 (V,), the listings of the gallery that have each of the V words of the G titles.
        copies: file, hash, gtin, mpn -> int (G,), the listings of the gallery that have the picture or number of each;
            of several pictures, the one that most listings have.
        attributes: those that any listing of the catalogue has, as of `Attributes.present`.
    """

    n_listings: int
    words: Int64
    copies: Mapping[str, Ints]
    attributes: Sequence[str] = ()


def count_gallery(
    titles: TitleTokens,
    pictures: Mapping[str, Ints | csr_array],
    attributes: Attributes | None = None,
    rows: Ints | slice = slice(None),
) -> GalleryCounts:
    """The counts of a gallery of G listings, for all of them.

    Args:
        titles: those of the G listings. pictures: name -> int (G,), as of `PairEvidence`; where listings have several,
            as of `group_pictures`. attributes: of the catalogue. rows: int (G,), the gallery as rows of the catalogue.
    """
    items = titles.words.items
    copies = {name: count_copies(picture) for name, picture in pictures.items()}
    present = [] if attributes is None else attributes.present
    for name in set(NUMBERS) & set(present):
        copies[name] = count_copies(getattr(attributes, name)[rows])
    words = np.bincount(items.indices, minlength=items.shape[1])
    return GalleryCounts(len(titles.length), words, copies, present)


def count_copies(number: Ints | csr_array) -> Ints:
    """For each of G listings, how many of them have its number; int (G,), 0 for one without a number.

    Args:
        number: int (G,), −1 for none; or sparse (G, V), 1 where a listing has a number, of which the commonest counts.
    """
    if isinstance(number, csr_array):
        n_copies = np.bincount(number.indices, minlength=number.shape[1])
        return (number * n_copies).max(axis=1).toarray()
    return np.bincount(number[number >= 0], minlength=int(number.max(initial=-1)) + 2)[number]
