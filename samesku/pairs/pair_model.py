"""The pair model: gradient-boosted trees in two rounds, by folds.

No pair is scored by a model that has learned from it. The second round sees what the first says of the pairs around
a pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import lightgbm
import numpy as np

from samesku.arrays import Bools, Float32, Float64, Int32, Int64
from samesku.pairs.booster_file import read_booster
from samesku.pairs.calibration import Platt, fit_platt
from samesku.pairs.candidates import Candidates
from samesku.pairs.feature_blocks import PairFeatures
from samesku.pairs.features import support_columns
from samesku.pairs.labels import BLOCK, FoldCheck, LabelledCandidates, PairLabels, draw_training_pairs
from samesku.params.schema import PairModelParams
from samesku.scratch import new_array, slices
from samesku.workers.blocks import MapBlocks, map_by_threads

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

    def score(
        self, features: PairFeatures, map_blocks: MapBlocks, read: ReadPairs | None = None
    ) -> PairScores:
        """Score pairs that no model has seen, by the mean of all models.

        Args:
            map_blocks, read: as of `fit_pair_model`. A model that learned with a reader takes unread pairs too.
        """
        scored_by = new_array((len(features.candidates), len(self.first)), bool)
        scored_by[:] = True
        first = score_pairs(self.first, features, scored_by, map_blocks)
        if read is None and self.has_reader:
            read = _read_none
        second_features = second_round_features(features, first, read)
        second = score_pairs(self.second, second_features, scored_by, map_blocks)
        return PairScores(self.calibration.probability(second), first, second, scored_by)

    def save(self, folder: Path) -> None:
        """Write the models as LightGBM's text files."""
        for name, models in (("pair", self.first), ("support", self.second)):
            for k, model in enumerate(models):
                model.save_model(folder / f"{name}_{k}.txt", importance_type="gain")

    @staticmethod
    def load(folder: Path, calibration: Platt) -> PairModel:
        """What `save` wrote; there are no models where it wrote nothing.

        Raises:
            ValueError: a file is damaged or missing, or of another model.
        """

        def read(name: str) -> list[lightgbm.Booster]:
            files = (folder / f"{name}_{k}.txt" for k in range(len(list(folder.glob(f"{name}_*.txt")))))
            return [read_booster(file) for file in files]

        model = PairModel(read("pair"), read("support"), calibration)
        if len(model.first) != len(model.second):
            raise ValueError(
                f"{len(model.first)} models of the first round and {len(model.second)} of the second"
            )
        features = [booster.feature_name() for booster in model.first]
        of_second = [booster.feature_name() for booster in model.second]
        for k, (first, second) in enumerate(zip(features, of_second, strict=True)):
            support, shared = second[: -len(first)], second[-len(first) :]
            if first != features[0] or second != of_second[0] or shared != first or not support:
                raise ValueError(f"pair_{k}.txt or support_{k}.txt has the features of another model")
        return model


def fit_pair_model(
    features: PairFeatures,
    labels: LabelledCandidates,
    params: PairModelParams,
    threads: int,
    read: ReadPairs | None = None,
    map_blocks: MapBlocks | None = None,
) -> tuple[PairModel, PairScores]:
    """Train on the labelled pairs, and score all pairs out of fold.

    The second round and the calibration learn from out-of-fold log-odds too, the calibration from those of val's
    pairs alone. The second round starts from the first one's log-odds, so it has half the trees and half the leaves.

    Args:
        labels: of the pairs of `features`.
        threads: models that train at once: their number changes no result.
        read: the pair reader's log-odds of the pairs that the first round is not sure of, a column of the second.
        map_blocks: who describes and scores blocks of pairs; so many threads by default.

    Raises:
        NotEnoughPairs: the labels cannot teach a model.
    """
    map_blocks = map_blocks or map_by_threads(threads)
    calibration_pairs, of_val, scored_by = _read_labels(labels, features, params.folds)
    drawn, of_drawn = draw_training_pairs(labels, len(features.candidates), params)
    values = features.gather(drawn)
    first_models = fit_folds(values, features.names, of_drawn, params, threads)
    first = score_pairs(first_models, features, scored_by, map_blocks)
    smaller = {"trees": max(1, params.trees // 2), "leaves": max(2, params.leaves // 2)}
    second_features = second_round_features(features, first, read)
    values = second_features.gather(drawn)
    params = params.model_copy(update=smaller)
    second_models = fit_folds(values, second_features.names, of_drawn, params, threads)
    second = score_pairs(second_models, second_features, scored_by, map_blocks)
    calibration = fit_platt(second[calibration_pairs], *of_val)
    scores = PairScores(calibration.probability(second), first, second, scored_by)
    return PairModel(first_models, second_models, calibration), scores


def _read_labels(
    labels: LabelledCandidates, features: PairFeatures, n_folds: int
) -> tuple[Int64, tuple[Bools, Int64], Bools]:
    """The pairs that calibrate, whether these are of one product, how often each counts; the models of all pairs.

    Returns:
        int64 (M,), bool (M,) and int64 (M,); bool (P, folds), as of `PairScores`.

    Raises:
        NotEnoughPairs: they cannot calibrate a model.
    """
    scored_by = new_array((len(features.candidates), n_folds), bool)
    check = FoldCheck(n_folds)
    calibrating = []
    for block in slices(len(scored_by), BLOCK):
        of_block = labels.select(block)
        scored_by[block] = scoring_mask(of_block.held_out, n_folds)
        chosen = np.flatnonzero(of_block.calibration_pairs())
        of_val = of_block.select(chosen)
        check.add(of_val.same_product, of_val.fold)
        calibrating.append((block.start + chosen, of_val.same_product, of_val.n_queries))
    check.refuse()
    pair, same_product, n_queries = (np.concatenate(column) for column in zip(*calibrating, strict=True))
    return pair, (same_product, n_queries), scored_by


def second_round_features(
    features: PairFeatures, log_odds: Float64, read: ReadPairs | None = None
) -> PairFeatures:
    """The first round's log-odds of a pair and of the pairs around it, then all that the first round sees.

    Where there is a pair reader, its log-odds stand between them.
    """
    candidates = features.candidates
    parts = [support_columns(candidates, log_odds)]
    if read is not None:
        column = read(candidates, log_odds)
        parts.append(lambda block: block.add("reader", READER, column[block.pair]))
    return features.after(parts)


def _read_none(candidates: Candidates, log_odds: Float64) -> Float32:
    column = new_array(len(candidates), np.float32)
    column[:] = np.nan
    return column


def fit_folds(
    values: Float32, names: Sequence[str], labels: PairLabels, params: PairModelParams, threads: int = 1
) -> list[lightgbm.Booster]:
    """One model for each fold k, trained on the pairs of which no listing is in fold k.

    Equal input gives models of equal bytes.

    Args:
        values: float32 (M, F). names: the F columns. labels: those of the M pairs, as of `draw_training_pairs`.
    """
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
        mask = (labels.fold != k).all(axis=0)
        data = lightgbm.Dataset(
            values[mask], labels.same_product[mask], weight=labels.weight[mask], feature_name=list(names)
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


def score_pairs(
    models: Sequence[lightgbm.Booster],
    features: PairFeatures,
    scored_by: Bools,
    map_blocks: MapBlocks | None = None,
) -> Float64:
    """`mean_log_odds` of all pairs, block by block: float64 (P,).

    Args:
        map_blocks: who describes and scores the blocks; one thread by default.
    """
    log_odds = new_array(len(features.candidates), np.float64)
    score = partial(_score_block, models, features, scored_by)
    scores = (map_blocks or map_by_threads(1))(score, features.blocks())
    for block, of_block in zip(features.blocks(), scores, strict=True):
        log_odds[block] = of_block
    return log_odds


def _score_block(
    models: Sequence[lightgbm.Booster], features: PairFeatures, scored_by: Bools, block: slice
) -> Float64:
    return mean_log_odds(models, features.values(block), scored_by[block])


def mean_log_odds(models: Sequence[lightgbm.Booster], values: Float32, scored_by: Bools) -> Float64:
    """The mean log-odds of each pair over the models that score it: float64 (M,).

    Args:
        values: float32 (M, F). scored_by: bool (M, models), at least one for each pair.
    """
    total = np.zeros(len(values))
    for model, pairs in zip(models, scored_by.T, strict=True):
        scores = np.zeros(len(values))
        scores[pairs] = model.predict(values[pairs], raw_score=True, num_threads=1) if pairs.any() else 0
        total += scores
    return total / scored_by.sum(axis=1)
