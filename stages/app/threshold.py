"""The lowest threshold of the main system at which its matches are as precise as wanted, by the labels of val."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages import artefacts, evaluate, index
from stages.catalogue import listings as catalogue
from stages.evaluate import Judged
from stages.matching import bands
from stages.settings import Decision, Refused

GALLERY = "full"  # whose threshold submission.csv is made with
EVER = 1e6  # dynamic: every score of a query is equal, so that it is kept at any multiplier


@dataclass(frozen=True)
class Held:
    """A split's matches at a threshold: their number, precision over pairs, recall of the pairs to find."""

    split: str
    matches: int
    precision: float
    recall: float


@dataclass(frozen=True)
class Found:
    """`value` is what to set decision.value to; val chose it, test did not."""

    value: float
    kind: str
    gallery: int
    held: list[Held]


def threshold(precision: float, decision: Decision) -> Found:
    """Seek it in the full gallery, from data/neighbours/full.parquet and listings.parquet.

    Args:
        precision: above 0, up to 1: what the lower end of the one-sided 95% bootstrap interval (over
            super-components) of the precision of val's matches must reach. A match is counted once for each
            of its sides that is a val query.
        decision: its `kind` alone is used.

    Raises:
        Refused: the pipeline has not run, val has no labels, or no threshold reaches the precision.
    """
    path = artefacts.NEIGHBOURS / f"{GALLERY}.parquet"
    for needed in (path, artefacts.LISTINGS):
        if not needed.is_file():
            raise Refused(f"{needed} is missing; run `dvc repro`")
    listings = catalogue.read(artefacts.LISTINGS)
    neighbours = index.read(path, listings, GALLERY)
    plain = Decision(kind=decision.kind, value=0.0)
    judged = evaluate.judge(neighbours, listings, plain, GALLERY)
    statistic, same, at = _pairs(judged, "val")
    if not same.any():
        raise Refused("no two val listings of one product are neighbours; a threshold needs labels on val")
    component = listings.component[neighbours.query[at]]
    accept = bands.edges(statistic, same, component, precision=precision, missed=0.0).accept
    if accept == bands.NEVER:
        raise Refused(f"no threshold reaches precision {precision:g} on val with confidence; ask for less")
    held = [_held(judged, split, accept) for split in ("val", "test")]
    return Found(accept, decision.kind, len(listings), [one for one in held if one.matches])


def _pairs(judged: Judged, split: str) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.intp]]:
    """Statistic and truth of the neighbours of a split's queries, (P,) each, and the row of each one's query."""
    at, rank = np.nonzero(judged.neighbours.found & (judged.split == split)[:, None])
    return np.minimum(judged.statistic[at, rank], EVER), judged.relevant[at, rank], at


def _held(judged: Judged, split: str, value: float) -> Held:
    statistic, same, _ = _pairs(judged, split)
    kept = statistic >= value
    hits, to_find = int((kept & same).sum()), int(judged.to_find[judged.split == split].sum())
    return Held(split, int(kept.sum()), hits / max(1, int(kept.sum())), hits / max(1, to_find))
