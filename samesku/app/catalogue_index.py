"""The catalogue as a weighted mean of similarities searches it: by the main system, or by the weights of `tune`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from samesku import artefacts
from samesku.app.query_listing import QueryListing
from samesku.app.system_index import AskedListings, Comparison, SystemIndex
from samesku.arrays import Float32, Int32, Int64, Ints
from samesku.errors import DamagedFile, InputError
from samesku.params import Decision, Params
from samesku.params.schema import Augmentation
from samesku.reading import reading
from samesku.search.exact import Group, group_gallery, search_queries, take_listings
from samesku.search.extension import ExtendedGallery, augment_new
from samesku.search.fusion import (
    DECIMALS,
    Fused,
    channel_cosines,
    concatenate_channels,
    fusion_weights,
    pair_scores,
    read_fused,
)
from samesku.search.galleries import PLAIN, augment_steps, choose_moving, read_moving
from samesku.search.neighbours import Neighbours


@dataclass(frozen=True)
class FusedNearest:
    """As of `Nearest`, by fused rows.

    Attributes:
        groups: the whole gallery, by place. rows: of the new listings.
    """

    neighbours: Neighbours
    gallery: ExtendedGallery
    groups: Sequence[Group]
    rows: Fused

    def lists(self, places: Int32, k: int) -> Neighbours:
        allowed = self.gallery.allowed
        fused = take_listings(places, self.groups, self.rows)
        shop = allowed.shop[places] if allowed.names else None
        nearest = search_queries(fused, places, self.groups, k, allowed, shop)
        return Neighbours(places, nearest.neighbour, nearest.score)

    def explain(self, left: Int64, right: Int64) -> dict[str, Float32]:
        return {}


class CatalogueIndex(SystemIndex):
    """The catalogue and the decision of the main system, or of `tuned`; the score is the fused score.

    Args:
        name: samesku or tuned.

    Attributes:
        fused: the fused rows of the N listings. rows: those of each search: as they are, then after each step of
            augmentation. New listings are moved by their neighbours, and move no listing of the catalogue.

    Raises:
        InputError: as of SystemIndex.
    """

    def __init__(self, params: Params, root: Path = Path(), name: str = "samesku") -> None:
        self.name, fusion = name, params.fusion
        super().__init__(params, root, [*fusion.image, *fusion.title])
        if name == "tuned":
            self._read_tuned()
        else:
            self._read_main()
        self.channels = {channel: self.channels[channel] for channel in self.weights}
        if len(self.fused) != len(self):
            raise InputError(
                f"{artefacts.FUSED} has {len(self.fused)} listings for {len(self)} listings; run `dvc repro`"
            )
        if not self.fused.vectors.shape[1]:
            raise InputError(
                "no listing of the catalogue has a row of the channels that fusion weighs in params.yaml; give weight "
                "to a channel of what it has, titles or pictures, and run `dvc repro`"
            )
        self.rows = augment_steps(self.fused, self._read_moving())
        _ = self.encoders  # they see when the pipeline runs after this

    def _read_main(self) -> None:
        root, fusion = self.root, self.params.fusion
        for path in (root / artefacts.FUSED / "weights.json", root / artefacts.METRICS / "samesku.json"):
            if not path.is_file():
                raise InputError(f"{path} is missing; run `dvc repro`")
        self.fused, self.fusion_method = read_fused(root / artefacts.FUSED), fusion.method
        self.weights = fusion_weights(fusion.image, fusion.title, fusion.alpha, self.channels)
        path = root / artefacts.FUSED / "weights.json"
        record, weights = artefacts.read_json(path), list(self.weights.values())
        with reading(path):
            fused_weights = record["weights"] if fusion.method == "concat" else weights
            is_of_params = record["channels"] == list(self.weights) and np.allclose(fused_weights, weights)
        if not is_of_params:
            raise InputError(
                f"{artefacts.FUSED} was made with other weights than params.yaml has; run `dvc repro`"
            )
        self.decision_value = _read_threshold(root / artefacts.METRICS / "samesku.json")

    def _read_tuned(self) -> None:
        weights, metrics = (
            self.root / path for path in (artefacts.TUNED / "weights.json", artefacts.METRICS / "tuned.json")
        )
        if not weights.is_file() or not metrics.is_file():
            raise InputError(f"{weights} is missing; run `dvc repro tune`")
        by_channel = artefacts.read_json(weights)
        with reading(weights):
            all_weights = {name: float(weight) for name, weight in by_channel["weights"].items()}
            if wrong := [weight for weight in all_weights.values() if not 0 <= weight <= 1]:
                raise ValueError(f"a weight is {wrong[0]}; allowed: 0 to 1")
            self.weights = {name: weight for name, weight in all_weights.items() if weight > 0}
            if not self.weights:
                raise ValueError("no channel has a weight")
        if missing := set(self.weights) - set(self.channels):
            raise InputError(
                f"{weights} has the channel {min(missing)}, which is not in fusion; run `dvc repro tune`"
            )
        self.fused = concatenate_channels(
            {name: self.channels[name] for name in self.weights}, self.weights, self.listings.owner
        )
        self.decision_value = _read_threshold(metrics)

    @property
    def augmentation(self) -> Augmentation:
        return PLAIN if self.name == "tuned" else self.params.index.augmentation

    def _read_moving(self) -> list[Neighbours]:
        """The neighbours that moved each row in each step of augmentation, as the stage index left them."""
        if not self.augmentation.steps:
            return []
        folder = self.root / artefacts.NEIGHBOURS
        record = folder / "augmentation.json"
        if not record.is_file() or artefacts.read_json(record) != self.augmentation.model_dump():
            raise InputError(
                f"{artefacts.NEIGHBOURS} was made with another index.augmentation than params.yaml has; run `dvc repro`"
            )
        moving = read_moving(folder, np.arange(len(self), dtype=np.int32))
        if len(moving) != self.augmentation.steps:
            raise DamagedFile(
                f"{folder} has {len(moving)} of {self.augmentation.steps} files moved_by_*.parquet; run `dvc repro`"
            )
        return moving

    @property
    def decision(self) -> Decision:
        return Decision() if self.name == "tuned" else self.params.decision

    @cached_property
    def min_score(self) -> float:
        if self.decision.min_score is not None:
            return self.decision.min_score
        path = self.root / artefacts.PREDICTIONS / self.name / "metrics.json"
        metrics = artefacts.read_json(path)
        with reading(path):
            chosen = metrics.get("test_full", metrics.get("val_full", {})).get("at_least_one", {})
            return float(chosen.get("min_score", 1.0))

    @cached_property
    def groups(self) -> list[list[Group]]:
        """The whole catalogue as `search_queries` takes it, by the rows of each search."""
        every = np.arange(len(self), dtype=np.int32)
        return [group_gallery(fused, every, self.listings.allowed) for fused in self.rows]

    def augment(self, asked: AskedListings) -> Fused:
        """The rows of new listings, after each has been moved by its neighbours as often as the catalogue's were."""
        gallery, rows = asked.gallery, asked.rows.fused
        for of_step in self.groups[:-1]:
            groups = gallery.groups(of_step, rows)
            nearest = gallery.search(rows, groups, self.params.index.k)
            rows = augment_new(gallery, rows, groups, choose_moving(nearest, self.augmentation))
        return rows

    def search(self, asked: AskedListings, k: int) -> FusedNearest:
        gallery, rows = asked.gallery, self.augment(asked)
        groups = gallery.groups(self.groups[-1], rows)
        return FusedNearest(gallery.search(rows, groups, k), gallery, groups, rows)

    def compare(self, left: QueryListing, right: QueryListing) -> tuple[Comparison, float]:
        queries = self.embed_listings([left, right])
        places = np.array([0]), np.array([1])
        cosines = channel_cosines(queries.channels, *places, owner=queries.owner)
        fused = queries.fused
        if self.augmentation.steps and fused.listing_mask.all():  # else one has nothing to compare
            fused = self._augment_two(left, right)
        return _comparison(fused, *places, cosines), self.pair_threshold(fused)

    def _augment_two(self, left: QueryListing, right: QueryListing) -> Fused:
        """The augmented rows of two listings; one of the catalogue (`QueryListing.row`) stays what it is there."""
        asked = self.ask([listing for listing in (left, right) if listing.row is None])
        groups = asked.gallery.groups(self.groups[-1], self.augment(asked))
        new = iter(asked.gallery.new)
        places = np.array([next(new) if of.row is None else of.row for of in (left, right)], np.int32)
        rows, order = np.unique(places, return_inverse=True)
        return take_listings(rows, groups, asked.rows.fused)[order]

    def compare_rows(self, left: int, right: int) -> Comparison:
        rows = np.array([left]), np.array([right])
        cosines = channel_cosines(self.channels, *rows, owner=self.listings.owner)
        return _comparison(self.rows[-1], *rows, cosines)

    def pair_threshold(self, queries: Fused) -> float:
        """The score from which the first two queries are one product.

        A dynamic decision has a threshold for each of the two, mean + m · std of its neighbours in the
        catalogue. The lower one holds: it is enough that one of the two matches the other.
        """
        if self.static_threshold is not None:
            return self.static_threshold
        no_row = np.full(len(queries), -1, np.int32)
        nearest = search_queries(queries, no_row, self.groups[-1], min(self.params.index.k, len(self)))
        scores = nearest.score.astype(np.float64)
        valid = [row[np.isfinite(row)] for row in scores]
        thresholds = [float(row.mean() + self.decision_value * row.std()) for row in valid if len(row)]
        return round(min(thresholds), DECIMALS) if thresholds else 1.0


def _read_threshold(metrics: Path) -> float:
    """The threshold of the full gallery, of a metrics file."""
    content = artefacts.read_json(metrics)
    with reading(metrics):
        threshold = float(content["threshold"]["full"])
        if not np.isfinite(threshold):
            raise ValueError(f"the threshold is {threshold}")
    return threshold


def _comparison(fused: Fused, left: Ints, right: Ints, cosines: dict[str, Float32]) -> Comparison:
    """Of the one pair of these listings."""
    (score,) = pair_scores(fused, left, right).tolist()
    return Comparison(
        None if np.isnan(score) else round(score, DECIMALS),
        {name: float(column[0]) for name, column in cosines.items()},
        {},
    )
