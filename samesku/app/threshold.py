"""`samesku threshold`: the lowest threshold at which a system's matches are as precise as wanted."""

from dataclasses import dataclass

import numpy as np

from samesku import artefacts
from samesku.app.report.catalogue import Catalogue, read_catalogue
from samesku.app.report.pairs import ReportPairs, read_matches, read_metrics
from samesku.errors import InputError
from samesku.evaluation.thresholds import count_relevant
from samesku.pairs.clerical_review import ERROR, choose_review_thresholds
from samesku.params import Params
from samesku.params.schema import Match
from samesku.search.fusion import UNREACHABLE


@dataclass(frozen=True)
class SplitResult:
    """A system's matches of one split at a threshold."""

    split: str
    n_predicted: int
    n_correct: int
    n_relevant: int

    @property
    def precision(self) -> float:
        return self.n_correct / max(1, self.n_predicted)

    @property
    def recall(self) -> float:
        return self.n_correct / max(1, self.n_relevant)


def precision_threshold(
    system: str, precision: float, match: Match | None = None
) -> tuple[float, list[SplitResult]]:
    """The lowest threshold of a precision, chosen by the labels of val, and its results on val and test.

    It is sought among the system's matches in the full gallery: what its decision rejected is not considered.

    Args:
        system: a folder of data/predictions.
        precision: above 0, up to 1: what the lower end of the one-sided 95% bootstrap interval (over
            connected components) of the precision of val's matches must reach. A match counts once for each
            of its two listings that is a val query.
        match: the group `match` of params.yaml; by default, all pairs are allowed.

    Raises:
        InputError: a file is missing, val has no labels, or no threshold reaches the precision.
    """
    catalogue = read_catalogue(match)
    matches = read_matches(system, catalogue)
    listings = catalogue.listings
    matches = matches[listings.product[matches.query] >= 0]
    score = matches.score.round(6)
    same = catalogue.same_product(matches.query, matches.listing)
    val = listings.split[matches.query] == "val"
    if not val.any():
        raise InputError(f"{system} has no match of a labelled val listing; such matches choose a threshold")
    component = listings.component[matches.query[val]]
    threshold = choose_review_thresholds(
        score[val], same[val], component, precision=precision, missed=0.0
    ).accept
    if threshold == UNREACHABLE:
        n = len(np.unique(component))
        if (highest := ERROR ** (1 / n)) < precision:
            raise InputError(
                f"val is too small for precision {precision:g}: its matches are of {n} products that share nothing. If "
                f"all were right, {highest:.3f} would hold with 95% confidence; ask for less, or label more products"
            )
        another = (
            "" if system == "rerank" else "name another system (rerank is the most precise as shipped), or "
        )
        raise InputError(
            f"no threshold of {system} reaches precision {precision:g} on val with 95% confidence; {another}ask for "
            "less"
        )
    accepted = matches[score >= threshold]
    return threshold, [_split_result(catalogue, accepted, split) for split in ("val", "test")]


def _split_result(catalogue: Catalogue, matches: ReportPairs, split: str) -> SplitResult:
    listings = catalogue.listings
    matches = matches[listings.split[matches.query] == split]
    queries = np.flatnonzero((listings.split == split) & (listings.product >= 0))
    relevant = count_relevant(listings.product, queries, listings.gallery("full"), listings.allowed)
    n_correct = catalogue.same_product(matches.query, matches.listing).sum()
    return SplitResult(split, len(matches), int(n_correct), int(relevant.sum()))


def describe_adoption(system: str, threshold: float, params: Params, of_labels: bool) -> str:
    """How to adopt a threshold; "" for a system without a key.

    Args:
        of_labels: whether it was chosen among the matches of the last run, of which clusters may have left a part.
    """
    key, metrics = threshold_key(system, params), read_metrics(artefacts.predictions_folder(system))
    if key is None:
        return ""
    if of_labels and metrics.get("decided_by", {}).get("full") == "clusters":
        present = metrics["threshold"]["full"]
        return (
            f"do not adopt it yet: these matches are what clusters left, and {key} decides without clusters; run "
            f"dvc exp run -S {key}={present:g}, and ask again"
        )
    row = params.compare.get(system)
    alpha = f" -S compare.{system}.alpha={metrics['alpha']:g}" if row and isinstance(row.alpha, list) else ""
    return f"adopt it: dvc exp run{alpha} -S {key}={threshold:g}"


def threshold_key(system: str, params: Params) -> str | None:
    """The key of params.yaml that holds a system's threshold; None for the rows of `tune` and `learned_fusion`.

    It begins with ++, by which DVC adds a key, where the file leaves it out.

    Raises:
        InputError: the system decides by mean + m · std of each query, not by a threshold on the score.
    """
    decisions = {"samesku": params.decision} | {name: s.decision for name, s in params.compare.items()}
    if system in decisions and decisions[system].kind != "static":
        raise InputError(
            f"{system} decides by {decisions[system].kind}; allowed: a system with a static threshold"
        )
    if system not in params.compare:
        return {"samesku": "decision.value", "rerank": "rerank.value"}.get(system)
    is_there = "value" in params.compare[system].decision.model_fields_set
    return f"{'' if is_there else '++'}compare.{system}.decision.value"
