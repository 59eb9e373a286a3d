"""What a run leaves of the full gallery, so that a new listing can be asked about: its pairs and their log-odds.

The files lie beside the models of the gallery. Pairs of the catalogue are not scored again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesku.arrays import Bools, Float64, Int32, Int64, Ints
from samesku.artefacts import read_columns, read_json, to_numpy, write_array, write_json, write_table
from samesku.catalogue.reader import ATTRIBUTES
from samesku.pairs.calibration import Platt
from samesku.pairs.candidate_search import GallerySearches, searches_of_candidates
from samesku.pairs.candidates import Candidates
from samesku.pairs.evidence import PairEvidence
from samesku.pairs.pair_model import PairModel, PairScores
from samesku.reading import read_array, reading, refuse_values
from samesku.scratch import new_array, slices
from samesku.search.extension import lowest_scores
from samesku.search.fusion import UNREACHABLE
from samesku.search.galleries import read_moving, write_moving
from samesku.search.neighbours import Neighbours

PAIRS = "pairs.parquet"
LOWEST = "lowest_scores.npy"
SETTINGS = "asking.json"
BLOCK = 2**20  # pairs at once
COLUMNS = ("left", "right", "first", "second", "scored_by")


@dataclass(frozen=True)
class AskingSettings:
    """How the candidates of a run were found, and how a pair of it is decided.

    Attributes:
        weights: name -> weight of the channels of the fused rows. channels: all that are features, in their order.
        attributes: those that the catalogue has. augmentation_threshold: as of `GallerySearches`.
        threshold, min_score: of a match without clusters.
    """

    weights: Mapping[str, float]
    channels: Sequence[str]
    attributes: Sequence[str]
    augmentation_threshold: float
    threshold: float
    min_score: float

    @classmethod
    def of_run(
        cls,
        weights: Mapping[str, float],
        evidence: PairEvidence,
        searches: GallerySearches,
        threshold: float,
        min_score: float,
    ) -> AskingSettings:
        """The settings of a gallery that has been searched and decided."""
        return cls(
            weights,
            list(evidence.channels),
            evidence.attributes.present if evidence.attributes else [],
            searches.augmentation.threshold,
            threshold,
            min_score,
        )


@dataclass(frozen=True)
class RunPairs:
    """The candidate pairs of the N listings of a gallery, as a run scored them.

    Attributes:
        candidates: P pairs. first, second: float64 (P,), log-odds of both rounds. scored_by: bool (P, folds), as of
            `PairScores`.
        lowest: float64 (searches of candidates, N), as of `search_both_ways`.
        moved_by: the neighbours that moved each listing in each step of augmentation.
    """

    candidates: Candidates
    first: Float64
    second: Float64
    scored_by: Bools
    lowest: Float64
    moved_by: Sequence[Neighbours]
    settings: AskingSettings
    calibration: Platt

    def scores(self, pair: Ints) -> PairScores:
        """The scores of some pairs, by their indices."""
        second = self.second[pair]
        return PairScores(
            self.calibration.probability(second), self.first[pair], second, self.scored_by[pair]
        )

    def pairs_of(self, listings: Ints) -> Int64:
        """The pairs of some listings, each once, ascending."""
        return np.unique(self.candidates.lists_of(np.asarray(listings, dtype=np.int64)).pair)

    def find(self, left: int, right: int) -> int | None:
        """The pair of two listings; None where they are no candidates of each other."""
        (pair,) = self.candidates.index(np.array([left]), np.array([right])).tolist()
        low, high = min(left, right), max(left, right)
        is_pair = pair < len(self.candidates) and (
            self.candidates.left[pair] == low and self.candidates.right[pair] == high
        )
        return pair if is_pair else None


def write_run(
    folder: Path,
    searches: GallerySearches,
    k: int,
    candidates: Candidates,
    scores: PairScores,
    settings: AskingSettings,
) -> None:
    """Write what `read_run` reads into a folder that is there.

    Args:
        k: neighbours that each search was asked for.
    """
    folds = np.arange(scores.scored_by.shape[1], dtype=np.uint32)
    scored_by = new_array(len(candidates), np.uint32)
    for block in slices(len(candidates), BLOCK):
        scored_by[block] = (scores.scored_by[block].astype(np.uint32) << folds).sum(axis=1)
    columns = {
        "left": candidates.left,
        "right": candidates.right,
        "first": scores.first,
        "second": scores.second,
        "scored_by": scored_by,
    }
    write_table(folder / PAIRS, columns)
    steps = len(searches.neighbours) - 1
    lowest = [lowest_scores(searches.neighbours[step], k) for step in searches_of_candidates(steps)]
    write_array(folder / LOWEST, np.stack(lowest))
    write_moving(folder, searches.neighbours, searches.augmentation)
    write_json(folder / SETTINGS, asdict(settings))


def read_run(folder: Path, rows: Int32, model: PairModel) -> RunPairs:
    """What `write_run` wrote.

    Args:
        rows: int32 (N,), the gallery. model: of the same folder.

    Raises:
        DamagedFile: a file is missing, damaged, or holds impossible numbers.
    """
    with reading(folder):
        columns: dict[str, Any] = {
            name: to_numpy(column) for name, column in read_columns(folder / PAIRS, COLUMNS).items()
        }
        _check_pairs(columns, len(rows), len(model.first))
        candidates = Candidates(rows, columns["left"], columns["right"])
        settings = AskingSettings(**read_json(folder / SETTINGS))
        _check_settings(settings)
        lowest = read_array(folder / LOWEST, mapped=False).astype(np.float64)
        moved_by = read_moving(folder, rows)
        steps = len(moved_by)
        if lowest.shape != (len(searches_of_candidates(steps)), len(rows)) or np.isnan(lowest).any():
            raise ValueError(
                f"{LOWEST} has NaN in it, or shape {lowest.shape} for {len(rows)} listings and {steps} steps of "
                "augmentation"
            )
    folds = np.arange(len(model.first), dtype=np.uint32)
    return RunPairs(
        candidates,
        columns["first"],
        columns["second"],
        (columns["scored_by"][:, None] >> folds & 1).astype(bool),
        lowest,
        moved_by,
        settings,
        model.calibration,
    )


def _check_pairs(columns: Mapping[str, NDArray[Any]], n_listings: int, n_models: int) -> None:
    """Raise ValueError where the columns of PAIRS are impossible."""
    left, right = columns["left"].astype(np.int64), columns["right"].astype(np.int64)
    wrong = (left < 0) | (right >= n_listings) | (left >= right)
    refuse_values("right", right, wrong, f"above left, one of {n_listings} listings")
    key = left * n_listings + right
    refuse_values(
        "left", left, np.diff(key, prepend=-1) <= 0, "pairs in the order of (left, right), each once"
    )
    for name in ("first", "second"):
        refuse_values(name, columns[name], ~np.isfinite(columns[name]), "a number")
    scored_by = columns["scored_by"]
    wrong = (scored_by == 0) | (scored_by >> n_models != 0)
    refuse_values("scored_by", scored_by, wrong, f"some of {n_models} models")


def _check_settings(settings: AskingSettings) -> None:
    """Raise ValueError where a setting is impossible."""
    for name in ("threshold", "min_score", "augmentation_threshold"):
        value, highest = getattr(settings, name), 1 if name == "augmentation_threshold" else UNREACHABLE
        if not isinstance(value, float | int) or not -1 <= value <= highest:
            raise ValueError(f"{SETTINGS}: {name} is {value!r}; allowed: -1 to 1")
    if unknown := set(settings.attributes) - set(ATTRIBUTES):
        raise ValueError(f"{SETTINGS} has the attribute {min(unknown)!r}; allowed: {', '.join(ATTRIBUTES)}")
