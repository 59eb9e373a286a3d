"""The catalogue as the pipeline indexed it, and the encoders that embed new listings as it was embedded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from samesku import artefacts
from samesku.app.query_listing import QueryListing
from samesku.arrays import Bools, Float32, Int32
from samesku.catalogue.images import PackedImages
from samesku.catalogue.listings import ALL_PAIRS, AllowedPairs, read_listings
from samesku.catalogue.reader import ATTRIBUTES
from samesku.embedding.encoder import Content, Encoder
from samesku.encoders.registry import find_channel, load_channel, needed_column
from samesku.errors import InputError
from samesku.evaluation.decisions import decision_statistics, keep_at_least_one
from samesku.evaluation.rules import Rules, apply_rules, read_rules
from samesku.params import Channel, Params
from samesku.reading import check_rows, reading
from samesku.search.exact import Group, group_gallery, search_queries, take_listings
from samesku.search.fusion import (
    DECIMALS,
    Fused,
    Owner,
    fuse_channels,
    fusion_weights,
    load_channels,
    pair_scores,
    read_fused,
)
from samesku.search.neighbours import Neighbours

SHOPS_SHOWN = 8  # in a message


class QueryEncoders:
    """The encoders of the channels `names`, each loaded when it is first needed.

    Args:
        root: the folder of params.yaml, in which data/models/ and local weights are.
    """

    def __init__(self, names: Sequence[str], params: Params, root: Path = Path()) -> None:
        self.params, self.models = params, root / artefacts.MODELS
        self.channels = {
            name: _in_folder(find_channel(name, params, artefacts.MODELS), root) for name in names
        }
        self._encoders: dict[str, Encoder] = {}
        self.root = root
        self.stamp = self._stamp()

    def _stamp(self) -> tuple[Any, ...]:
        """Changes whenever a stage writes the catalogue, or what an encoder learned from it."""
        paths = [self.root / artefacts.LISTINGS, self.root / artefacts.FUSED, *sorted(self.models.glob("*"))]
        return tuple(
            (str(path), path.stat().st_ino, path.stat().st_mtime_ns) for path in paths if path.exists()
        )

    def embed(self, content: Content, widths: dict[str, int] | None = None) -> dict[str, Float32]:
        """Each channel's rows, float32 (N, dim), of norm 1, or zero where a listing lacks the channel.

        Of pictures (N + M, dim), where the listings have M further ones.

        Args:
            widths: columns of each channel; with them, a channel that no listing has is not even loaded.
        """
        embeddings = {}
        for name, channel in self.channels.items():
            column = needed_column(channel)
            present = content.present(column)
            if widths and not present.any():
                embeddings[name] = np.zeros((len(present), widths[name]), np.float32)
                continue
            label = name if len(present) > self.params.embed.batch_size else None
            encoder = self.encoder(name)
            embeddings[name] = encoder.embed(content.column(column), present=present, label=label)
        return embeddings

    def encoder(self, name: str) -> Encoder:
        """The encoder of channel `name`.

        Raises:
            InputError: its weights, or what it learned from the catalogue, are not there.
        """
        if name not in self._encoders:
            channel, params = self.channels[name], self.params
            if name not in params.channels and not Path(channel.weights or "").is_file():
                run = name.rpartition("_")[0]
                raise InputError(f"{channel.weights} is missing; run `dvc repro train_pxk@{run}`")
            try:
                encoder = load_channel(name, channel, params.embed, params.machine, self.models / name)
            except FileNotFoundError as error:
                raise InputError(
                    f"{error.filename} is missing; run `dvc repro embed_zero_shot@{name}`"
                ) from None
            if self._stamp() != self.stamp:
                raise InputError(
                    "the pipeline has run since this catalogue was opened; start samesku again, to ask the new one"
                )
            self._encoders[name] = encoder
        return self._encoders[name]


@dataclass(frozen=True)
class QueryRows:
    """N new listings, embedded: the rows of each channel, the fused rows, the listing of each picture's row."""

    channels: dict[str, Float32]
    fused: Fused
    owner: Owner = None

    def __len__(self) -> int:
        return len(self.fused)


def _in_folder(channel: Channel, root: Path) -> Channel:
    """The channel with its local files as seen from here; `root` is the folder from which it names them."""
    weights, model = channel.weights, channel.model
    if weights and not weights.startswith(("hub:", "package:")):
        weights = (root / weights).as_posix()
    if model and (root / model).is_file():
        model = (root / model).as_posix()
    return channel.model_copy(update={"weights": weights, "model": model})


class CatalogueIndex:
    """The main system as it was run: the catalogue's rows, the encoders of new listings, the decision.

    Args:
        root: the folder of params.yaml.

    Attributes:
        listings: the N listings. fused: their fused rows. channels: name -> rows, float32 (N, d).
        weights: of the channels that carry any. decision_value: the threshold of a static decision, or m of
            a dynamic one.

    Raises:
        InputError: the pipeline has not run, or ran with other weights than params.yaml has now, or the
            index uses augmentation.
    """

    def __init__(self, params: Params, root: Path = Path()) -> None:
        self.params, self.root = params, root
        for path, stage in (
            (root / artefacts.LISTINGS, "sample"),
            (root / artefacts.FUSED / "weights.json", "fuse"),
            (root / artefacts.METRICS / "samesku.json", "evaluate"),
        ):
            if not path.is_file():
                raise InputError(f"{path} is missing; run `dvc repro {stage}`")
        self.listings = read_listings(root / artefacts.LISTINGS, params.match)
        self.fused = read_fused(root / artefacts.FUSED)
        fusion = params.fusion
        self.channels = load_channels(
            [*fusion.image, *fusion.title], partial(artefacts.embedding_path, root=root), self.listings
        )
        self.weights = fusion_weights(fusion.image, fusion.title, fusion.alpha, self.channels)
        record = artefacts.read_json(root / artefacts.FUSED / "weights.json")
        weights = list(self.weights.values())
        fused_weights = record["weights"] if fusion.method == "concat" else weights
        if record["channels"] != list(self.weights) or not np.allclose(fused_weights, weights):
            raise InputError(
                f"{artefacts.FUSED} was made with other weights than params.yaml has; run `dvc repro`"
            )
        if len(self.fused) != len(self):
            raise InputError(
                f"{artefacts.FUSED} has {len(self.fused)} listings for {len(self)} listings; run `dvc repro`"
            )
        if steps := params.index.augmentation.steps:
            raise InputError(
                f"index.augmentation.steps is {steps}: the threshold was chosen on augmented rows, which a "
                "new listing does not have; allowed here: 0"
            )
        self.encoders = QueryEncoders(list(self.weights), params, root)
        metrics = artefacts.read_json(root / artefacts.METRICS / "samesku.json")
        with reading(root / artefacts.METRICS / "samesku.json"):
            self.decision_value = float(metrics["threshold"]["full"])
            if not np.isfinite(self.decision_value):
                raise ValueError(f"the threshold is {self.decision_value}")

    def __len__(self) -> int:
        return len(self.listings)

    def open_all(self) -> None:
        """Read or map every file that a later question needs, so that all are of one run of the pipeline."""
        for name in ("title", "image", "source", "hashes", "has_image", "owner"):
            getattr(self.listings, name)
        for name in ("row_of", "cells", "rules"):
            getattr(self, name)
        if self.params.decision.at_least_one:
            _ = self.min_score
        _ = self.pictures.sizes

    @property
    def static_threshold(self) -> float | None:
        """The threshold of a static decision; None for a dynamic one, which has one for each query."""
        return self.decision_value if self.params.decision.kind == "static" else None

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

    @cached_property
    def mask_groups(self) -> list[Group]:
        """The whole catalogue by modality mask."""
        return group_gallery(self.fused, np.arange(len(self), dtype=np.int32), self.listings.allowed)

    @cached_property
    def min_score(self) -> float:
        """The score that the best neighbour of a query without a match must reach, with `at_least_one`."""
        if self.params.decision.min_score is not None:
            return self.params.decision.min_score
        metrics = artefacts.read_json(self.root / artefacts.PREDICTIONS / "samesku/metrics.json")
        chosen = metrics.get("test_full", metrics.get("val_full", {})).get("at_least_one", {})
        return chosen.get("min_score", 1.0)

    def embed(self, content: Content, owner: Owner = None) -> QueryRows:
        """Embed new listings, and fuse them as the catalogue is fused.

        Args:
            owner: the listing of each picture, where any has several.

        Raises:
            InputError: a channel cannot be loaded, or differs from the one that embedded the catalogue.
        """
        widths = {name: self.channels[name].shape[1] for name in self.weights}
        channels = self.encoders.embed(content, widths)
        for name, rows in channels.items():
            check_rows(rows, f"channel {name}, new listings")
            if rows.shape[1] != widths[name]:
                raise InputError(
                    f"channel {name} has {rows.shape[1]} columns by params.yaml, {widths[name]} in "
                    f"{artefacts.embedding_path(name, self.root)}; run `dvc repro`"
                )
        fused = fuse_channels(channels, self.weights, self.params.fusion.method, owner)
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
        )

    def embed_listings(self, listings: Sequence[QueryListing]) -> QueryRows:
        titles, images = [listing.title for listing in listings], [listing.image for listing in listings]
        return self.embed(Content(titles, images, [self._phash(listing) for listing in listings]))

    def _phash(self, listing: QueryListing) -> str:
        """The hash that the catalogue's table gives for this very picture, else the computed one."""
        if listing.jpeg is None:
            return listing.image_phash
        rows = np.flatnonzero(self.pictures.sizes == len(listing.jpeg)).tolist()
        hashes = {self.listings.hashes[row] for row in rows if self.pictures.jpeg(row) == listing.jpeg}
        return listing.image_phash if not hashes or listing.image_phash in hashes else min(hashes)

    def pair_score(self, queries: QueryRows) -> float | None:
        """The score of the first two queries, rounded to 1e-6; None if they have no channel in common."""
        (score,) = pair_scores(queries.fused, np.array([0]), np.array([1])).tolist()
        return None if np.isnan(score) else round(score, DECIMALS)

    def pair_threshold(self, queries: QueryRows) -> float:
        """The score from which the first two queries are one product.

        A dynamic decision has a threshold for each of the two, mean + m · std of its neighbours in the
        catalogue. The lower one holds: it is enough that one of the two matches the other.
        """
        if self.static_threshold is not None:
            return self.static_threshold
        scores = self.search(queries, self.params.index.k).score.astype(np.float64)
        valid = [row[np.isfinite(row)] for row in scores]
        thresholds = [float(row.mean() + self.decision_value * row.std()) for row in valid if len(row)]
        return round(min(thresholds), DECIMALS) if thresholds else 1.0

    def search(self, queries: QueryRows, k: int, source: str | None = None) -> Neighbours:
        """The k nearest listings of the catalogue for each query; `query` of the result counts from 0.

        Args:
            source: the shop of the queries; by match.link it leaves listings out. None: every listing is searched.

        Raises:
            InputError: match.link is within, and no listing is of that shop.
        """
        allowed = self.listings.allowed
        no_row = np.full(len(queries), -1, np.int32)  # a query is no listing of the catalogue
        if source is not None and allowed.link == "within" and source not in allowed.names:
            shown = ", ".join(name or '""' for name in allowed.names[:SHOPS_SHOWN])
            more = ", …" if len(allowed.names) > SHOPS_SHOWN else ""
            raise InputError(
                f"match.link is within, and no listing is of the shop {source!r}; allowed as source: {shown}{more}"
            )
        shop = None if source is None else allowed.number_shops([source] * len(queries))
        return search_queries(queries.fused, no_row, self.mask_groups, min(k, len(self)), allowed, shop)

    def with_queries(self, queries: QueryRows, source: str) -> tuple[AllowedPairs, list[Group], Int32]:
        """The catalogue with new listings of one shop behind its own: shops by row, the gallery, the new rows."""
        allowed, rows = self.listings.allowed, np.arange(len(queries), dtype=np.int32)
        shop = np.concatenate([allowed.shop, allowed.number_shops([source] * len(queries))])
        allowed = replace(allowed, shop=shop)
        new = [
            replace(group, rows=group.rows + len(self), shop=shop[group.rows + len(self)])
            for group in group_gallery(queries.fused, rows)
        ]
        return allowed, [*self.mask_groups, *new], rows + len(self)

    def follow_rules(self, neighbours: Neighbours, gtin: int, source: str = "") -> Neighbours:
        """The neighbours of one new listing by `apply_rules`, as they are where there are no rules.

        Args:
            gtin: of the new listing, −1 for none. source: its shop.
        """
        if self.rules is None:
            return neighbours
        rules = Rules(np.append(self.rules.gtin, gtin), self.rules.max_size)
        allowed = self.listings.allowed
        if allowed.link != "all":
            allowed = replace(allowed, shop=np.append(allowed.shop, allowed.number_shops([source])))
        query = np.array([len(self)], dtype=np.int32)
        return apply_rules(replace(neighbours, query=query), rules, allowed)

    def find_matches(
        self, neighbours: Neighbours, groups: Sequence[Group] = (), allowed: AllowedPairs | None = None
    ) -> tuple[Neighbours, Bools]:
        """Those neighbours of new listings that may become matches, and which the main system's decision accepts.

        A dynamic decision takes mean and deviation of the neighbours that are given.

        Args:
            groups: the gallery, the new listings among it. allowed: with the shops of all its rows. Both are needed
                where match.one_to_one looks at the lists of the neighbours too.
        """
        decision = self.params.decision
        allowed = self.listings.allowed if allowed is None else allowed
        lists = None
        if allowed.one_to_one:
            statistic = decision_statistics(neighbours, ALL_PAIRS)[1][decision.kind]
            likely = statistic >= self.decision_value
            if decision.at_least_one:
                likely |= neighbours.valid & (neighbours.score >= self.min_score)
            rows = np.unique(neighbours.neighbour[likely])
            lists = search_rows(rows, groups, neighbours.k, allowed, self.fused)
        neighbours, statistics = decision_statistics(neighbours, allowed, lists)
        accepted = statistics[decision.kind] >= self.decision_value
        if decision.at_least_one:
            accepted = keep_at_least_one(accepted, neighbours, self.min_score)
        return neighbours, accepted


def search_rows(
    rows: Int32, groups: Sequence[Group], k: int, allowed: AllowedPairs, like: Fused
) -> Neighbours:
    """The k nearest of some listings of a gallery within it.

    Args:
        rows: int32 (R,), ascending, each in one of the groups. like: fused rows of the same channels.
    """
    fused = take_listings(rows, groups, like)
    return replace(search_queries(fused, rows, groups, k, allowed, allowed.shop[rows]), query=rows)
