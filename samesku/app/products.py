"""The groups of a system as products that people look at: listings, scores to the centre, contradictions."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from samesku import artefacts
from samesku.app.report.catalogue import Catalogue, ShownListings
from samesku.app.report.pairs import ReportPairs, read_matches, read_metrics, score_pairs, score_weights
from samesku.arrays import Float64, Int64
from samesku.errors import InputError
from samesku.params import Params

MAX_CONTRADICTIONS = 20  # shown of one group
#: Two prices that differ by this factor or more speak against one product; shops differ by less.
PRICE_CONTRADICTION = 3.0


def product_content(
    system: str, params: Params, catalogue: Catalogue, shown: ShownListings
) -> dict[str, Any]:
    """The products of a system for a page. JSON can hold it.

    Keys: system; threshold, below which a listing is a weak member; groups, the largest first, each
    [listings, scores, contradictions]. Listings are numbers of `shown`, the closest to the centre first. A score is
    the mean score of a listing with the others of its group, and is missing for a group of one listing.
    A contradiction is [place, place, text] of two of the listings.

    Raises:
        InputError: the system has no groups, or they are of another sample.
    """
    groups = read_groups(system, catalogue)
    matches = read_matches(system, catalogue)
    metrics = read_metrics(artefacts.predictions_folder(system))
    weights = score_weights(system, params, metrics, matches)
    left, right, number = pairs_within(groups)
    score = pair_scores_within(left, right, matches, weights, catalogue)
    to_centre = centre_scores(left, right, score, len(catalogue))
    contradictions = find_contradictions(left, right, number, catalogue)
    blocks: list[list[Any]] = []
    for i, rows in enumerate(groups):
        if len(rows) == 1:
            blocks.append([[shown.number(rows[0])]])
            continue
        rows = rows[np.argsort(-to_centre[rows], kind="stable")]
        place = {row: k for k, row in enumerate(rows.tolist())}
        block = [
            [shown.number(row) for row in rows],
            [round(float(value), 3) for value in to_centre[rows]],
        ]
        if i in contradictions:
            block.append([[place[a], place[b], text] for a, b, text in contradictions[i]])
        blocks.append(block)
    threshold = float(matches.score.min(initial=1.0))
    return {"system": system, "threshold": round(threshold, 4), "groups": blocks}


def count_contradictions(content: Mapping[str, Any]) -> int:
    """How many groups of `product_content` have listings that contradict each other."""
    return sum(len(group) > 2 for group in content["groups"])


def read_groups(system: str, catalogue: Catalogue) -> list[Int64]:
    """The rows of each group of a system, the largest group first, equal ones by their first listing.

    Raises:
        InputError: the system has no groups, or they are of another sample.
    """
    path = artefacts.predictions_folder(system) / "groups.parquet"
    if not path.is_file():
        raise InputError(f"{path} is missing; run `dvc repro`, or name a system of {artefacts.PREDICTIONS}")
    table = artefacts.read_columns(path, ["posting_id", "group"])
    rows = catalogue.rows(table["posting_id"].to_pylist())
    group = artefacts.to_numpy(table["group"]).astype(np.int64)
    rows, group = rows[group >= 0], group[group >= 0]
    order = np.lexsort((rows, group))
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    groups = np.split(rows[order], starts[1:]) if len(order) else []
    return sorted(groups, key=lambda of: (-len(of), int(of[0])))


def pairs_within(groups: Sequence[Int64]) -> tuple[Int64, Int64, Int64]:
    """The pairs of two listings of one group: rows, rows, and the place of their group; three int64 (P,)."""
    pairs = [(a, b, i) for i, rows in enumerate(groups) for a, b in combinations(rows.tolist(), 2)]
    left, right, number = np.array(pairs, dtype=np.int64).reshape(-1, 3).T
    return left, right, number


def pair_scores_within(
    left: Int64,
    right: Int64,
    matches: ReportPairs,
    weights: Mapping[str, float] | None,
    catalogue: Catalogue,
) -> Float64:
    """The score of pairs within groups, float64 (P,): that of the match, else the fused one.

    Without weights that explain the scores (the pair model), a pair that is no match has the score 0: it is below
    every match.
    """
    if weights:
        owner = catalogue.listings.owner
        fused = score_pairs(left, right, list(weights), weights, owner=owner).score
        score = np.nan_to_num(fused, nan=0.0)
    else:
        score = np.zeros(len(left))
    n = len(catalogue)
    low, high = np.minimum(matches.query, matches.listing), np.maximum(matches.query, matches.listing)
    keys, place = np.unique(low * n + high, return_inverse=True)
    best = np.full(len(keys), -np.inf)
    np.maximum.at(best, place, matches.score)
    wanted = np.minimum(left, right) * n + np.maximum(left, right)
    if len(keys):
        nearest = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        score = np.where(keys[nearest] == wanted, best[nearest], score)
    return score


def centre_scores(left: Int64, right: Int64, score: Float64, n_listings: int) -> Float64:
    """The mean score of each listing with the others of its group; float64 (N,), NaN for a group of one."""
    total, count = np.zeros(n_listings), np.zeros(n_listings)
    for side in (left, right):
        np.add.at(total, side, score)
        np.add.at(count, side, 1)
    return np.divide(total, count, out=np.full(n_listings, np.nan), where=count > 0)


def find_contradictions(
    left: Int64, right: Int64, number: Int64, catalogue: Catalogue
) -> dict[int, list[tuple[int, int, str]]]:
    """Place of a group -> its pairs whose titles or attributes contradict each other, as (row, row, text)."""
    contradictions: dict[int, list[tuple[int, int, str]]] = {}
    notes = catalogue.attributes.notes(left, right)
    for i, (a, b, of) in enumerate(zip(left.tolist(), right.tolist(), number.tolist(), strict=True)):
        texts = describe_contradictions(catalogue, a, b, notes[i])
        if texts and len(contradictions.setdefault(of, [])) < MAX_CONTRADICTIONS:
            contradictions[of].append((a, b, ", ".join(texts)))
    return contradictions


def describe_contradictions(
    catalogue: Catalogue, left: int, right: int, notes: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What contradicts in two listings, in words: `500 ml ≠ 250 ml`, `brand Acme ↔ Bosch`, `twice in shop A`.

    Where only pairs across shops may match, a product that one shop has twice is in doubt.

    Args:
        notes: of the two, as of `Attributes.notes`.
    """
    titles = catalogue.listings.title[left], catalogue.listings.title[right]
    texts = []
    for conflict in catalogue.conflicts(left, right):
        sides = (
            ", ".join(title[start:stop] for start, stop in conflict[side])
            for title, side in zip(titles, ("left", "right"), strict=True)
        )
        texts.append(" ≠ ".join(sides))
    texts += [
        note["text"]
        for note in notes
        if not note["equal"] and note.get("ratio", PRICE_CONTRADICTION) >= PRICE_CONTRADICTION
    ]
    allowed = catalogue.listings.allowed
    if allowed.link == "across" and allowed.shop[left] == allowed.shop[right]:
        texts.append(f"twice in {catalogue.listings.source[left] or 'one shop'}")
    return texts
