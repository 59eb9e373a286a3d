"""The catalogue as a report shows it: ids, titles, labels, small pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesku.catalogue import listings as catalogue
from samesku.catalogue import thumbnails
from samesku.catalogue.conflicts import Item, conflicts, items
from samesku.errors import InputError

PICTURES = 18_000_000  # characters of base64 in one report, so that it stays below 25 MB
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Catalogue:
    """The N listings of the sample.

    Attributes:
        listings: ids, products and splits. title: N strings. picture: N WebPs, None where there is none.
    """

    listings: catalogue.Listings
    title: list[str]
    picture: list[bytes | None]

    @cached_property
    def row(self) -> dict[str, int]:
        """posting_id -> row."""
        return {name: at for at, name in enumerate(self.listings.posting_id)}

    @cached_property
    def size(self) -> NDArray[np.int64]:
        """int (N,): the listings of each one's product, itself among them; 0 where it has no label."""
        product = self.listings.product
        sizes = np.bincount(product[product >= 0], minlength=int(product.max(initial=-1)) + 1)
        return np.where(product >= 0, np.append(sizes, 0)[product], 0)

    @cached_property
    def items(self) -> list[list[Item]]:
        """What of each title can conflict with another's."""
        return [items(title) for title in self.title]

    def labelled(self) -> bool:
        return bool((self.listings.product >= 0).any())

    def same(self, left: NDArray[np.integer], right: NDArray[np.integer]) -> NDArray[np.bool_]:
        """bool (P,): the two are labelled as one product."""
        product = self.listings.product
        return (product[left] >= 0) & (product[left] == product[right])

    def rows(self, ids: Iterable[str]) -> NDArray[np.int64]:
        """The rows of these ids.

        Raises:
            InputError: an id is not in the sample.
        """
        try:
            return np.array([self.row[name] for name in ids], dtype=np.int64)
        except KeyError as error:
            raise InputError(
                f"listing {error} of the predictions is not in the sample; run `dvc repro`"
            ) from None

    def conflicts(self, query: int, other: int) -> dict[str, Any]:
        """Where two titles contradict each other: places in the query's (own) and in the other's (marks).

        told: [the query's, the other's] as they write it. Empty where nothing does.
        """
        own, marks, told = [], [], []
        for ours, theirs in conflicts(self.items[query], self.items[other]):
            own += [[item.start, item.stop] for item in ours]
            marks += [[item.start, item.stop] for item in theirs]
            told.append([self._written(query, ours), self._written(other, theirs)])
        return {"own": sorted(own), "marks": sorted(marks), "told": told} if told else {}

    def _written(self, row: int, found: list[Item]) -> str:
        return ", ".join(self.title[row][item.start : item.stop] for item in found)


def read(listings: Path, small: Path) -> Catalogue:
    """Read listings.parquet and thumbnails.arrow, which may be missing: then there are no pictures.

    Raises:
        InputError: there is no sample, or the two do not belong together.
    """
    if not listings.is_file():
        raise InputError(f"{listings} is missing; run `dvc repro` or `dvc checkout`")
    title = pq.read_table(listings, columns=["title"])["title"].to_pylist()
    picture = thumbnails.read(small) if small.is_file() else []
    if picture and len(picture) != len(title):
        raise InputError(
            f"{small} holds {len(picture)} pictures for {len(title)} listings; run `dvc repro sample`"
        )
    return Catalogue(catalogue.read(listings), title, picture or [None] * len(title))


class Shown:
    """The listings that a report shows, numbered in the order in which they are first asked for."""

    def __init__(self, found: Catalogue) -> None:
        self._catalogue = found
        self._place: dict[int, int] = {}

    def __call__(self, row: int) -> int:
        return self._place.setdefault(int(row), len(self._place))

    def listings(self) -> list[list[Any]]:
        """[posting_id, title, split, listings of its product] of each."""
        known = self._catalogue
        return [
            [
                known.listings.posting_id[row],
                known.title[row],
                str(known.listings.split[row]),
                int(known.size[row]),
            ]
            for row in self._place
        ]

    def pictures(self) -> list[str | None]:
        """Each one's WebP in base64, as many as PICTURES allows; those that were asked for first."""
        found, left = [], PICTURES
        for row in self._place:
            webp = self._catalogue.picture[row]
            text = base64.b64encode(webp).decode("ascii") if webp else None
            left -= len(text or "")
            found.append(text if left >= 0 else None)
        return found
