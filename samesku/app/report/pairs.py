"""Pairs of listings as cards show them: score, each channel's similarity and share, reasons, conflicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesku.app.report.catalogue import Catalogue, Shown
from samesku.errors import InputError
from samesku.params import Fusion, Params, alphas
from samesku.search import fusion
from samesku.search import scorer as pairs

OWN = ("query", "match", "score", "band")  # columns of matches.parquet that are no channel
REASONS = 4  # families of features that a card names
EXACT = 1e-4  # how near weights must bring similarities to the score to be its explanation


@dataclass(frozen=True)
class Pairs:
    """P pairs of a query and another listing.

    Attributes:
        query, other: int (P,), rows of the catalogue. score: float (P,), NaN where there is none.
        similarity: channel -> float (P,), NaN where one of the two lacks it.
        why: family of features -> float (P,), how far it moved the log-odds. review: bool (P,).
    """

    query: NDArray[np.int64]
    other: NDArray[np.int64]
    score: NDArray[np.float64]
    similarity: Mapping[str, NDArray[np.float32]]
    why: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    review: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.query)

    def __getitem__(self, at: NDArray) -> Pairs:
        """Some of the pairs, by place or by mask."""
        return Pairs(
            self.query[at],
            self.other[at],
            self.score[at],
            {name: column[at] for name, column in self.similarity.items()},
            {name: column[at] for name, column in self.why.items()},
            None if self.review is None else self.review[at],
        )

    @property
    def key(self) -> list[tuple[int, int]]:
        return list(zip(self.query.tolist(), self.other.tolist(), strict=True))


def matches(folder: Path, known: Catalogue) -> Pairs:
    """A system's matches, from its folder of data/predictions.

    Raises:
        InputError: the system has none, or they are of another sample.
    """
    path = folder / "matches.parquet"
    if not path.is_file():
        raise InputError(f"{path} is missing; run `dvc repro`, or name a system of {folder.parent}")
    table = pq.read_table(path)
    columns = {name: table[name].to_numpy() for name in table.column_names if name not in ("query", "match")}
    return Pairs(
        known.rows(table["query"].to_pylist()),
        known.rows(table["match"].to_pylist()),
        columns["score"].astype(np.float64),
        {name: column for name, column in columns.items() if name not in OWN and not name.startswith("why_")},
        {
            name.removeprefix("why_"): column
            for name, column in columns.items()
            if name.startswith("why_") and name != "why_base"
        },
        columns["band"] == "review" if "band" in columns else None,
    )


def measured(
    query: NDArray[np.int64],
    other: NDArray[np.int64],
    channels: Sequence[str],
    embeddings: Path,
    weights: Mapping[str, float] | None,
    score: NDArray[np.float64] | None = None,
) -> Pairs:
    """Pairs that no file of predictions has, by the channels' arrays; NaN where an array is missing.

    Args:
        weights: of the channels in the fused score; None where there is no such score.
        score: instead of the fused one.
    """
    arrays = {
        name: np.load(path, mmap_mode="r") if path.is_file() else np.empty((0, 0), np.float32)
        for name in channels
        for path in [embeddings / f"{name}.npy"]
    }
    similarity = pairs.similarities(arrays, query, other)
    if score is None:
        score = fused(similarity, weights) if weights else np.full(len(query), np.nan)
    return Pairs(query, other, score, similarity)


def weights_of(
    system: str, settings: Params, metrics: Mapping[str, Any], found: Pairs
) -> dict[str, float] | None:
    """What each channel weighs in a system's score; None where the score is no weighted mean of similarities.

    params.yaml may have changed since the system ran, and blending moves scores: what does not give the
    scores of the system's own matches is no explanation of them.
    """
    spec: Fusion | None = None
    if system == "samesku":
        spec = settings.fusion
    elif other := settings.compare.get(system) or settings.mixes.get(system):
        alpha = metrics.get("alpha", alphas(other.alpha)[0])  # of several, the one that val chose
        sides = {
            side: {named: 1.0} if isinstance(named := getattr(other, side), str) else named
            for side in ("image", "title")
        }
        spec = Fusion(alpha=alpha, method=other.method, **sides)
    if spec is not None:
        image, title = (
            {
                name: weight
                for name, weight in side.items()
                if not np.isnan(found.similarity.get(name, np.nan)).all()
            }
            for side in (spec.image, spec.title)
        )
        weights = fusion.channel_weights(image, title, spec.alpha)
    else:
        weights = {name: weight for name, weight in metrics.get("weights", {}).items() if "." not in name}
    weights = {name: weight for name, weight in weights.items() if weight > 0}
    if not weights or not len(found):
        return None
    off = np.abs(fused(found.similarity, weights) - found.score)
    return weights if np.nanmax(off, initial=0) < EXACT and not np.isnan(off).any() else None


def fused(similarity: Mapping[str, NDArray[np.float32]], weights: Mapping[str, float]) -> NDArray[np.float64]:
    """Σ w_c · cos_c / Σ w_c over the channels that both have; float64 (P,), NaN where there is none."""
    values = np.stack([similarity[name].astype(np.float64) for name in weights])
    weight = np.array([[w] for w in weights.values()]) * ~np.isnan(values)
    total = weight.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, np.nansum(weight * values, axis=0) / total, np.nan)


def cards(
    found: Pairs,
    kind: Sequence[str],
    known: Catalogue,
    shown: Shown,
    before: NDArray[np.float64] | None = None,
) -> list[dict[str, Any]]:
    """One card for each pair, without what it lacks.

    Keys: other (its number among the listings shown), kind, score, cosines (by channel, null where missing),
    why ([family, log-odds], strongest first), own, marks and told (conflicts), review, before.

    Args:
        before: float (P,), the score of another system.
    """
    made = []
    families = list(found.why)
    moved = np.stack([found.why[name] for name in families], axis=1) if families else None
    cosines = (
        np.stack(list(found.similarity.values()), axis=1) if found.similarity else np.empty((len(found), 0))
    )
    for at, (query, other) in enumerate(found.key):
        card: dict[str, Any] = {"other": shown(other), "kind": kind[at]}
        if not np.isnan(found.score[at]):
            card["score"] = round(float(found.score[at]), 4)
        if not np.isnan(cosines[at]).all():
            card["cosines"] = [None if np.isnan(value) else round(float(value), 3) for value in cosines[at]]
        if moved is not None:
            strongest = np.argsort(-np.abs(moved[at]), kind="stable")[:REASONS]
            card["why"] = [[families[i], round(float(moved[at, i]), 2)] for i in strongest if moved[at, i]]
        if before is not None and not np.isnan(before[at]):
            card["before"] = round(float(before[at]), 4)
        if found.review is not None and found.review[at]:
            card["review"] = 1
        made.append(card | known.conflicts(query, other))
    return made


def channels_of(
    channels: Sequence[str], params: Params, weights: Mapping[str, float] | None
) -> list[dict[str, Any]]:
    """Each channel's name and modality, and its weight where the score is made of weights."""
    modality = params.modality_of()
    return [
        {
            "name": name,
            "modality": modality.get(name, ""),
            "weight": weights.get(name, 0.0) if weights else None,
        }
        for name in channels
    ]
