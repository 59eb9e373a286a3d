"""Pairs of a query and another listing, as cards show them: score, similarities, reasons, conflicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesku import artefacts
from samesku.app.report.catalogue import Catalogue, ShownListings
from samesku.arrays import Bools, Float32, Float64, Int64
from samesku.errors import InputError
from samesku.params import Params, find_modalities, list_alphas
from samesku.reading import read_array, reading, refuse_values
from samesku.search.fusion import Owner, channel_cosines, channel_weights, mean_cosine

#: Columns of matches.parquet.
NOT_CHANNELS = ("query", "match", "score", "rule", "annotation", "clerical_review")
EXPLAINED = 1e-4  # weights explain a score that they reproduce to this


@dataclass(frozen=True)
class ReportPairs:
    """P pairs of a query and another listing.

    Attributes:
        query, listing: int (P,), rows of the catalogue.
        score: float (P,), NaN if there is none.
        cosines: channel -> float (P,), NaN if one of the two lacks the channel.
        reasons: family of features -> float (P,), how far it moved the log-odds of the pair model; `base` is where
            they begin.
        review: bool (P,), the pair is in clerical review; None if the system has no clerical review.
    """

    query: Int64
    listing: Int64
    score: Float64
    cosines: Mapping[str, Float32]
    reasons: Mapping[str, Float32] = field(default_factory=dict)
    review: Bools | None = None

    def __len__(self) -> int:
        return len(self.query)

    def __getitem__(self, index: NDArray) -> ReportPairs:
        """Some of the pairs, by place or by mask."""
        return ReportPairs(
            self.query[index],
            self.listing[index],
            self.score[index],
            {name: column[index] for name, column in self.cosines.items()},
            {name: column[index] for name, column in self.reasons.items()},
            None if self.review is None else self.review[index],
        )

    @property
    def keys(self) -> list[tuple[int, int]]:
        return list(zip(self.query.tolist(), self.listing.tolist(), strict=True))


def read_matches(system: str, catalogue: Catalogue) -> ReportPairs:
    """The matches of a system, from its folder of data/predictions.

    Raises:
        InputError: the system has none, or they are of another sample.
        DamagedFile: a match is the query itself, or has a score outside −1 to 1.
    """
    path = artefacts.predictions_folder(system) / "matches.parquet"
    if not path.is_file():
        raise InputError(f"{path} is missing; run `dvc repro`, or name a system of {artefacts.PREDICTIONS}")
    table = artefacts.read_columns(path)
    ids = {name: catalogue.rows(table.pop(name).to_pylist()) for name in ("query", "match")}
    review = table.pop("clerical_review", None)
    table.pop("annotation", None)  # the pages read the annotations themselves, with those that are newer
    columns: dict[str, Any] = {name: artefacts.to_numpy(column) for name, column in table.items()}
    with reading(path):
        refuse_values("match", ids["match"], ids["match"] == ids["query"], "another listing than the query")
        refuse_values("score", columns["score"], ~(np.abs(columns["score"]) <= 1), "-1 to 1")
    return ReportPairs(
        ids["query"],
        ids["match"],
        columns["score"].astype(np.float64),
        {n: column for n, column in columns.items() if _is_channel(n) and not _is_empty(column)},
        {name.removeprefix("why_"): column for name, column in columns.items() if name.startswith("why_")},
        None if review is None else np.array([name == "review" for name in review.to_pylist()], dtype=bool),
    )


def read_metrics(folder: Path) -> dict[str, Any]:
    """metrics.json of a folder of data/predictions; nothing where there is none."""
    path = folder / "metrics.json"
    return artefacts.read_json(path) if path.is_file() else {}


def _is_channel(name: str) -> bool:
    return name not in NOT_CHANNELS and not name.startswith("why_")


def _is_empty(cosines: NDArray[np.generic]) -> bool:
    """Whether there are matches and none has this channel, such as the tower that was not trained."""
    return len(cosines) > 0 and bool(np.isnan(cosines).all())


def score_pairs(
    query: Int64,
    listing: Int64,
    channels: Sequence[str],
    weights: Mapping[str, float] | None,
    score: Float64 | None = None,
    owner: Owner = None,
) -> ReportPairs:
    """Pairs that are not among the matches, scored by the arrays of the channels.

    Args:
        channels: their names; the cosines are NaN for a channel without an array.
        weights: of the channels in the fused score; None if the score cannot be computed from them.
        score: float (P,), taken instead of the fused one. owner: the listing of each picture, where any has several.
    """
    paths = {name: artefacts.embedding_path(name) for name in channels}
    arrays = {
        name: read_array(path) if path.is_file() else np.empty((0, 0), np.float32)
        for name, path in paths.items()
    }
    cosines = channel_cosines(arrays, query, listing, owner=owner)
    if score is None:
        score = fused_scores(cosines, weights) if weights else np.full(len(query), np.nan)
    return ReportPairs(query, listing, score, cosines)


def score_weights(
    system: str, params: Params, metrics: Mapping[str, Any], matches: ReportPairs
) -> dict[str, float] | None:
    """The weight of each channel in a system's score; None if no weighted mean of cosines gives the score.

    params.yaml may have changed since the system ran, and augmentation changes scores: weights that do not
    reproduce the scores of the system's own matches are no explanation of them.
    """
    spec = params.fusion if system == "samesku" else params.compare.get(system)
    if spec is not None:
        image, title = (
            {
                name: weight
                for name, weight in side.items()
                if not np.isnan(matches.cosines.get(name, np.nan)).all()
            }
            for side in (spec.image, spec.title)
        )
        alpha = metrics.get("alpha", list_alphas(spec)[0])  # if there are several, the one that val chose
        weights = channel_weights(image, title, alpha)
    else:
        weights = {name: weight for name, weight in metrics.get("weights", {}).items() if "." not in name}
    weights = {name: weight for name, weight in weights.items() if weight > 0}
    if not weights or not len(matches):
        return None
    error = np.abs(fused_scores(matches.cosines, weights) - matches.score)[matches.score < 1]  # 1: by a rule
    return weights if np.nanmax(error, initial=0) < EXPLAINED and not np.isnan(error).any() else None


def fused_scores(cosines: Mapping[str, Float32], weights: Mapping[str, float]) -> Float64:
    """float64 (P,), the score of P pairs by their cosines; NaN if they share no channel with weight."""
    columns = np.stack([cosines[name].astype(np.float64) for name in weights], axis=1)
    present = ~np.isnan(columns)
    return mean_cosine(np.where(present, columns, 0.0), present, np.array(list(weights.values())))


def make_cards(
    pairs: ReportPairs,
    kinds: Sequence[str],
    catalogue: Catalogue,
    shown: ShownListings,
    score_before: Float64 | None = None,
) -> list[dict[str, Any]]:
    """One card for each pair. A card has no key for what it lacks.

    Keys: listing (its number among the shown listings), kind, score, cosines (by channel, null if missing),
    reasons (the log-odds of each family, in the order of `pairs.reasons`), conflicts (of the query's title, left,
    with the listing's, right), attributes ([text, whether it agrees]), review, score_before.

    Args:
        score_before: float (P,), the score of the system that is compared with; NaN if it has none.
    """
    moves = np.stack(list(pairs.reasons.values()), axis=1) if pairs.reasons else None
    columns = list(pairs.cosines.values())
    cosines = np.stack(columns, axis=1) if columns else np.empty((len(pairs), 0))
    notes = catalogue.attributes.notes(pairs.query, pairs.listing)
    cards = []
    for i, (query, listing) in enumerate(pairs.keys):
        card: dict[str, Any] = {"listing": shown.number(listing), "kind": kinds[i]}
        if not np.isnan(pairs.score[i]):
            card["score"] = round(float(pairs.score[i]), 4)
        if not np.isnan(cosines[i]).all():
            card["cosines"] = [None if np.isnan(value) else round(float(value), 3) for value in cosines[i]]
        if moves is not None:
            card["reasons"] = [round(float(move), 2) for move in moves[i]]
        if score_before is not None and not np.isnan(score_before[i]):
            card["score_before"] = round(float(score_before[i]), 4)
        if pairs.review is not None and pairs.review[i]:
            card["review"] = 1
        if conflicts := catalogue.conflicts(query, listing):
            card["conflicts"] = conflicts
        if notes[i]:
            card["attributes"] = [{"text": note["text"], "equal": note["equal"]} for note in notes[i]]
        cards.append(card)
    return cards


def describe_channels(
    channels: Sequence[str], params: Params, weights: Mapping[str, float] | None
) -> list[dict[str, Any]]:
    """Name and modality of each channel, and its share of all weights if the score is made of weights."""
    modality = find_modalities(params)
    total = sum((weights or {}).values())
    return [
        {
            "name": name,
            "modality": modality.get(name, ""),
            "weight": weights.get(name, 0.0) / total if weights and total else None,
        }
        for name in channels
    ]
