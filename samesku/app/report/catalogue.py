"""The catalogue as the report shows it: ids, titles, labels, small pictures."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from samesku import artefacts
from samesku.arrays import Bools, Int64, Ints
from samesku.catalogue.attributes import Attributes, read_attributes
from samesku.catalogue.images import read_thumbnails
from samesku.catalogue.listings import Listings, read_listings
from samesku.catalogue.reader import ATTRIBUTES
from samesku.catalogue.title_tokens import Item, conflict_places, read_items
from samesku.errors import InputError
from samesku.params.schema import Match

MAX_PICTURE_CHARACTERS = 34_000_000  # of base64 in one page, which then stays below 60 MB
SPLITS = ("test", "val", "train")  # in the order in which queries are shown


@dataclass(frozen=True)
class Catalogue:
    """The N listings of the sample, with what the pages derive from them."""

    listings: Listings

    def __len__(self) -> int:
        return len(self.listings)

    @cached_property
    def pictures(self) -> list[bytes | None]:
        """N WebPs, None for a listing without a picture; then those of M further pictures."""
        path = artefacts.THUMBNAILS
        pictures = read_thumbnails(path) if path.is_file() else []
        if pictures and len(pictures) != len(self) + len(self.listings.further):
            raise InputError(
                f"{path} holds {len(pictures)} pictures for {len(self)} listings; run `dvc repro sample`"
            )
        return pictures or [None] * (len(self) + len(self.listings.further))

    @cached_property
    def row_of(self) -> dict[str, int]:
        """posting_id -> row."""
        return {posting_id: row for row, posting_id in enumerate(self.listings.posting_id)}

    @cached_property
    def product_size(self) -> Int64:
        """int (N,): each listing and those of its product that may match it; 0 without a label."""
        listings, every = self.listings, np.arange(len(self))
        count = listings.allowed.count(listings.product, every, every)
        return np.where(listings.product >= 0, count + 1, 0)

    @cached_property
    def title_items(self) -> list[list[Item]]:
        """The numbers, quantities and codes of each title."""
        return [read_items(title) for title in self.listings.title]

    @cached_property
    def cells(self) -> dict[str, list[str]]:
        """N cells of each of reader.ATTRIBUTES."""
        return {name: self.listings.attribute(name) for name in ATTRIBUTES}

    @cached_property
    def attributes(self) -> Attributes:
        """Brand, price and product numbers of the listings."""
        return read_attributes(self.cells, self.listings.title)

    def open_all(self) -> None:
        """Read every file that a later page needs, so that all are of one run of the pipeline."""
        for name in ("title", "image_phash"):
            getattr(self.listings, name)
        for name in ("pictures", "cells"):
            getattr(self, name)

    def has_pictures(self) -> bool:
        return any(self.pictures)

    def has_labels(self) -> bool:
        return bool((self.listings.product >= 0).any())

    def same_product(self, left: Ints, right: Ints) -> Bools:
        """bool (P,): the labels say that the two rows are one product."""
        product = self.listings.product
        return (product[left] >= 0) & (product[left] == product[right])

    def rows(self, posting_ids: Iterable[str]) -> Int64:
        """The rows of these ids. Raises InputError if an id is not in the sample."""
        try:
            return np.array([self.row_of[posting_id] for posting_id in posting_ids], dtype=np.int64)
        except KeyError as error:
            raise InputError(
                f"listing {error} of the predictions is not in the sample; run `dvc repro`"
            ) from None

    def conflicts(self, left: int, right: int) -> list[dict[str, list[list[int]]]]:
        """Where the titles of two rows contradict each other, as `conflict_places`."""
        return conflict_places(self.title_items[left], self.title_items[right])


def read_catalogue(match: Match | None = None) -> Catalogue:
    """The catalogue of this workspace, with the pairs that `match` of params.yaml allows; by default, all are.

    Raises:
        InputError: there is no sample, or `match` asks for shops that it does not have.
    """
    if not artefacts.LISTINGS.is_file():
        raise InputError(f"{artefacts.LISTINGS} is missing; run `dvc repro` or `dvc checkout`")
    return Catalogue(read_listings(artefacts.LISTINGS, match))


class ShownListings:
    """The listings of a page, numbered in the order in which they are first asked for."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._number: dict[int, int] = {}

    def number(self, row: int) -> int:
        """The number of a row of the catalogue on this page."""
        return self._number.setdefault(int(row), len(self._number))

    def listings(self) -> list[list[Any]]:
        """[posting_id, title, split, number of listings of its product, shop, further pictures, price] of each listing.

        What a listing lacks at the end is left out: most have four values.
        """
        listings, size = self._catalogue.listings, self._catalogue.product_size
        prices = self._catalogue.cells["price"]
        rows = []
        for row in self._number:
            values = [listings.posting_id[row], listings.title[row], str(listings.split[row]), int(size[row])]
            values += [listings.source[row], len(listings.further_of(row)), prices[row]]
            while len(values) > 4 and not values[-1]:
                values.pop()
            rows.append(values)
        return rows

    def pictures(self) -> list[Any]:
        """The WebP of each listing in base64, a list of all of them where it has several.

        None once the page has MAX_PICTURE_CHARACTERS of them; further pictures take what is left by the first ones.
        """
        left = MAX_PICTURE_CHARACTERS

        def encode(row: int) -> str | None:
            nonlocal left
            webp = self._catalogue.pictures[row]
            text = base64.b64encode(webp).decode("ascii") if webp else None
            left -= len(text or "")
            return text if left >= 0 else None

        pictures: list[Any] = [encode(row) for row in self._number]
        for number, row in enumerate(self._number):
            places = self._catalogue.listings.further_of(row)
            further = [encode(len(self._catalogue) + place) for place in places]
            if pictures[number] is not None and any(further):
                pictures[number] = [pictures[number], *filter(None, further)]
        return pictures
