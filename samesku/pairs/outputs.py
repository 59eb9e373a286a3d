"""What the pair model adds to the outs of a system: explanations, clerical review, figures, models."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesku.arrays import Bools, Float64, Int32
from samesku.artefacts import round_floats, write_csv, write_json, write_table
from samesku.catalogue.listings import Links, Listings, visible_products
from samesku.evaluation.annotated import AnnotatedPairs
from samesku.evaluation.decisions import Decisions
from samesku.evaluation.rules import Rules
from samesku.evaluation.thresholds import count_relevant
from samesku.pairs.calibration import calibration_error
from samesku.pairs.clerical_review import OUTCOMES, ReviewThresholds, choose_review_thresholds, review_figures
from samesku.pairs.explain import explain_scores, feature_importances
from samesku.pairs.feature_blocks import PairFeatures
from samesku.pairs.pair_model import PairModel, PairScores
from samesku.scratch import slices

BLOCK = 2**20  # pairs at once
MAX_IMPORTANCES = 30  # features in the plot
NO_MODEL = "fused score: "  # before the reason, in the metrics of a gallery without a pair model


@dataclass(frozen=True)
class RerankedGallery:
    """A gallery whose candidate pairs are scored by a pair model.

    Attributes:
        features, scores: of each part of the gallery; val is in the first part, test in the last.
    """

    features: list[PairFeatures]
    scores: list[PairScores]
    model: PairModel


def review_galleries(
    galleries: Mapping[str, RerankedGallery], listings: Listings, precision: float, missed: float
) -> tuple[dict[str, ReviewThresholds], dict[str, Any]]:
    """Choose each gallery's thresholds of clerical review on val, and measure them on val and test.

    A pair counts once for each of its listings that is a labelled query of the split.

    Args:
        precision, missed: as of `choose_review_thresholds`.

    Returns:
        The thresholds, and the figures for metrics.json, by gallery.
    """
    thresholds, figures = {}, {}
    for name, gallery in galleries.items():
        val = _query_pairs(gallery.features[0], gallery.scores[0], listings, "val")
        test = _query_pairs(gallery.features[-1], gallery.scores[-1], listings, "test")
        thresholds[name] = choose_review_thresholds(*val[:3], precision=precision, missed=missed)
        figures[name] = asdict(thresholds[name])
        for split, (probability, same_product, _, n_relevant) in (("val", val), ("test", test)):
            if len(probability):
                figures[name][split] = review_figures(
                    thresholds[name], probability, same_product, n_relevant
                ) | {"calibration_error": calibration_error(probability, same_product)}
    return thresholds, round_floats(figures)


def add_pair_evidence(
    folder: Path,
    gallery: RerankedGallery,
    decisions: Decisions,
    listings: Listings,
    thresholds: ReviewThresholds,
    links: Links,
) -> None:
    """Add what explains the predictions of the full gallery to `folder`, as `write_predictions` left it.

    These are columns of matches.parquet, review.parquet and plots/importance.csv.
    """
    features, scores, neighbours = gallery.features[0], gallery.scores[0], decisions.neighbours
    position, rank = np.nonzero(decisions.is_match)
    pair = features.candidates.index(neighbours.query[position], neighbours.neighbour[position, rank])
    matches = pq.read_table(folder / "matches.parquet")
    outcome = np.array(OUTCOMES)[thresholds.outcome(scores.probability[pair])]
    outcome[np.isposinf(neighbours.score[position, rank])] = "accept"  # a rule has decided
    matches = matches.append_column("clerical_review", pa.array(outcome.tolist(), pa.string()))
    distinct, place = np.unique(pair, return_inverse=True)
    for family, moves in explain_scores(gallery.model, features, scores, distinct).items():
        matches = matches.append_column(f"why_{family}", pa.array(moves[place]))
    write_table(folder / "matches.parquet", matches)
    to_review = review_columns(gallery, listings, thresholds, links, decisions.rules)
    write_table(folder / "review.parquet", to_review)
    importances = feature_importances(gallery.model, features.families)[:MAX_IMPORTANCES]
    write_csv(folder / "plots" / "importance.csv", importances)


def review_columns(
    gallery: RerankedGallery,
    listings: Listings,
    thresholds: ReviewThresholds,
    links: Links,
    rules: Rules | None = None,
) -> dict[str, NDArray[Any]]:
    """The columns of review.parquet: the pairs that a person should see, the most probable first.

    A pair that a rule decides needs no person. Where there are annotated pairs, `annotation` is same, different or "".
    They stay in the list, for the random sample of `samesku threshold --annotations` is drawn from it.
    """
    candidates, probability = gallery.features[0].candidates, gallery.scores[0].probability
    review = OUTCOMES.index("review")
    pair = np.concatenate(
        [
            block.start + np.flatnonzero(thresholds.outcome(probability[block]) == review)
            for block in slices(len(candidates), BLOCK)
        ]
        or [np.empty(0, np.int64)]
    )
    if rules is not None:
        left, right = candidates.select(pair).catalogue_rows
        pair = pair[(rules.gtin[left] < 0) | (rules.gtin[right] < 0)]
    pair = pair[np.argsort(-probability[pair], kind="stable")]
    left, right = candidates.select(pair).catalogue_rows
    columns = {
        "left": listings.posting_id[left],
        "right": listings.posting_id[right],
        "probability": probability[pair].astype(np.float32),
    }
    if annotated := AnnotatedPairs.of_links(links, listings):
        columns["annotation"] = annotated.answers(left, right)
    return columns


def write_models(
    folder: Path,
    galleries: Mapping[str, RerankedGallery],
    decisions: Mapping[str, Decisions],
    thresholds: Mapping[str, ReviewThresholds],
) -> None:
    """Write `folder`/<gallery>/: LightGBM's text files, and numbers.json with what else decides a match."""
    folder.mkdir()
    if not galleries:  # DVC warns of an empty folder
        write_json(folder / "none.json", {"models": 0})
    for name, gallery in galleries.items():
        (folder / name).mkdir()
        gallery.model.save(folder / name)
        numbers = {
            "calibration": asdict(gallery.model.calibration),
            "threshold": decisions[name].threshold,
            "min_score": decisions[name].min_score,
            "clerical_review": asdict(thresholds[name]),
        }
        write_json(folder / name / "numbers.json", numbers)


def _query_pairs(
    features: PairFeatures, scores: PairScores, listings: Listings, split: str
) -> tuple[Float64, Bools, Int32, int]:
    """The candidates of the labelled queries of a split, query after query. To val, test's labels are hidden.

    Returns:
        Their probability, whether they are of the query's product, the query's component, and the number of
        relevant listings of all queries.
    """
    candidates, rows = features.candidates, features.candidates.rows
    product = listings.product if split == "test" else visible_products(listings)
    is_query = ((listings.split == split) & (product >= 0))[rows]
    lists = candidates.lists_of(np.flatnonzero(is_query))
    query, match = rows[is_query][lists.listing], rows[lists.candidate]
    n_relevant = int(count_relevant(product, rows[is_query], rows, listings.allowed).sum())
    same_product = product[query] == product[match]
    return scores.probability[lists.pair], same_product, listings.component[query], n_relevant
