"""The catalogue as the pipeline indexed it, and the encoders that embed new listings as it was embedded."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from samesku import artefacts
from samesku.app.query_listing import QueryListing
from samesku.arrays import Bools, Float32, Ints
from samesku.catalogue.images import PackedImages
from samesku.catalogue.listings import read_listings
from samesku.embedding.encoder import Content, Encoder
from samesku.encoders.registry import find_channel, load_channel, needed_column
from samesku.errors import InputError
from samesku.evaluation.decisions import decision_statistic, keep_at_least_one
from samesku.params import Params
from samesku.search.exact import MaskGroup, group_by_mask, search_queries
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
from samesku.search.pictures import search_picture_queries


class QueryEncoders:
    """The encoders of the channels `names`, each loaded when it is first needed."""

    def __init__(self, names: Sequence[str], params: Params) -> None:
        self.params = params
        self.channels = {name: find_channel(name, params, artefacts.MODELS) for name in names}
        self._encoders: dict[str, Encoder] = {}

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
                encoder = load_channel(name, channel, params.embed, params.machine, artefacts.MODELS / name)
            except FileNotFoundError as error:
                raise InputError(
                    f"{error.filename} is missing; run `dvc repro embed_zero_shot@{name}`"
                ) from None
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


class CatalogueIndex:
    """The main system as it was run: the catalogue's rows, the encoders of new listings, the decision.

    Attributes:
        listings: the N listings. fused: their fused rows. channels: name -> rows, float32 (N, d).
        weights: of the channels that carry any. decision_value: the threshold of a static decision, or m of
            a dynamic one.

    Raises:
        InputError: the pipeline has not run, or ran with other weights than params.yaml has now, or the
            index uses augmentation.
    """

    def __init__(self, params: Params) -> None:
        self.params = params
        for path, stage in (
            (artefacts.LISTINGS, "sample"),
            (artefacts.FUSED / "weights.json", "fuse"),
            (artefacts.METRICS / "samesku.json", "evaluate"),
        ):
            if not path.is_file():
                raise InputError(f"{path} is missing; run `dvc repro {stage}`")
        self.listings = read_listings(artefacts.LISTINGS)
        self.fused = read_fused(artefacts.FUSED)
        fusion = params.fusion
        self.channels = load_channels([*fusion.image, *fusion.title], artefacts.embedding_path)
        self.weights = fusion_weights(fusion.image, fusion.title, fusion.alpha, self.channels)
        record = artefacts.read_json(artefacts.FUSED / "weights.json")
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
        self.encoders = QueryEncoders(list(self.weights), params)
        metrics = artefacts.read_json(artefacts.METRICS / "samesku.json")
        self.decision_value = float(metrics["threshold"]["full"])

    def __len__(self) -> int:
        return len(self.listings)

    @property
    def static_threshold(self) -> float | None:
        """The threshold of a static decision; None for a dynamic one, which has one for each query."""
        return self.decision_value if self.params.decision.kind == "static" else None

    @cached_property
    def row_of(self) -> dict[str, int]:
        """posting_id -> row."""
        return {posting_id: row for row, posting_id in enumerate(self.listings.posting_id)}

    @cached_property
    def pictures(self) -> PackedImages:
        return PackedImages(artefacts.IMAGES)

    @cached_property
    def mask_groups(self) -> list[MaskGroup]:
        """The whole catalogue by modality mask."""
        return group_by_mask(self.fused, np.arange(len(self), dtype=np.int32))

    @cached_property
    def min_score(self) -> float:
        """The score that the best neighbour of a query without a match must reach, with `at_least_one`."""
        if self.params.decision.min_score is not None:
            return self.params.decision.min_score
        metrics = artefacts.read_json(artefacts.PREDICTIONS / "samesku/metrics.json")
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
            if rows.shape[1] != widths[name]:
                raise InputError(
                    f"channel {name} has {rows.shape[1]} columns by params.yaml, {widths[name]} in "
                    f"{artefacts.embedding_path(name)}; run `dvc repro`"
                )
        fused = fuse_channels(channels, self.weights, self.params.fusion.method, owner)
        return QueryRows(channels, fused, owner)

    def embed_listings(self, listings: Sequence[QueryListing]) -> QueryRows:
        titles, images = [listing.title for listing in listings], [listing.image for listing in listings]
        return self.embed(Content(titles, images, [self._phash(listing) for listing in listings]))

    def _phash(self, listing: QueryListing) -> str:
        """The hash that the catalogue's table gives for this very picture, else the computed one."""
        if listing.jpeg is None:
            return listing.image_phash
        rows = np.flatnonzero(self._picture_sizes == len(listing.jpeg)).tolist()
        hashes = {self.listings.hashes[row] for row in rows if self.pictures.jpeg(row) == listing.jpeg}
        return listing.image_phash if not hashes or listing.image_phash in hashes else min(hashes)

    @cached_property
    def _picture_sizes(self) -> Ints:
        """int (N,) or (N + M,): bytes of each stored picture, 0 for none; empty if no listing has one."""
        with pa.memory_map(str(artefacts.IMAGES)) as file:
            column = pa.ipc.open_file(file).read_all()["image"]
            return pc.fill_null(pc.binary_length(column), 0).to_numpy()

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

    def search(self, queries: QueryRows, k: int) -> Neighbours:
        """The k nearest listings of the catalogue for each query; `query` of the result counts from 0."""
        no_row = np.full(len(queries), -1, np.int32)  # a query is no listing of the catalogue
        if self.fused.owner is None and queries.fused.owner is None:
            return search_queries(queries.fused, no_row, self.mask_groups, min(k, len(self)))
        catalogue = self.fused, np.arange(len(self), dtype=np.int32)
        return search_picture_queries(queries.fused, no_row, [catalogue], min(k, len(self)))

    def find_matches(self, neighbours: Neighbours) -> Bools:
        """bool (Q, k): the neighbours that the decision of the main system accepts.

        A dynamic decision takes mean and deviation of the neighbours that are given.
        """
        decision = self.params.decision
        accepted = decision_statistic(decision.kind, neighbours) >= self.decision_value
        if decision.at_least_one:
            return keep_at_least_one(accepted, neighbours, self.min_score)
        return accepted
