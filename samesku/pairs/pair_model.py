"""A gradient-boosted model of pairs, by folds: no pair is scored by a model that saw its listings."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import lightgbm
import numpy as np
from numpy.typing import NDArray

ROWS = 65_536  # scored in one block


@dataclass(frozen=True)
class Learning:
    """How the models are grown.

    Attributes:
        folds: models, 2 or more. trees, leaves, rate: of each model. negatives: share of the pairs of two
            products that are trained on, (0, 1]; those taken weigh as all. seed: of folds and draws.
        threads: models that are trained or asked at once. Each has one thread, so that it moves no result.
    """

    folds: int = 5
    trees: int = 120
    leaves: int = 31
    rate: float = 0.1
    negatives: float = 1.0
    seed: int = 0
    threads: int = 2

    def smaller(self) -> Learning:
        """Of a second round, which starts from the first's log-odds: half the trees, half the leaves."""
        return replace(self, trees=max(1, self.trees // 2), leaves=max(2, self.leaves // 2))

    def params(self) -> dict[str, object]:
        """LightGBM's own: equal input gives an equal model."""
        return {
            "objective": "binary",
            "learning_rate": self.rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": 40,
            "feature_fraction": 0.5,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": 5.0,
            "max_bin": 63,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "seed": self.seed,
            "verbose": -1,
        }


def folds(
    component: NDArray[np.integer], learn: NDArray[np.bool_], count: int, seed: int
) -> NDArray[np.int32]:
    """The fold of each listing, whole components together; −1 for those that nothing is learned from.

    Args:
        component: int (G,). learn: bool (G,), the listings whose labels are known to the model.
    """
    names, at = np.unique(component[learn], return_inverse=True)
    dealt = np.empty(len(names), np.int32)
    dealt[np.random.default_rng(seed).permutation(len(names))] = np.arange(len(names)) % count
    found = np.full(len(component), -1, dtype=np.int32)
    found[learn] = dealt[at]
    return found


def sides(
    teaches: NDArray[np.bool_], left: NDArray[np.integer], right: NDArray[np.integer]
) -> NDArray[np.int64]:
    """How many of a pair's two listings teach, 0 to 2: as often it stands in a list that is learned from."""
    return teaches[left].astype(np.int64) + teaches[right]


def weights(
    product: NDArray[np.integer],
    teaches: NDArray[np.bool_],
    left: NDArray[np.integer],
    right: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Σ 1/√n over the sides of each pair that teach, n the listings of that side's product; float64 (P,).

    A product of n listings has about n² pairs; so it weighs between a listing's share and a pair's.
    """
    count = np.bincount(product[product >= 0], minlength=1)
    size = np.where(product >= 0, count[np.maximum(product, 0)], 1)
    own = teaches / np.sqrt(size)
    return own[left] + own[right]


def lacking(
    same: NDArray[np.bool_], fold: tuple[NDArray[np.int32], NDArray[np.int32]], count: int
) -> str | None:
    """What a fold's model would lack to be trained, in words; None where nothing is lacking.

    Args:
        same: bool (P,), of the pairs that are learned from. fold: of their two sides.
    """
    kinds = {"one product": same, "two products": ~same}
    for kind, pairs in kinds.items():
        if not pairs.any():
            return f"no candidate pair of {kind} to learn from"
    for kind, pairs in kinds.items():
        for k in range(count):
            if not (pairs & (fold[0] != k) & (fold[1] != k)).any():
                return f"without fold {k} of {count}, no candidate pair of {kind} to learn from"
    return None


def fit(
    values: NDArray[np.float32],
    names: Sequence[str],
    same: NDArray[np.bool_],
    weight: NDArray[np.float64],
    fold: tuple[NDArray[np.int32], NDArray[np.int32]],
    learning: Learning,
) -> list[lightgbm.Booster]:
    """A model for each fold, trained on the pairs of which no side is in that fold.

    Args:
        values: float32 (P, F), the pairs of which a side at least is learned from; names: the F columns.
        same: bool (P,), the two are one product. weight: (P,). fold: those of the two sides, −1 for none.
    """
    draw = np.random.default_rng(learning.seed).random(len(same))
    taken = same | (draw < learning.negatives)
    weight = np.where(same, weight, weight / learning.negatives)

    def grow(k: int) -> lightgbm.Booster:
        seen = taken & (fold[0] != k) & (fold[1] != k)
        data = lightgbm.Dataset(values[seen], same[seen], weight=weight[seen], feature_name=list(names))
        return lightgbm.train(learning.params(), data, learning.trees)

    with ThreadPoolExecutor(learning.threads) as pool:
        return list(pool.map(grow, range(learning.folds)))


def allowed(fold: tuple[NDArray[np.int32], NDArray[np.int32]], count: int) -> NDArray[np.bool_]:
    """Which of the models score each pair: all, unless a side is in a fold; then those of its sides' folds.

    bool (P, count).
    """
    every = np.arange(count)
    touched = (fold[0][:, None] == every) | (fold[1][:, None] == every)
    return touched | ~touched.any(axis=1, keepdims=True)


def margins(
    models: Sequence[lightgbm.Booster],
    values: NDArray[np.float32],
    use: NDArray[np.bool_],
    threads: int = 1,
) -> NDArray[np.float64]:
    """The mean log-odds of each pair by the models that may score it; float64 (P,).

    Args:
        values: float32 (P, F). use: bool (P, models), at least one of each pair. threads: asked at once.
    """

    def ask(k: int) -> NDArray[np.float64]:
        said, at = np.zeros(len(values)), np.flatnonzero(use[:, k])
        for start in range(0, len(at), ROWS):
            block = at[start : start + ROWS]
            said[block] = models[k].predict(values[block], raw_score=True, num_threads=1)
        return said

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(ask, range(len(models))), np.zeros(len(values))) / use.sum(axis=1)
