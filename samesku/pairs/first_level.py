"""The first level of the pair model: it sees zero-shot channels alone, so the labels of train may teach it.

A trained tower has seen the products of train: their similarities are in-sample there, and a pair model that learned
from them would trust the tower too much. So the pair model that sees towers, the second level, learns from val alone,
and the first level's out-of-fold score is one of its features (stacking; Wolpert, 1992).
"""

import numpy as np

from samesku.arrays import Bools, Float64
from samesku.pairs.candidates import Candidates
from samesku.pairs.features import PairFeatures
from samesku.params import Fusion, Params, start_channel


def zero_shot_fusion(fusion: Fusion, params: Params) -> Fusion:
    """The fusion with the channel that each trained tower started from in its place; weights of equal names add up."""
    sides: dict[str, dict[str, float]] = {"image": {}, "title": {}}
    for side, weights in sides.items():
        for name, weight in getattr(fusion, side).items():
            start = start_channel(name, params)
            weights[start] = weights.get(start, 0.0) + weight
    return fusion.model_copy(update=sides)


def add_first_level(features: PairFeatures, first_candidates: Candidates, log_odds: Float64) -> None:
    """Add the first level's log-odds to the features of the second, NaN for pairs that are no candidates of the first.

    Args:
        first_candidates: of the first level, in the same gallery. log_odds: float64 (P,), theirs, out of fold.
    """
    place, exists = first_candidates.find(*features.candidates.catalogue_rows)
    column = np.full(len(features.candidates), np.nan)
    column[exists] = log_odds[place[exists]]
    features.add("first_level", "first_level_log_odds", column)


def describe_teaching(train_teaching: Bools, has_first_level: bool) -> str:
    """Whose labels teach the pair model of a gallery. train_teaching: bool (N,), the listings of train that do."""
    if has_first_level:
        return "pair model taught by val, on a first level taught by train and val"
    return f"pair model taught by {'train and val' if train_teaching.any() else 'val'}"
