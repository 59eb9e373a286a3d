"""The learned pair verifier: a model of pairs, and a second that also sees how other pairs support a pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
from numpy.typing import NDArray

from samesku.pairs import calibration, explain, support
from samesku.pairs import pair_model as verifier
from samesku.pairs.calibration import Platt
from samesku.pairs.features import Features
from samesku.pairs.gallery import Gallery
from samesku.pairs.pair_model import Learning
from samesku.search.neighbours import Neighbours

Sides = tuple[NDArray[np.int32], NDArray[np.int32]]


@dataclass(frozen=True)
class Reranker:
    """Both rounds' models, one for each fold, and the curve from log-odds to probability."""

    first: Sequence[lightgbm.Booster]
    second: Sequence[lightgbm.Booster]
    curve: Platt

    def save(self, folder: Path) -> None:
        """LightGBM's text files; the curve and the names of features stand with them."""
        for name, models in (("pair", self.first), ("support", self.second)):
            for k, model in enumerate(models):
                model.save_model(folder / f"{name}_{k}.txt", importance_type="gain")


@dataclass(frozen=True)
class Verdicts:
    """What a reranker says of P candidate pairs, by models that saw neither side.

    Attributes:
        probability: float64 (P,), calibrated. first, second: float64 (P,), log-odds of the two rounds.
        use: bool (P, folds), the models that were asked.
    """

    probability: NDArray[np.float64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    use: NDArray[np.bool_]


@dataclass(frozen=True)
class Learned:
    """A gallery of the table: its parts (`split` has val and test) with the models' verdicts on each."""

    galleries: list[Gallery]
    verdicts: list[Verdicts]
    model: Reranker
    neighbours: Neighbours


@dataclass(frozen=True)
class FellBack:
    """A gallery with nothing to learn from: its neighbours by the fused score, and what was lacking."""

    lacking: str
    neighbours: Neighbours


Reranked = Learned | FellBack


def learn(
    gallery: Gallery,
    product: NDArray[np.integer],
    teaches: NDArray[np.bool_],
    component: NDArray[np.integer],
    learning: Learning,
) -> tuple[Reranker, Verdicts] | str:
    """Models of this gallery's pairs, and their verdicts on all of them; or a sentence on what is lacking.

    The second round's models are trained on the first's out-of-fold log-odds, fold by fold again.

    Args:
        product: int (N,), −1 where it is unknown, which teaches nothing, and below −1 where it is not told
            but another than any that teaches. teaches: bool (N,), the listings of which a pair must have one.
        component: int (N,).
    """
    pool = gallery.candidates
    left, right = pool.pairs
    fold_of = verifier.folds(component, teaches, learning.folds, learning.seed)
    fold = fold_of[left], fold_of[right]
    same = (product[left] == product[right]) & (product[left] >= 0)
    seen = (teaches[left] | teaches[right]) & (product[left] != -1) & (product[right] != -1)
    if lacking := verifier.lacking(same[seen], (fold[0][seen], fold[1][seen]), learning.folds):
        return lacking
    weight = verifier.weights(product, teaches, left, right)
    use = verifier.allowed(fold, learning.folds)

    def round_of(found: Features, learning: Learning) -> tuple[list[lightgbm.Booster], NDArray[np.float64]]:
        values = found.values
        models = verifier.fit(
            values[seen], found.names, same[seen], weight[seen], (fold[0][seen], fold[1][seen]), learning
        )
        return models, verifier.margins(models, values, use, learning.threads)

    first, margin = round_of(gallery.features, learning)
    second, final = round_of(_second(gallery, margin), learning.smaller())
    curve = calibration.fit(final[seen], same[seen], verifier.sides(teaches, left, right)[seen])
    return Reranker(first, second, curve), Verdicts(curve(final), margin, final, use)


def apply(reranker: Reranker, gallery: Gallery, threads: int) -> Verdicts:
    """The mean of all models on a gallery of which none saw anything; `threads` of them asked at once."""
    use = np.ones((len(gallery.candidates), len(reranker.first)), dtype=bool)
    margin = verifier.margins(reranker.first, gallery.features.values, use, threads)
    final = verifier.margins(reranker.second, _second(gallery, margin).values, use, threads)
    return Verdicts(reranker.curve(final), margin, final, use)


def _second(gallery: Gallery, margin: NDArray[np.float64]) -> Features:
    """What the second round sees: the first's log-odds, those around a pair, and all that the first saw."""
    return support.describe(gallery.candidates, margin).beside(gallery.features)


def reasons(
    reranker: Reranker, gallery: Gallery, verdicts: Verdicts, pair: NDArray[np.integer]
) -> dict[str, NDArray[np.float32]]:
    """Why some pairs were judged so: how far each family of features moved their log-odds.

    Args:
        pair: int (M,), places among the candidates.

    Returns:
        Family -> float32 (M,). `base` is what a pair has before any feature, `support` the second round's
        shift; all of a pair sum to its log-odds before calibration.
    """
    families, moved, base = explain.contributions(
        reranker.first, gallery.features.at(pair), verdicts.use[pair], gallery.features.families
    )
    found = {"base": base.astype(np.float32)} | dict(zip(families, moved.T, strict=True))
    return found | {"support": (verdicts.second[pair] - verdicts.first[pair]).astype(np.float32)}


def importances(reranker: Reranker, families: Sequence[str]) -> list[dict[str, float | str]]:
    """Rows {feature, family, gain} of the first round, by falling gain: each one's share of the whole."""
    gain = np.sum([model.feature_importance("gain") for model in reranker.first], axis=0)
    names = reranker.first[0].feature_name()
    order = np.argsort(-gain, kind="stable")
    return [{"feature": names[i], "family": families[i], "gain": float(gain[i] / gain.sum())} for i in order]
