"""Accept, review, reject: pairs by calibrated probability, with edges that labelled pairs fix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAMES = ("reject", "review", "accept")
CUTS = 400  # tried as the edge of the accepted band
RESAMPLES = 1000
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
    probability: NDArray[np.floating],
    same: NDArray[np.bool_],
    component: NDArray[np.integer],
    *,
    precision: float,
    missed: float,
    seed: int = 0,
) -> Bands:
    """The lowest edge of accept that keeps `precision`, and the highest of reject within `missed`.

    Args:
        probability: (P,), by models that saw none of these pairs. same: bool (P,).
        component: int (P,), the connected component that each pair is counted to.
        precision: what the lower end of the one-sided 95% bootstrap interval (over components, percentile)
            of the accepted pairs' precision must reach, so that unseen products are likely to reach it too.
        missed: the largest share of the pairs of one product that may lie in the rejected band.
    """
    true = np.sort(probability[same])
    reject = float(true[min(int(missed * len(true)), len(true) - 1)]) if len(true) else 0.0
    cuts = (
        np.unique(np.quantile(probability[same], np.linspace(0, 1, CUTS), method="higher"))
        if len(true)
        else np.array([])
    )
    accept = NEVER
    reached = _lower_precision(probability, same, component, cuts, seed) >= precision
    if reached.any():
        accept = float(cuts[np.argmax(reached)])
    return Bands(round(accept, 6), round(min(reject, accept), 6))


def figures(
    bands: Bands, probability: NDArray[np.floating], same: NDArray[np.bool_], n_relevant: int
) -> dict[str, dict[str, Any]]:
    """Of each band: its pairs, their share of the candidates, precision, and recall of what there is to find.

    Args:
        probability, same: (P,), the candidate pairs of the queries in question, as often as a query has them.
        n_relevant: the pairs of one product in the gallery, candidates or not, counted likewise.
    """
    band = bands(probability)
    found = {}
    for at, name in enumerate(NAMES):
        pairs, true = int((band == at).sum()), int(same[band == at].sum())
        found[name] = {
            "pairs": pairs,
            "share": pairs / max(1, len(band)),
            "precision": true / max(1, pairs),
            "recall": true / max(1, n_relevant),
        }
    return found


def _lower_precision(
    probability: NDArray[np.floating],
    same: NDArray[np.bool_],
    component: NDArray[np.integer],
    cuts: NDArray[np.float64],
    seed: int,
) -> NDArray[np.float64]:
    """The 5th percentile of precision at each ascending cut, when components are drawn with replacement."""
    if not len(cuts):
        return np.array([])
    names, at = np.unique(component, return_inverse=True)
    passed = np.searchsorted(cuts, probability, side="right")  # cuts that this pair reaches
    shape = (len(names), len(cuts) + 1)

    def reaching(of: NDArray[np.bool_]) -> NDArray[np.float64]:
        counts = np.bincount(at[of] * shape[1] + passed[of], minlength=shape[0] * shape[1]).reshape(shape)
        return counts[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:].astype(np.float64)

    kept, true = reaching(np.ones(len(same), bool)), reaching(same)
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES).astype(float)
    return np.quantile((drawn @ true) / np.maximum(drawn @ kept, 1.0), 0.05, axis=0)
