"""A threshold by annotations: which pairs a system's sample holds, and what its annotations say of thresholds."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from samesku import artefacts
from samesku.annotations.estimate import PairCurve, estimate_curve, estimate_recall
from samesku.annotations.file import read_annotations
from samesku.annotations.sampling import Drawn, PairSample, Plan, plan_draws, read_drawn, stratify_pairs
from samesku.app.report.catalogue import Catalogue
from samesku.app.report.pairs import read_matches, read_metrics
from samesku.app.review_pairs import read_review_pairs
from samesku.arrays import Float64, Int64, Ints
from samesku.catalogue.listings import Listings, visible_products
from samesku.errors import InputError
from samesku.evaluation.decisions import decision_statistics
from samesku.evaluation.rules import apply_rules, read_rules
from samesku.params import Params
from samesku.search.neighbours import read_neighbours

MARGIN = 0.03  # half the width of the interval to which annotations shall bring the precision


@dataclass(frozen=True)
class SampleResult:
    """What the annotations of a sample say of a wanted precision.

    Attributes:
        n_annotated: the drawn pairs with an answer. n_pairs: all candidate pairs. wanted: the precision.
        needed: about how many more draws bring the precision at the threshold to ± MARGIN.
        reached: whether a threshold reaches the wanted precision with 95% confidence.
        position: on the curve, of the lowest such threshold; without one, of where the precision is guessed to fall
            below the wanted one.
        recall: at this threshold, the estimate and both ends of its 95% interval, as of `estimate_recall`.
    """

    n_annotated: int
    n_pairs: int
    wanted: float
    plan: Plan
    needed: int
    curve: PairCurve
    reached: bool
    position: int
    recall: tuple[float, float, float]

    @property
    def threshold(self) -> float:
        """The score at `position`."""
        return float(self.curve.threshold[self.position])

    def shown(self) -> dict[str, Any]:
        """For the web page: what is wanted and needed, and the present estimate.

        Keys: precision, margin, needed, reached; estimate (null before there is one): threshold, precision, recall
        (null before there is one), and their intervals [low, high].
        """
        position, curve = self.position, self.curve
        estimate: dict[str, Any] | None = None
        if not np.isnan(curve.precision[position]):
            recall, *interval = self.recall
            estimate = {
                "threshold": curve.threshold[position],
                "precision": curve.precision[position],
                "precision_interval": curve.interval[position].tolist(),
                "recall": None if np.isnan(recall) else recall,
                "recall_interval": interval,
            }
        result = {"precision": self.wanted, "margin": MARGIN, "needed": self.needed, "reached": self.reached}
        return result | {"estimate": artefacts.round_floats(estimate)}


def candidate_pairs(system: str, params: Params, listings: Listings) -> tuple[Int64, Int64, Float64]:
    """A system's candidate pairs in the full gallery: low row, high row and score, each (P,) and each pair once.

    Candidates are the neighbours of the main system that its rules and `match.one_to_one` leave, and the matches of any
    other system with the pairs below its threshold that its clerical review leaves to people. A pair that a rule made a
    match has score 1.

    Raises:
        InputError: the stage has not run, or ran on another sample.
    """
    pairs: tuple[Ints, Ints]
    if system == "samesku":
        path = artefacts.NEIGHBOURS / "full.parquet"
        if not path.is_file():
            raise InputError(f"{path} is missing; run `dvc repro index`")
        neighbours = read_neighbours(path, listings.gallery("full"))
        if rules := read_rules(listings, params.match, params.groups):
            neighbours = apply_rules(neighbours, rules.within(listings, "full"), listings.allowed)
        neighbours, _ = decision_statistics(neighbours, listings.allowed)
        position, rank = np.nonzero(neighbours.valid)
        pairs = neighbours.query[position], neighbours.neighbour[position, rank]
        score = np.minimum(neighbours.score[position, rank].astype(np.float64), 1)
    else:
        catalogue = Catalogue(listings)
        matches, (left, right, probability) = (
            read_matches(system, catalogue),
            _review_pairs(system, catalogue),
        )
        pairs = np.concatenate([matches.query, left]), np.concatenate([matches.listing, right])
        score = np.concatenate([matches.score, probability])
    low, high = np.minimum(*pairs).astype(np.int64), np.maximum(*pairs).astype(np.int64)
    best_first = np.lexsort((-score, high, low))  # an approximate search may score the two directions apart
    keys, first = np.unique((low * len(listings) + high)[best_first], return_index=True)
    left, right = np.divmod(keys, max(1, len(listings)))
    return left, right, score[best_first][first].round(6)


def _review_pairs(system: str, catalogue: Catalogue) -> tuple[Int64, Int64, Float64]:
    """The pairs of a system's clerical review: rows, rows and probabilities; none where it has no such review.

    Where it accepts pairs below the threshold of a match, these are in no file, and the others would be counted without
    them.
    """
    folder = artefacts.predictions_folder(system)
    path, metrics = folder / "review.parquet", read_metrics(folder)
    accept = metrics.get("clerical_review", {}).get("full", {}).get("accept", 1.0)
    if not path.is_file() or accept < metrics.get("threshold", {}).get("full", 0.0):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    left, right, probability = read_review_pairs(path)
    return catalogue.rows(left), catalogue.rows(right), probability


def read_pair_sample(system: str, params: Params, listings: Listings) -> PairSample:
    """The sample of a system's candidate pairs in the full gallery: each pair once, in a random order by data.seed.

    Where train or val has labels, pairs with a listing of test are left out: its labels choose nothing, and neither
    does what people say of these listings.

    Raises:
        InputError: the stage has not run, or ran on another sample.
    """
    left, right, score = candidate_pairs(system, params, listings)
    # Where labels measure, test is measured with them or would be: its listings choose nothing, labelled or not.
    hidden = (listings.split == "test") & (visible_products(listings) >= 0).any()
    keep = ~hidden[left] & ~hidden[right]
    return stratify_pairs(listings.posting_id, left[keep], right[keep], score[keep], params.data.seed)


def judge_sample(sample: PairSample, drawn: Drawn, precision: float) -> SampleResult:
    """What the drawn pairs say of a wanted precision, and where the next ones are drawn. The sample has a pair."""
    plan, curve = plan_draws(sample, drawn, precision), estimate_curve(sample, drawn)
    lowest = curve.lowest(precision)
    guess = int(np.searchsorted(curve.n_pairs, sample.start[plan.last + 1]))
    position = guess if lowest is None else lowest
    recall = estimate_recall(sample, drawn, float(curve.threshold[position]))
    needed = plan.count_needed(MARGIN)
    return SampleResult(
        len(drawn), len(sample), precision, plan, needed, curve, lowest is not None, position, recall
    )


def annotated_threshold(system: str, precision: float, params: Params, listings: Listings) -> SampleResult:
    """The lowest threshold at which a system's candidate pairs reach a precision, by annotated pairs.

    Args:
        precision: what the lower end of the one-sided 95% interval must reach.

    Raises:
        InputError: too few pairs are annotated, or no threshold is precise enough.
    """
    sample = read_pair_sample(system, params, listings)
    if not len(sample):
        raise InputError(f"{system} has no candidate pair outside of test; none can be annotated")
    annotations = read_annotations(artefacts.ANNOTATIONS)
    drawn = read_drawn(sample, listings.posting_id, annotations)
    result = judge_sample(sample, drawn, precision)
    if result.reached:
        return result
    if result.needed:
        raise InputError(
            f"too few annotated pairs for precision {precision:g}: {result.n_annotated} of {len(annotations)} are of "
            f"the random sample, which the page Pairs of `samesku serve` asks; about {result.needed} more settle it "
            f"to ±{MARGIN:.0%}"
        )
    best = int(np.argmax(result.curve.low))
    low, high = result.curve.interval[best]
    raise InputError(
        f"no threshold of {system} reaches precision {precision:g} with 95% confidence by {result.n_annotated} "
        f"annotated pairs; the most certain one, {result.curve.threshold[best]:.6g}, has {low:.1%} to {high:.1%}; ask "
        "for less, or annotate more pairs with `samesku serve`"
    )
