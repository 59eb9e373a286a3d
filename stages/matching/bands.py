"""Accept, review, reject: pairs by calibrated probability, with edges that labelled pairs fix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAMES = ("reject", "review", "accept")
NEVER = 1.000001  # an edge that no probability reaches


@dataclass(frozen=True)
class Bands:
    """A pair is accepted at `accept` or above, rejected below `reject`; what lies between, a person sees."""

    accept: float
    reject: float

    def __call__(self, probability: NDArray[np.floating]) -> NDArray[np.intp]:
        """0 reject, 1 review, 2 accept: places in NAMES, of the same shape."""
        return (probability >= self.reject).astype(np.intp) + (probability >= self.accept)


def edges(
    probability: NDArray[np.floating], same: NDArray[np.bool_], *, precision: float, missed: float
) -> Bands:
    """The lowest edge of accept that keeps `precision`, and the highest of reject within `missed`.

    Args:
        probability: (P,), by models that saw none of these pairs. same: bool (P,).
        precision: of the accepted pairs; accept is NEVER where no edge reaches it.
        missed: the largest share of the pairs of one product that may lie in the rejected band.
    """
    order = np.argsort(-probability, kind="stable")
    cut = probability[order]
    last = np.append(cut[1:] < cut[:-1], True)[: len(cut)]  # of equals: all are accepted, or none
    reached = last & (np.cumsum(same[order]) >= precision * np.arange(1, len(cut) + 1))
    accept = float(cut[np.flatnonzero(reached)[-1]]) if reached.any() else NEVER
    true = np.sort(probability[same])
    reject = float(true[min(int(missed * len(true)), len(true) - 1)]) if len(true) else 0.0
    return Bands(_below(accept), _below(min(reject, accept)))


def _below(edge: float) -> float:
    """An edge of six decimals that what stands on it still reaches."""
    return float(np.floor(edge * 1e6) / 1e6)


def figures(
    bands: Bands, probability: NDArray[np.floating], same: NDArray[np.bool_], to_find: int
) -> dict[str, dict[str, Any]]:
    """Of each band: its pairs, their share of the candidates, precision, and recall of what there is to find.

    Args:
        probability, same: (P,), the candidate pairs of the queries in question, as often as a query has them.
        to_find: the pairs of one product in the gallery, candidates or not, counted likewise.
    """
    band = bands(probability)
    found = {}
    for at, name in enumerate(NAMES):
        pairs, true = int((band == at).sum()), int(same[band == at].sum())
        found[name] = {
            "pairs": pairs,
            "share": pairs / max(1, len(band)),
            "precision": true / max(1, pairs),
            "recall": true / max(1, to_find),
        }
    return found
