"""The pair model: gradient-boosted trees in two rounds, by folds.

No pair is scored by a model that has learned from it. The second round sees what the first says of the pairs around
a pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from samesku.arrays import Bools, Float32, Float64, Int32
from samesku.pairs.calibration import Platt, fit_platt
from samesku.pairs.candidates import Candidates
from samesku.pairs.features import PairFeatures, support_features
from samesku.pairs.labels import PairLabels, check_training_pairs
from samesku.params.schema import PairModelParams

ROWS = 65_536  # scored in one block
READER = "reader_log_odds"  # the column of the pair reader
#: Candidate pairs and the first round's log-odds float64 (P,) -> the reader's float32 (P,), NaN where it did not read.
ReadPairs = Callable[[Candidates, Float64], Float32]


@dataclass(frozen=True)
class PairScores:
    """The scores of P candidate pairs, by models that have not learned from them.

    Attributes:
        probability: float64 (P,), calibrated. first, second: float64 (P,), log-odds of the two rounds.
        scored_by: bool (P, folds), the models whose mean they are.
    """

    probability: Float64
    first: Float64
    second: Float64
    scored_by: Bools


@dataclass(frozen=True)
class PairModel:
    """The models of both rounds, one for each fold, and the curve from log-odds to probabilities."""

    first: Sequence[lightgbm.Booster]
    second: Sequence[lightgbm.Booster]
    calibration: Platt

    @property
    def has_reader(self) -> bool:
        """Whether the second round has a column of the pair reader."""
        return any(READER in model.feature_name() for model in self.second)

    def score(self, features: PairFeatures, threads: int, read: ReadPairs | None = None) -> PairScores:
        """Score pairs that no model has seen, by the mean of all models; `threads` of them run at once.

        Args:
            read: as of `fit_pair_model`. A model that learned with one takes pairs that nobody has read, too.
        """
        scored_by = np.ones((len(features.candidates), len(self.first)), dtype=bool)
        first = mean_log_odds(self.first, features.values(), scored_by, threads)
        if read is None and self.has_reader:
            read = _read_none
        values = second_round_features(features, first, read).values()
        second = mean_log_odds(self.second, values, scored_by, threads)
        return PairScores(self.calibration.probability(second), first, second, scored_by)

    def save(self, folder: Path) -> None:
        """Write the models as LightGBM's text files."""
        for name, models in (("pair", self.first), ("support", self.second)):
            for k, model in enumerate(models):
                model.save_model(folder / f"{name}_{k}.txt", importance_type="gain")

    @staticmethod
    def load(folder: Path, calibration: Platt) -> PairModel:
        """What `save` wrote; there are no models where it wrote nothing."""

        def read(name: str) -> list[lightgbm.Booster]:
            files = (folder / f"{name}_{k}.txt" for k in range(len(list(folder.glob(f"{name}_*.txt")))))
            return [lightgbm.Booster(model_file=file) for file in files]

        return PairModel(read("pair"), read("support"), calibration)


def fit_pair_model(
    features: PairFeatures,
    labels: PairLabels,
    params: PairModelParams,
    threads: int,
    read: ReadPairs | None = None,
) -> tuple[PairModel, PairScores]:
    """Train on the labelled pairs, and score all pairs out of fold.

    The second round and the calibration learn from out-of-fold log-odds too, the calibration from those of val's
    pairs alone. The second round starts from the first one's log-odds, so it has half the trees and half the leaves.

    Args:
        threads: models that train or score at once, each on one thread: their number changes no result.
        read: the pair reader's log-odds of the pairs that the first round is not sure of, a column of the second.

    Raises:
        NotEnoughPairs: the labels cannot teach a model.
    """
    calibration_pairs = labels.calibration_pairs()
    of_val = labels.select(calibration_pairs)
    check_training_pairs(of_val.same_product, of_val.fold, params.folds)
    scored_by = scoring_mask(labels.held_out, params.folds)

    def fit_round(features: PairFeatures, params: PairModelParams) -> tuple[list[lightgbm.Booster], Float64]:
        values = features.values()
        models = fit_folds(values, features.names, labels, params, threads)
        return models, mean_log_odds(models, values, scored_by, threads)

    first_models, first = fit_round(features, params)
    smaller = {"trees": max(1, params.trees // 2), "leaves": max(2, params.leaves // 2)}
    second_models, second = fit_round(
        second_round_features(features, first, read), params.model_copy(update=smaller)
    )
    calibration = fit_platt(second[calibration_pairs], of_val.same_product, of_val.n_queries)
    scores = PairScores(calibration.probability(second), first, second, scored_by)
    return PairModel(first_models, second_models, calibration), scores


def second_round_features(
    features: PairFeatures, log_odds: Float64, read: ReadPairs | None = None
) -> PairFeatures:
    """The first round's log-odds of a pair and of the pairs around it, then all that the first round sees.

    Where there is a pair reader, its log-odds stand between them.
    """
    second = support_features(features.candidates, log_odds)
    if read is not None:
        second.add("reader", READER, read(features.candidates, log_odds))
    return second.join(features)


def _read_none(candidates: Candidates, log_odds: Float64) -> Float32:
    return np.full(len(candidates), np.nan, np.float32)


def fit_folds(
    values: Float32, names: Sequence[str], labels: PairLabels, params: PairModelParams, threads: int = 1
) -> list[lightgbm.Booster]:
    """One model for each fold k, trained on the pairs of which no listing is in fold k.

    Of the pairs of two products at most about `params.negatives` are drawn, whose weight stands for all of them.
    Equal input gives models of equal bytes.

    Args:
        values: float32 (P, F). names: the F columns. labels: those of the P pairs.
    """
    pair = np.flatnonzero(labels.train_mask)
    is_positive = labels.same_product[pair]
    share = min(1.0, params.negatives / max(1, int((~is_positive).sum())))
    pair = pair[is_positive | (np.random.default_rng(params.seed).random(len(pair)) < share)]
    train = labels.select(pair)
    weight = np.where(train.same_product, train.weight, train.weight / share)
    lightgbm_params = {
        "objective": "binary",
        "learning_rate": params.learning_rate,
        "num_leaves": params.leaves,
        "min_data_in_leaf": 40,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "max_bin": 63,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": params.seed,
        "verbose": -1,
    }

    def fit_fold(k: int) -> lightgbm.Booster:
        mask = (train.fold != k).all(axis=0)
        data = lightgbm.Dataset(
            values[pair[mask]], train.same_product[mask], weight=weight[mask], feature_name=list(names)
        )
        return lightgbm.train(dict(lightgbm_params), data, params.trees)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(fit_fold, range(params.folds)))


def scoring_mask(held_out: Int32, n_folds: int) -> Bools:
    """The models that score each pair: bool (P, folds).

    Those of the folds that are held out for it; all models where there are none.

    Args:
        held_out: int32 (2, P), −1 for none.
    """
    in_fold = (held_out[:, :, None] == np.arange(n_folds)).any(axis=0)
    return in_fold | ~in_fold.any(axis=1, keepdims=True)


def mean_log_odds(
    models: Sequence[lightgbm.Booster], values: Float32, scored_by: Bools, threads: int = 1
) -> Float64:
    """The mean log-odds of each pair over the models that score it: float64 (P,).

    Args:
        values: float32 (P, F). scored_by: bool (P, models), at least one for each pair.
        threads: models that score at once.
    """

    def log_odds(k: int) -> Float64:
        scores, pairs = np.zeros(len(values)), np.flatnonzero(scored_by[:, k])
        for start in range(0, len(pairs), ROWS):
            block = pairs[start : start + ROWS]
            scores[block] = models[k].predict(values[block], raw_score=True, num_threads=1)
        return scores

    with ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(log_odds, range(len(models))), np.zeros(len(values)))
    return total / scored_by.sum(axis=1)
