"""The catalogue as a weighted mean of similarities searches it: by the main system, or by the weights of `tune`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from samesku import artefacts
from samesku.app.query_encoders import QueryRows
from samesku.app.query_listing import QueryListing
from samesku.app.system_index import AskedListings, Comparison, SystemIndex
from samesku.arrays import Float32, Int32, Int64, Ints
from samesku.errors import InputError
from samesku.params import Decision, Params
from samesku.reading import reading
from samesku.search.exact import Group, group_gallery, search_queries, take_listings
from samesku.search.extension import ExtendedGallery
from samesku.search.fusion import (
    DECIMALS,
    Fused,
    channel_cosines,
    concatenate_channels,
    fusion_weights,
    pair_scores,
    read_fused,
)
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
        fused: the fused rows of the N listings.

    Raises:
        InputError: as of SystemIndex, or the index uses augmentation.
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
        _ = self.encoders  # they see when the pipeline runs after this

    def _read_main(self) -> None:
        root, params, fusion = self.root, self.params, self.params.fusion
        for path, stage in (
            (root / artefacts.FUSED / "weights.json", "fuse"),
            (root / artefacts.METRICS / "samesku.json", "evaluate"),
        ):
            if not path.is_file():
                raise InputError(f"{path} is missing; run `dvc repro {stage}`")
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
        if steps := params.index.augmentation.steps:
            raise InputError(
                f"index.augmentation.steps is {steps}: the threshold was chosen on augmented rows, which a "
                "new listing does not have; allowed here: 0"
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
    def groups(self) -> list[Group]:
        """The whole catalogue as `search_queries` takes it."""
        return group_gallery(self.fused, np.arange(len(self), dtype=np.int32), self.listings.allowed)

    def search(self, asked: AskedListings, k: int) -> FusedNearest:
        gallery, rows = asked.gallery, asked.rows.fused
        groups = gallery.groups(self.groups, rows)
        return FusedNearest(gallery.search(rows, groups, k), gallery, groups, rows)

    def compare(self, left: QueryListing, right: QueryListing) -> tuple[Comparison, float]:
        queries = self.embed_listings([left, right])
        places = np.array([0]), np.array([1])
        cosines = channel_cosines(queries.channels, *places, owner=queries.owner)
        return _comparison(queries.fused, *places, cosines), self.pair_threshold(queries)

    def compare_rows(self, left: int, right: int) -> Comparison:
        rows = np.array([left]), np.array([right])
        cosines = channel_cosines(self.channels, *rows, owner=self.listings.owner)
        return _comparison(self.fused, *rows, cosines)

    def pair_threshold(self, queries: QueryRows) -> float:
        """The score from which the first two queries are one product.

        A dynamic decision has a threshold for each of the two, mean + m · std of its neighbours in the
        catalogue. The lower one holds: it is enough that one of the two matches the other.
        """
        if self.static_threshold is not None:
            return self.static_threshold
        no_row = np.full(len(queries), -1, np.int32)
        nearest = search_queries(queries.fused, no_row, self.groups, min(self.params.index.k, len(self)))
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
