"""The catalogue as the pipeline has indexed it, ready to be asked about new listings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesku import artefacts
from samesku.app.embedder import Batch, Embedder
from samesku.app.given import Given
from samesku.catalogue.images import PackedImages
from samesku.errors import InputError
from samesku.evaluation import decisions
from samesku.params import Params
from samesku.search import fused_files as mixing
from samesku.search import fusion
from samesku.search import new_listings as newcomers
from samesku.search.fusion import Fused
from samesku.search.neighbours import DECIMALS, Neighbours
from samesku.search.new_listings import Gallery

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class New:
    """N new listings, embedded: each channel's rows, and the fused ones."""

    channels: dict[str, Rows]
    fused: Fused

    def __len__(self) -> int:
        return len(self.fused)


class Indexed:
    """What the main system knows: the catalogue's rows, how to embed new ones, and how to decide.

    Raises:
        InputError: the pipeline has not run, or with other weights than params.yaml has now, or it blends rows.
    """

    def __init__(self, settings: Params) -> None:
        self.settings = settings
        for path, stage in (
            (artefacts.LISTINGS, "sample"),
            (artefacts.FUSED / "weights.json", "fuse"),
            (artefacts.METRICS / "samesku.json", "evaluate"),
        ):
            if not path.is_file():
                raise InputError(f"{path} is missing; run `dvc repro {stage}`")
        table = pq.read_table(artefacts.LISTINGS, columns=["posting_id", "title", "image", "image_phash"])
        self.ids, self.titles, self.images, self.hashes = (column.to_pylist() for column in table.columns)
        self.fused = mixing.read(artefacts.FUSED)
        spec = settings.fusion
        self.stored = mixing.load_channels([*spec.image, *spec.title])
        self.weights = fusion.channel_weights(*mixing.present(spec, self.stored), spec.alpha)
        recorded = artefacts.read_json(artefacts.FUSED / "weights.json")
        mixed = recorded["weights"] if spec.method == "concat" else list(self.weights.values())
        if recorded["channels"] != list(self.weights) or not np.allclose(mixed, list(self.weights.values())):
            raise InputError(
                f"{artefacts.FUSED} was made with other weights than params.yaml has; run `dvc repro`"
            )
        if len(self.fused) != len(self.ids):
            raise InputError(
                f"{artefacts.FUSED} has {len(self.fused)} rows for {len(self.ids)} listings; run `dvc repro`"
            )
        if steps := settings.index.blend.steps:
            raise InputError(
                f"index.blend.steps is {steps}: the thresholds were chosen on blended rows, which a new "
                "listing has not; allowed here: 0"
            )
        self.embedder = Embedder(list(self.weights), settings)
        self.threshold = float(artefacts.read_json(artefacts.METRICS / "samesku.json")["threshold"]["full"])

    @cached_property
    def row(self) -> dict[str, int]:
        """posting_id -> row."""
        return {name: at for at, name in enumerate(self.ids)}

    @cached_property
    def pictures(self) -> PackedImages:
        return PackedImages(artefacts.IMAGES)

    @cached_property
    def _sizes(self) -> NDArray[np.integer]:
        """Bytes of each listing's packed picture, 0 for none; of no pictures at all, none."""
        with pa.memory_map(str(artefacts.IMAGES)) as file:
            column = pa.ipc.open_file(file).read_all()["image"]
            return pc.fill_null(pc.binary_length(column), 0).to_numpy()

    @cached_property
    def gallery(self) -> Gallery:
        return Gallery.of(self.fused)

    @cached_property
    def floor(self) -> float:
        """The score that the best neighbour of a query without a match must reach, with `at_least_one`."""
        if self.settings.decision.floor is not None:
            return self.settings.decision.floor
        full = artefacts.read_json(artefacts.PREDICTIONS / "samesku/metrics.json")
        return full.get("test_full", full.get("val_full", {})).get("at_least_one", {}).get("floor", 1.0)

    def embed(self, batch: Batch) -> New:
        """Embed new listings, and fuse them as the catalogue is fused.

        Raises:
            InputError: a channel cannot be loaded, or is another one than the catalogue was embedded by.
        """
        widths = {name: self.stored[name].shape[1] for name in self.weights}
        channels = self.embedder(batch, widths)
        for name, rows in channels.items():
            if rows.shape[1] != widths[name]:
                raise InputError(
                    f"channel {name} has {rows.shape[1]} columns by params.yaml, {widths[name]} in "
                    f"{artefacts.embedding(name)}; run `dvc repro`"
                )
        return New(channels, fusion.fuse(channels, self.weights, self.settings.fusion.method))

    def embed_given(self, given: Sequence[Given]) -> New:
        columns = ([g.title for g in given], [g.image for g in given], [self._hash(g) for g in given])
        return self.embed(Batch(*columns))

    def _hash(self, given: Given) -> str:
        """The hash that the catalogue has of this very picture, as its table may give it, or its own."""
        if given.jpeg is None:
            return given.image_phash
        rows = np.flatnonzero(self._sizes == len(given.jpeg)).tolist()
        known = {self.hashes[row] for row in rows if self.pictures.jpeg(row) == given.jpeg}
        return given.image_phash if not known or given.image_phash in known else min(known)

    def score(self, new: New) -> float | None:
        """The score of the first two of `new`, rounded to 1e-6; None where they have no channel in common."""
        one, two = (
            Fused(
                new.fused.vectors[at : at + 1],
                new.fused.modality_mask[at : at + 1],
                new.fused.weights,
                new.fused.widths,
            )
            for at in (0, 1)
        )
        score = float(Gallery.of(two).scores(one)[0, 0])
        return score if np.isfinite(score) else None

    def threshold(self, new: New) -> float:
        """The score from which the first two of `new` are one product.

        `dynamic` asks each of the two for its own, mean + m · std of its neighbours in the catalogue; it is
        enough that one of them takes the other, so the lower holds.
        """
        if self.settings.decision.kind == "static":
            return self.threshold
        score = self.nearest(new, self.settings.index.k).score.astype(np.float64)
        known = [row[np.isfinite(row)] for row in score]
        own = [float(row.mean() + self.threshold * row.std()) for row in known if len(row)]
        return round(min(own), DECIMALS) if own else 1.0

    def nearest(self, new: New, k: int) -> Neighbours:
        """The k nearest listings of the catalogue for each new one; `query` is its place in `new`."""
        place = np.arange(len(self.ids), dtype=np.int32)
        nobody = np.full(len(new), -1, np.int32)
        blocks = list(newcomers.nearest(new.fused, [self.gallery], place, nobody, min(k, len(self.ids))))
        return neighbours(blocks)

    def keep(self, found: Neighbours) -> NDArray[np.bool_]:
        """bool (Q, k): the neighbours that are matches by the decision of the main system.

        With `dynamic`, a query is held against the mean and deviation of the neighbours that are given.
        """
        decision = self.settings.decision
        keep = decisions.statistic(decision.kind, found) >= self.threshold
        return decisions.at_least_one(keep, found, self.floor) if decision.at_least_one else keep


def neighbours(blocks: list[tuple[NDArray[np.int32], NDArray[np.float64]]]) -> Neighbours:
    """Blocks of `newcomers.nearest` as one, the queries numbered from 0."""
    found = np.concatenate([ids for ids, _ in blocks]) if blocks else np.empty((0, 0), np.int32)
    score = np.concatenate([value for _, value in blocks]) if blocks else np.empty((0, 0))
    return Neighbours(np.arange(len(found), dtype=np.int32), found.astype(np.int32), score.astype(np.float32))
