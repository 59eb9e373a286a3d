"""What the pair model adds to the outs of a system: explanations, clerical review, figures, models."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesku.artefacts import replace_out, write_csv, write_json
from samesku.catalogue.listings import Listings
from samesku.evaluation import relevance
from samesku.evaluation.evaluate import Judged
from samesku.pairs.calibration import calibration_error
from samesku.pairs.clerical_review import (
    OUTCOMES,
    ReviewThresholds,
    choose_review_thresholds,
    review_figures,
)
from samesku.pairs.explain import explain_scores, feature_importances
from samesku.pairs.features import PairFeatures
from samesku.pairs.pair_model import PairModel, PairScores
from samesku.search.neighbours import Neighbours

MAX_IMPORTANCES = 30  # features in the plot


@dataclass(frozen=True)
class RerankedGallery:
    """A gallery whose candidate pairs are scored by a pair model.

    Attributes:
        features, scores: of each part of the gallery; val is in the first part, test in the last.
        neighbours: the best candidates of each listing of all parts.
    """

    features: list[PairFeatures]
    scores: list[PairScores]
    model: PairModel
    neighbours: Neighbours


def review_gallery(
    gallery: RerankedGallery,
    listings: Listings,
    visible_product: NDArray[np.int32],
    precision: float,
    missed: float,
) -> tuple[ReviewThresholds, dict[str, Any]]:
    """Choose the thresholds of clerical review on val, and measure them on val and test.

    A pair counts once for each of its listings that is a labelled query of the split.

    Args:
        visible_product: int32 (N,), without the labels of test.
        precision, missed: as of `choose_review_thresholds`.
    """
    pairs = {
        "val": _query_pairs(gallery.features[0], gallery.scores[0], listings, visible_product, "val"),
        "test": _query_pairs(gallery.features[-1], gallery.scores[-1], listings, listings.product, "test"),
    }
    probability, same_product, component, _ = pairs["val"]
    thresholds = choose_review_thresholds(
        probability, same_product, component, precision=precision, missed=missed
    )
    figures: dict[str, Any] = asdict(thresholds)
    for split, (probability, same_product, _, n_relevant) in pairs.items():
        if len(probability):
            figures[split] = review_figures(thresholds, probability, same_product, n_relevant)
            figures[split]["calibration_error"] = calibration_error(probability, same_product)
    return thresholds, figures


def add_pair_evidence(
    folder: Path,
    gallery: RerankedGallery,
    is_match: NDArray[np.bool_],
    listings: Listings,
    thresholds: ReviewThresholds,
) -> None:
    """Add to the predictions of the full gallery: columns of matches.parquet, review.parquet, importances.

    Args:
        folder: as `write_predictions` left it. is_match: bool (Q, k), the neighbours that are matches.
    """
    features, scores, neighbours = gallery.features[0], gallery.scores[0], gallery.neighbours
    query, rank = np.nonzero(is_match)
    pair = features.candidates.index(neighbours.query[query], neighbours.neighbour[query, rank])
    with replace_out(folder) as beside:
        shutil.copytree(folder, beside)
        matches = pq.read_table(beside / "matches.parquet")
        outcome = np.array(OUTCOMES)[thresholds.outcome(scores.probability[pair])]
        matches = matches.append_column("clerical_review", pa.array(outcome.tolist(), pa.string()))
        distinct, position = np.unique(pair, return_inverse=True)
        for family, moves in explain_scores(gallery.model, features, scores, distinct).items():
            matches = matches.append_column(f"why_{family}", pa.array(moves[position]))
        pq.write_table(matches, beside / "matches.parquet")
        pq.write_table(review_table(gallery, listings, thresholds), beside / "review.parquet")
        importances = feature_importances(gallery.model, features.families)[:MAX_IMPORTANCES]
        write_csv(beside / "plots" / "importance.csv", importances)


def review_table(gallery: RerankedGallery, listings: Listings, thresholds: ReviewThresholds) -> pa.Table:
    """review.parquet: the pairs that a person should see, the most probable first."""
    candidates, probability = gallery.features[0].candidates, gallery.scores[0].probability
    pair = np.flatnonzero(thresholds.outcome(probability) == OUTCOMES.index("review"))
    pair = pair[np.argsort(-probability[pair], kind="stable")]
    left, right = candidates.catalogue_rows
    return pa.table(
        {
            "left": pa.array(listings.posting_id[left[pair]], pa.string()),
            "right": pa.array(listings.posting_id[right[pair]], pa.string()),
            "probability": probability[pair].astype(np.float32),
        }
    )


def write_models(
    folder: Path,
    galleries: Mapping[str, RerankedGallery],
    decisions: Mapping[str, Judged],
    thresholds: Mapping[str, ReviewThresholds],
) -> None:
    """Write `folder`/<gallery>/: LightGBM's text files, and numbers.json with what else decides a match."""
    with replace_out(folder) as beside:
        beside.mkdir()
        for name, gallery in galleries.items():
            (beside / name).mkdir()
            gallery.model.save(beside / name)
            numbers = {
                "calibration": asdict(gallery.model.calibration),
                "threshold": decisions[name].threshold,
                "min_score": decisions[name].floor,
                "clerical_review": asdict(thresholds[name]),
            }
            write_json(beside / name / "numbers.json", numbers)


def _query_pairs(
    features: PairFeatures, scores: PairScores, listings: Listings, product: NDArray[np.int32], split: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int32], int]:
    """The candidates of the labelled queries of a split, query after query.

    Returns:
        Their probability, whether they are of the query's product, the query's component, and the number of
        relevant listings of all queries.
    """
    listing, candidate, pair = features.candidates.lists
    rows = features.candidates.rows
    is_query = (listings.split == split) & (product >= 0)
    entries = is_query[rows[listing]]
    query, match = rows[listing[entries]], rows[candidate[entries]]
    n_relevant = int(relevance.n_relevant(product, rows[is_query[rows]], rows).sum())
    same_product = product[query] == product[match]
    return scores.probability[pair[entries]], same_product, listings.component[query], n_relevant
