"""The listings of a sample, which pairs of them may match, and the annotated pairs. No pandas, so that the ranking
stages start fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesku.arrays import Bools, Int32, Int64, Ints, Strings
from samesku.artefacts import column_names, read_columns, to_numpy, write_table
from samesku.catalogue.further import FILE, FurtherPictures, read_further
from samesku.errors import InputError
from samesku.params.schema import Match
from samesku.reading import reading

#: Each gallery, as the parts of the sample that are searched each within itself.
GALLERIES = {"full": ("full",), "split": ("val", "test")}


@dataclass(frozen=True)
class AllowedPairs:
    """Which pairs of N listings may match, by their shops: `match.link` and `match.one_to_one` of params.yaml.

    Listings without a shop are one shop, the one that is called "": an own catalogue beside the feeds of others.

    Attributes:
        match: the group `match` of params.yaml. shop: int32 (N,), the number of each listing's shop.
        names: the names of the shops by number, ascending.
    """

    match: Match = field(default_factory=Match)
    shop: Int32 = field(default_factory=lambda: np.empty(0, np.int32))
    names: Sequence[str] = ()

    @property
    def link(self) -> str:
        """`all`, `across` or `within`."""
        return self.match.link

    @property
    def one_to_one(self) -> bool:
        """Whether a listing has at most one match in each other shop."""
        return self.match.one_to_one

    def of_shops(self, left: Ints, right: Ints) -> Bools:
        """Whether listings of these shops may match; two arrays of numbers of shops, which may broadcast."""
        if self.link == "all":
            return np.ones(np.broadcast_shapes(left.shape, right.shape), bool)
        same = left == right
        return same if self.link == "within" else ~same

    def of_rows(self, left: Ints, right: Ints) -> Bools:
        """Whether two listings may match; two arrays of rows, which may broadcast."""
        if self.link == "all":
            return self.of_shops(left, right)
        return self.of_shops(self.shop[left], self.shop[right])

    def count(self, key: Ints, query: Ints, rows: Ints) -> Int64:
        """int (Q,): the listings of `rows` that have the key of the query and may match it, without itself.

        Args:
            key: int (N,), such as the product of each listing; below 0 for none, which equals nothing.
            query: int (Q,) rows. rows: int (G,) rows, each once.
        """
        of_query = key[query]
        counts = _count_keys(key[rows], of_query)
        if self.link == "all":
            return np.where(of_query >= 0, counts - np.isin(query, rows), 0)
        both = np.where(key >= 0, key.astype(np.int64) * max(1, len(self.names)) + self.shop, -1)
        in_shop = _count_keys(both[rows], both[query])  # the query itself is of its own shop
        return np.where(
            of_query >= 0, counts - in_shop if self.link == "across" else in_shop - np.isin(query, rows), 0
        )

    def number_shops(self, names: Sequence[str]) -> Int32:
        """The number of each shop, int32; a shop that no listing here has gets a number of its own."""
        number = {name: i for i, name in enumerate(self.names)}
        return np.array([number.setdefault(name, len(number)) for name in names], dtype=np.int32)


#: What holds for a catalogue whose shops play no part.
ALL_PAIRS = AllowedPairs()


def allow_pairs(match: Match, source: Sequence[str]) -> AllowedPairs:
    """The allowed pairs of listings of these shops, N names; "" for none.

    Raises:
        InputError: `match` asks for shops, and the table has none, or one where it takes two.
    """
    if match.link == "all" and not match.one_to_one:
        return AllowedPairs(match)
    key = "match.one_to_one is true" if match.link == "all" else f"match.link is {match.link}"
    names, shop = np.unique(np.array(source, dtype=object), return_inverse=True)
    if not any(names):
        raise InputError(
            f"{key}, but no listing has a shop; allowed: a table with the column source (data.columns names another), "
            "or match.link: all and match.one_to_one: false"
        )
    if len(names) == 1 and match.link == "across":
        raise InputError(
            f"{key}, but all {len(source):,} listings are of the shop {names[0]}; allowed: listings of two shops or "
            "more, match.link: within, or match.link: all"
        )
    return AllowedPairs(match, shop.astype(np.int32), names.tolist())


def _count_keys(keys: Ints, wanted: Ints) -> Int64:
    """How often each of the wanted keys stands among `keys`; 0 for one below 0."""
    distinct, number = np.unique(keys[keys >= 0], return_counts=True)
    if not len(distinct):
        return np.zeros(len(wanted), np.int64)
    place = np.minimum(np.searchsorted(distinct, wanted), len(distinct) - 1)
    return np.where(distinct[place] == wanted, number[place], 0)


@dataclass(frozen=True)
class Listings:
    """The N listings of a sample, in the order of every embedding array.

    Attributes:
        posting_id: object (N,) of strings, ascending.
        product: int32 (N,), a number for each label_group; −1 where a listing has no label.
        component: int32 (N,), the connected component of shared labels, pictures and hashes.
        split: str (N,): train, val or test.
        path: listings.parquet, from which the other columns are read when they are first used.
        allowed: which pairs of them may match.
    """

    posting_id: NDArray[np.object_]
    product: Int32
    component: Int32
    split: Strings
    path: Path | None = None
    allowed: AllowedPairs = ALL_PAIRS

    def __len__(self) -> int:
        return len(self.posting_id)

    @cached_property
    def title(self) -> list[str]:
        """N normalised titles, "" where there is none."""
        return self._column("title").to_pylist()

    @cached_property
    def image(self) -> list[str]:
        """N file names of pictures, "" where there is none."""
        return self._column("image").to_pylist()

    @cached_property
    def image_phash(self) -> list[str]:
        """N perceptual hashes of 16 hex digits, "" where there is none."""
        return self._column("image_phash").to_pylist()

    @cached_property
    def source(self) -> list[str]:
        """N names of shops, "" where there is none."""
        return self.attribute("source")

    def attribute(self, name: str) -> list[str]:
        """N cells of a shop or an attribute (reader.ATTRIBUTES), as they stand in the table; "" where there is none."""
        if self.path is None or name not in column_names(self.path):
            return [""] * len(self)
        return self._column(name).to_pylist()

    @cached_property
    def has_image(self) -> Bools:
        """bool (N,): the listings whose picture could be used."""
        return to_numpy(self._column("has_image")).astype(bool)

    @cached_property
    def further(self) -> FurtherPictures:
        """The M pictures that listings have beside their first one."""
        none = FurtherPictures(np.empty(0, np.int32), [], [])
        return none if self.path is None else read_further(self.path.with_name(FILE))

    @cached_property
    def owner(self) -> Int32 | None:
        """int32 (N + M,): the listing of each picture, in the order of images.arrow; None where M is 0."""
        if not len(self.further):
            return None
        return np.concatenate([np.arange(len(self), dtype=np.int32), self.further.listing])

    def further_of(self, row: int) -> range:
        """The further pictures of a listing, as places in `further`; its rows of images.arrow are N more."""
        start, stop = np.searchsorted(self.further.listing, [row, row + 1]).tolist()
        return range(start, stop)

    @property
    def hashes(self) -> list[str]:
        """N + M perceptual hashes, in the order of images.arrow."""
        return self.image_phash + self.further.image_phash

    @property
    def is_picture(self) -> Bools:
        """bool (N + M,): the rows of images.arrow that hold a picture."""
        return np.append(self.has_image, np.ones(len(self.further), bool))

    def gallery(self, name: str) -> Int32:
        """int32 (G,): the rows of the gallery `full`, or of one split."""
        inside = np.ones(len(self), bool) if name == "full" else self.split == name
        return np.flatnonzero(inside).astype(np.int32)

    def _column(self, name: str) -> Any:
        if self.path is None:
            raise AttributeError(f"these listings have no column {name}")
        return read_columns(self.path, [name])[name]


def read_listings(path: Path, match: Match | None = None) -> Listings:
    """Read listings.parquet, as the stage `sample` wrote it.

    Args:
        match: the group `match` of params.yaml, for whatever searches, decides or measures; by default, all pairs
            are allowed.

    Raises:
        DamagedFile: the file is missing or damaged.
        InputError: `match` asks for shops that the table does not have.
    """
    with reading(path):
        table = read_columns(path, ["posting_id", "label_group", "component", "split"])
        codes = table["label_group"].dictionary_encode().indices.to_pylist()
        listings = Listings(
            posting_id=np.asarray(table["posting_id"].to_pylist(), dtype=object),
            product=np.array([-1 if code is None else code for code in codes], dtype=np.int32),
            component=to_numpy(table["component"]).astype(np.int32),
            split=np.asarray(table["split"].to_pylist(), dtype=str),
            path=path,
        )
        # A catalogue that is matched without the pipeline has no splits.
        wrong = ~np.isin(listings.split, ("train", "val", "test", "")) | (listings.component < 0)
        if wrong.any():
            raise ValueError(f"row {int(wrong.argmax())} has no split, or no component")
    return listings if match is None else replace(listings, allowed=allow_pairs(match, listings.source))


def visible_products(listings: Listings) -> Int32:
    """The product of each listing as learning and tuning may see it, int32 (N,).

    −1 without a label, and for every listing of test: what learns cannot even know whether test has labels.
    """
    return np.where(listings.split == "test", np.int32(-1), listings.product)


def val_labelled(listings: Listings) -> Bools:
    """bool (N,): the listings whose labels choose thresholds and teach the pair model: the labelled ones of val."""
    return (listings.split == "val") & (listings.product >= 0)


#: Labelled val listings without any match that are enough to say that matches are rare.
MIN_SINGLES = 30


def can_tune(listings: Listings) -> bool:
    """Whether val's labels can choose a threshold: two listings of one product, or MIN_SINGLES listings of none."""
    products = listings.product[val_labelled(listings)]
    return len(products) >= MIN_SINGLES or bool(np.bincount(products).max(initial=0) > 1)


def _no_pairs() -> Int32:
    return np.empty((0, 2), np.int32)


@dataclass(frozen=True)
class Links:
    """Annotated pairs of listings, each int32 (P, 2) rows: `must_link` one product, `cannot_link` two."""

    must_link: Int32 = field(default_factory=_no_pairs)
    cannot_link: Int32 = field(default_factory=_no_pairs)

    def within(self, rows: Bools) -> Links:
        """The links between two listings of `rows`, bool (N,)."""
        return Links(*(pairs[rows[pairs].all(axis=1)] for pairs in (self.must_link, self.cannot_link)))


def write_links(path: Path, links: Links) -> None:
    """Write columns left int32, right int32, must_link uint8 (0: cannot-link), ordered by left and right."""
    pairs = np.concatenate([links.must_link, links.cannot_link])
    must_link = (np.arange(len(pairs)) < len(links.must_link)).astype(np.uint8)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    columns = {"left": pairs[order, 0], "right": pairs[order, 1], "must_link": must_link[order]}
    write_table(path, columns)


def read_links(path: Path, n_listings: int) -> Links:
    """What `write_links` wrote; no links where there is no such file.

    Raises:
        DamagedFile: it is damaged, or a pair is none of two of the n_listings listings.
    """
    if not path.is_file():
        return Links()
    with reading(path):
        columns = {
            name: to_numpy(column)
            for name, column in read_columns(path, ["left", "right", "must_link"]).items()
        }
        pairs = np.stack([columns["left"], columns["right"]], axis=1).astype(np.int32)
        wrong = (pairs < 0).any(axis=1) | (pairs >= n_listings).any(axis=1) | (pairs[:, 0] == pairs[:, 1])
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(f"row {row} links {pairs[row].tolist()}; allowed: two of {n_listings} listings")
    must_link = columns["must_link"] == 1
    return Links(pairs[must_link], pairs[~must_link])
