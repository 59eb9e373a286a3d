"""The lowest threshold of a system at which its matches are as precise as wanted, by the labels of val."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesku.catalogue import listings as catalogue
from samesku.catalogue.listings import Listings
from samesku.errors import InputError
from samesku.evaluation import relevance as truth
from samesku.pairs import clerical_review as bands
from samesku.params import Params


@dataclass(frozen=True)
class Held:
    """A split's matches at a threshold: their number, how many are right, and how many there are to find."""

    split: str
    matches: int
    right: int
    n_relevant: int

    @property
    def precision(self) -> float:
        return self.right / max(1, self.matches)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.n_relevant)


def threshold(matches: Path, listings: Path, precision: float) -> tuple[float, list[Held]]:
    """Seek it among the matches that a system has kept, in the full gallery.

    Args:
        matches: matches.parquet of a system; what its own decision dropped is not in it.
        precision: above 0, up to 1: what the lower end of the one-sided 95% bootstrap interval (over
            connected components) of the precision of val's matches must reach. A match is counted once for each
            of its sides that is a val query.

    Returns:
        The threshold, chosen by the labels of val alone, and what it holds on val and on test.

    Raises:
        InputError: a file is missing, val has no labels, or no threshold reaches the precision.
    """
    for file in (matches, listings):
        if not file.is_file():
            raise InputError(f"{file} is missing; run `dvc repro`, or name a system of data/predictions")
    known = catalogue.read(listings)
    row = {posting: i for i, posting in enumerate(known.posting_id)}
    table = pq.read_table(matches, columns=["query", "match", "score"])
    query, match = (np.array([row[p] for p in table[c].to_pylist()], np.int64) for c in ("query", "match"))
    score = table["score"].to_numpy().astype(np.float64).round(6)
    same = (known.product[query] >= 0) & (known.product[query] == known.product[match])
    labelled = known.product[query] >= 0
    val = labelled & (known.split[query] == "val")
    if not val.any():
        raise InputError(f"{matches} has no match of a labelled val listing; a threshold is chosen by those")
    found = bands.edges(score[val], same[val], known.component[query[val]], precision=precision, missed=0.0)
    if found.accept == bands.NEVER:
        raise InputError(
            f"no threshold of {matches.parent.name} reaches precision {precision:g} on val with 95%"
            " confidence; name another system (rerank is the most precise as shipped), or ask for less"
        )
    kept = labelled & (score >= found.accept)
    return found.accept, [_held(known, split, query[kept], same[kept]) for split in ("val", "test")]


def _held(known: Listings, split: str, query: NDArray[np.int64], same: NDArray[np.bool_]) -> Held:
    at = known.split[query] == split
    asked = np.flatnonzero((known.split == split) & (known.product >= 0))
    n_relevant = int(truth.n_relevant(known.product, asked, known.gallery("full")).sum())
    return Held(split, int(at.sum()), int(same[at].sum()), n_relevant)


def param(system: str, settings: Params) -> str | None:
    """The key of params.yaml that holds a system's threshold; None where it has none (the rows of tune).

    Raises:
        InputError: the system decides by a multiplier for each query, not by a threshold on the score.
    """
    decision = {"samesku": settings.decision} | {name: s.decision for name, s in settings.compare.items()}
    if system in decision and decision[system].kind != "static":
        raise InputError(
            f"{system} decides by {decision[system].kind}; allowed: a system with a static threshold"
        )
    keys = {"samesku": "decision.value", "rerank": "rerank.value"}
    return keys.get(system) or (f"compare.{system}.decision.value" if system in settings.compare else None)
