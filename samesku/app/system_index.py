"""The catalogue as one system searches it, and new listings beside it: what all systems have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from samesku import artefacts
from samesku.app.asked_listings import AskedListings, Comparison, Nearest, NewMatches
from samesku.app.new_listings import NewListings
from samesku.app.query_encoders import QueryEncoders, QueryRows
from samesku.app.query_listing import QueryListing
from samesku.arrays import Bools, Float32
from samesku.catalogue.gtin import read_gtins
from samesku.catalogue.images import PackedImages
from samesku.catalogue.listings import ALL_PAIRS, read_listings
from samesku.catalogue.reader import ATTRIBUTES
from samesku.embedding.encoder import Content
from samesku.errors import InputError
from samesku.evaluation.decisions import decision_statistics, keep_at_least_one
from samesku.evaluation.rules import Rules, apply_rules, read_rules
from samesku.params import Decision, Params
from samesku.reading import check_rows
from samesku.search.extension import ExtendedGallery, extend_gallery
from samesku.search.fusion import Owner, fuse_channels, load_channels
from samesku.store import content_key

SHOPS_SHOWN = 8  # in a message
RECENT = 256  # new listings whose rows are kept


class SystemIndex(ABC):
    """The catalogue as a system searches it: its listings and channels, the encoders of new listings, the decision.

    Args:
        root: the folder of params.yaml. names: the channels that the system compares.

    Attributes:
        name: of the system. listings: the N listings. channels: name -> rows, float32 (N, d).
        weights: of the channels in the fused score. decision: its threshold is `decision_value`: that of a static
            decision, or m of a dynamic one.

    Raises:
        InputError: the pipeline has not run, or ran with other params than params.yaml has now.
    """

    name: str
    weights: Mapping[str, float]
    decision_value: float
    fusion_method = "concat"

    def __init__(self, params: Params, root: Path, names: Iterable[str]) -> None:
        self.params, self.root = params, root
        if not (root / artefacts.LISTINGS).is_file():
            raise InputError(f"{root / artefacts.LISTINGS} is missing; run `dvc repro`")
        self.listings = read_listings(root / artefacts.LISTINGS, params.match)
        path_of = partial(artefacts.embedding_path, root=root)
        self.channels = load_channels(names, path_of, self.listings)
        self._recent: dict[bytes, dict[str, Float32]] = {}

    def __len__(self) -> int:
        return len(self.listings)

    @property
    @abstractmethod
    def decision(self) -> Decision: ...

    @property
    @abstractmethod
    def min_score(self) -> float:
        """The score that the best neighbour of a query without a match must reach, with `at_least_one`."""

    @abstractmethod
    def search(self, asked: AskedListings, k: int) -> Nearest:
        """The k nearest listings of each new one, and perhaps more."""

    @abstractmethod
    def compare(self, left: QueryListing, right: QueryListing) -> tuple[Comparison, float]:
        """What the system says of two listings, and the score from which they are one product."""

    @abstractmethod
    def compare_rows(self, left: int, right: int) -> Comparison:
        """What the system says of two listings of the catalogue."""

    def answering(self, listings: Sequence[QueryListing]) -> SystemIndex:
        """The index that answers about these listings: another one where this system cannot judge them."""
        return self

    def cannot_judge(self, titles: Sequence[str], has_picture: Sequence[bool]) -> Bools:
        """Which listings the system cannot judge: bool (Q,). has_picture: whether each has a picture or a hash."""
        return np.zeros(len(titles), bool)

    @property
    def fallback(self) -> SystemIndex | None:
        """The system that judges listings which this one cannot; None where there is none."""
        return None

    def open_all(self) -> None:
        """Read or map every file that a later question needs, so that all are of one run of the pipeline."""
        for name in ("title", "image", "source", "hashes", "has_image", "owner", "further"):
            getattr(self.listings, name)
        for name in ("row_of", "cells", "rules", "encoders"):
            getattr(self, name)
        if self.decision.at_least_one:
            _ = self.min_score
        _ = self.pictures.sizes

    @property
    def static_threshold(self) -> float | None:
        """The threshold of a static decision; None for a dynamic one, which has one for each query."""
        return self.decision_value if self.decision.kind == "static" else None

    @cached_property
    def encoders(self) -> QueryEncoders:
        """Of the channels that any listing has."""
        names = [name for name, rows in self.channels.items() if rows.shape[1]]
        return QueryEncoders(names, self.params, self.root)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """posting_id -> row."""
        return {posting_id: row for row, posting_id in enumerate(self.listings.posting_id)}

    @cached_property
    def cells(self) -> dict[str, list[str]]:
        """The N cells of each attribute."""
        return {name: self.listings.attribute(name) for name in ATTRIBUTES}

    @cached_property
    def rules(self) -> Rules | None:
        """What decides before the threshold; None where match.rules is false."""
        return read_rules(self.listings, self.params.match, self.params.groups)

    @cached_property
    def pictures(self) -> PackedImages:
        return PackedImages(self.root / artefacts.IMAGES)

    def embed(self, content: Content, owner: Owner = None) -> QueryRows:
        """Embed new listings, and fuse them as the catalogue is fused.

        Args:
            owner: the listing of each picture, where any has several.

        Raises:
            InputError: a channel cannot be loaded, or differs from the one that embedded the catalogue.
        """
        widths = {name: rows.shape[1] for name, rows in self.channels.items()}
        embedded = self.encoders.embed(content, widths)
        channels = {name: embedded.get(name, np.zeros((len(content), 0), np.float32)) for name in widths}
        for name, rows in channels.items():
            check_rows(rows, f"channel {name}, new listings")
            if rows.shape[1] != widths[name]:
                raise InputError(
                    f"channel {name} has {rows.shape[1]} columns by params.yaml, {widths[name]} in "
                    f"{artefacts.embedding_path(name, self.root)}; run `dvc repro`"
                )
        fused = fuse_channels(channels, self.weights, self.fusion_method, owner)
        return QueryRows(channels, fused, owner)

    def query_listing(self, posting_id: str) -> QueryListing:
        """A listing of the catalogue as a query, by its first picture.

        Raises:
            InputError: there is no such listing.
        """
        if (row := self.row_of.get(posting_id)) is None:
            raise InputError(f"the catalogue has no listing {posting_id!r}")
        listings, has_picture = self.listings, bool(self.listings.has_image[row])
        return QueryListing(
            listings.title[row],
            self.pictures[row] if has_picture else None,
            listings.image_phash[row],
            self.pictures.jpeg(row) if has_picture else None,
            {name: cells[row] for name, cells in self.cells.items()},
            listings.source[row],
            row,
        )

    def embed_listings(self, listings: Sequence[QueryListing]) -> QueryRows:
        """Embed new listings of at most one picture; the rows of the last RECENT ones are kept.

        A row depends on its listing alone: embedding many at once, then each again, is faster and changes nothing.
        """
        if not listings:
            return self.embed(Content([], [], []))
        keys = [
            content_key(listing.title.encode("utf-8", "surrogatepass"), listing.jpeg or b"", phash.encode())
            for listing, phash in zip(listings, map(self._phash, listings), strict=True)
        ]
        rows = {key: self._recent[key] for key in keys if key in self._recent}
        missing = {key: listing for key, listing in zip(keys, listings, strict=True) if key not in rows}
        if missing:
            new = list(missing.values())
            content = Content([of.title for of in new], [of.image for of in new], [*map(self._phash, new)])
            channels = self.embed(content).channels
            for place, key in enumerate(missing):
                rows[key] = {name: of_new[place] for name, of_new in channels.items()}
        recent = {key: row for key, row in self._recent.items() if key not in rows} | rows
        self._recent = dict([*recent.items()][-RECENT:])
        channels = {name: np.stack([rows[key][name] for key in keys]) for name in self.channels}
        return QueryRows(channels, fuse_channels(channels, self.weights, self.fusion_method, None))

    def ask(self, listings: Sequence[QueryListing]) -> AskedListings:
        """New listings without an id beside the catalogue."""
        gallery = extend_gallery(self.listings, [listing.source for listing in listings])
        cells = {name: [of.attributes.get(name, "") for of in listings] for name in ATTRIBUTES}
        return AskedListings(
            gallery,
            self.embed_listings(listings),
            [listing.title for listing in listings],
            self._name_pictures([listing.jpeg for listing in listings]),
            [self._phash(listing) for listing in listings],
            cells,
            self._extend_rules(gallery, cells["gtin"]),
        )

    def ask_table(self, new: NewListings) -> AskedListings:
        """The listings of a table beside the catalogue, whose listings of the same ids they replace."""
        gallery = extend_gallery(self.listings, [row.source for row in new.rows], new.ids)
        cells = {name: [getattr(row, name) for row in new.rows] for name in ATTRIBUTES}
        content, pictures = new.content, PackedImages(new.images)
        jpegs = [pictures.jpeg(place) if len(pictures) else None for place in range(len(content.image_phash))]
        return AskedListings(
            gallery,
            self.embed(content, new.owner),
            content.title,
            self._name_pictures(jpegs),
            content.image_phash,
            cells,
            self._extend_rules(gallery, cells["gtin"]),
        )

    def decide(self, asked: AskedListings, nearest: Nearest) -> NewMatches:
        """Which neighbours of new listings are matches, by match.rules, match.one_to_one and the system's decision.

        A dynamic decision takes mean and deviation of the neighbours that are given.
        """
        decision, allowed, neighbours = self.decision, asked.gallery.allowed, nearest.neighbours
        if asked.rules is not None:
            neighbours = apply_rules(neighbours, asked.rules, allowed)
        lists = None
        if allowed.one_to_one:
            statistic = decision_statistics(neighbours, ALL_PAIRS)[1][decision.kind]
            likely = statistic >= self.decision_value
            if decision.at_least_one:
                likely |= neighbours.valid & (neighbours.score >= self.min_score)
            lists = nearest.lists(np.unique(neighbours.neighbour[likely]), neighbours.k)
            if asked.rules is not None:
                lists = apply_rules(lists, asked.rules, allowed)
        neighbours, statistics = decision_statistics(neighbours, allowed, lists)
        accepted = statistics[decision.kind] >= self.decision_value
        if decision.at_least_one:
            accepted = keep_at_least_one(accepted, neighbours, self.min_score)
        return NewMatches(neighbours, accepted)

    def check_shop(self, source: str) -> None:
        """Check that listings of a shop can be searched for.

        Raises:
            InputError: match.link is within, and no listing is of that shop.
        """
        allowed = self.listings.allowed
        if allowed.link == "within" and source not in allowed.names:
            shown = ", ".join(name or '""' for name in allowed.names[:SHOPS_SHOWN])
            more = ", …" if len(allowed.names) > SHOPS_SHOWN else ""
            raise InputError(
                f"match.link is within, and no listing is of the shop {source!r}; allowed as source: {shown}{more}"
            )

    def _extend_rules(self, gallery: ExtendedGallery, gtins: Sequence[str]) -> Rules | None:
        if self.rules is None:
            return None
        gtin = np.concatenate([self.rules.gtin, read_gtins(gtins)])
        gtin = np.where(gallery.position < 0, -1, gtin)
        return Rules(gtin[gallery.number], self.rules.max_size)

    def _phash(self, listing: QueryListing) -> str:
        """The hash that the catalogue's table gives for this very picture, else the computed one."""
        if listing.jpeg is None:
            return listing.image_phash
        hashes = {self.listings.hashes[row] for row in self._equal_pictures(listing.jpeg)}
        return listing.image_phash if not hashes or listing.image_phash in hashes else min(hashes)

    def _name_pictures(self, jpegs: Sequence[bytes | None]) -> list[str]:
        """The file name of each picture: that of the same picture in the catalogue, else one that no picture has there.

        Two catalogues may call two pictures by one name, so the names of a new table say nothing.
        """
        files = self.listings.image + self.listings.further.image
        numbers: dict[bytes, int] = {}
        names = []
        for jpeg in jpegs:
            rows = [] if jpeg is None else self._equal_pictures(jpeg)
            if jpeg is None:
                names.append("")
            elif rows:
                names.append(min(files[row] for row in rows))
            else:
                names.append(f"new\n{numbers.setdefault(jpeg, len(numbers))}")  # a file name has no line end
        return names

    def _equal_pictures(self, jpeg: bytes) -> list[int]:
        """The rows of images.arrow with this very picture."""
        rows = np.flatnonzero(self.pictures.sizes == len(jpeg)).tolist()
        return [row for row in rows if self.pictures.jpeg(row) == jpeg]
