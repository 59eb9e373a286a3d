"""What each threshold of a system would do: matches, groups, precision and recall, and the pairs around it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from samesku import artefacts
from samesku.annotations.estimate import estimate_curve
from samesku.annotations.file import Annotation, Pair
from samesku.annotations.sampling import read_drawn
from samesku.app.annotated_threshold import candidate_pairs, read_pair_sample
from samesku.app.report.catalogue import Catalogue, ShownListings
from samesku.app.report.pairs import read_metrics
from samesku.app.threshold import threshold_key
from samesku.arrays import Float64, Int64
from samesku.catalogue.listings import Links, read_links, val_labelled, visible_products
from samesku.errors import InputError
from samesku.evaluation.clusters import group_listings
from samesku.evaluation.rules import read_rules
from samesku.evaluation.thresholds import count_relevant
from samesku.params import Params

STEPS = 80  # thresholds on the page
N_CLUSTERED = 9  # of them, for which groups are counted
DEPTH = 3  # pairs for each listing, down to which thresholds go
BELOW = 0.1  # and at least so far below the present one, where there are candidates
EXAMPLES = 4  # pairs shown just above a threshold, and as many just below


def threshold_content(
    system: str,
    params: Params,
    catalogue: Catalogue,
    shown: ShownListings,
    annotations: Mapping[Pair, Annotation],
) -> dict[str, Any] | None:
    """The thresholds of a system for a page; None where no single threshold decides. JSON can hold it.

    Keys: system; key, of params.yaml, null where there is none; current, the threshold of the last run; clusters,
    whether that run kept only the matches within clusters, which the steps do not; steps, rising, each [threshold,
    matches, matched listings, groups (null for most), precision and recall on val (null without labels), precision by
    annotations and its 95% interval (null without any)]; examples, falling, each [listing, listing, score, whether
    they are one product (null if not known)]. A match is a pair of two listings.

    Raises:
        InputError: the system has not run, or ran on another sample.
    """
    try:
        key = threshold_key(system, params)
    except InputError:  # a decision for each query
        return None
    metrics = read_metrics(artefacts.predictions_folder(system))
    current = metrics.get("threshold", {}).get("full")
    left, right, score = candidate_pairs(system, params, catalogue.listings)
    if current is None or not len(score):
        return None
    order = np.argsort(-score, kind="stable")
    left, right, score = left[order], right[order], score[order]
    lowest = min(
        float(score[min(len(score), DEPTH * len(catalogue)) - 1]), max(current - BELOW, float(score[-1]))
    )
    grid = np.linspace(lowest, max(float(score[0]), current), STEPS).round(4)
    grid = grid[grid != round(current, 4)]  # no two steps look the same when they are rounded
    steps = np.unique(np.append(grid, current))
    n_pairs = np.searchsorted(-score, -steps, side="right")
    of_val = val_curve(left, right, n_pairs, catalogue)
    of_people = annotated_curve(system, params, catalogue, annotations, steps)
    present = int(np.searchsorted(steps, current))
    n_groups = count_groups(left, right, score, n_pairs, present, params, catalogue)
    n_matched = [len(np.unique(np.concatenate([left[:n], right[:n]]))) for n in n_pairs.tolist()]
    rows = [
        [round(float(steps[i]), 4), int(n_pairs[i]), n_matched[i], n_groups.get(i), *of_val[i], *of_people[i]]
        for i in range(len(steps))
    ]
    product = visible_products(catalogue.listings)
    places = {int(n) + shift for n in n_pairs for shift in range(-EXAMPLES, EXAMPLES)}
    examples = []
    for place in sorted(place for place in places if 0 <= place < len(score)):
        a, b = int(left[place]), int(right[place])
        known = min(product[a], product[b]) >= 0
        same = int(product[a] == product[b]) if known else None
        examples.append([shown.number(a), shown.number(b), round(float(score[place]), 4), same])
    by_clusters = metrics.get("decided_by", {}).get("full") == "clusters"
    return {
        "system": system,
        "key": key,
        "current": round(float(steps[present]), 4),
        "clusters": by_clusters,
        "steps": rows,
        "examples": examples,
    }


def val_curve(left: Int64, right: Int64, n_pairs: Int64, catalogue: Catalogue) -> list[list[float | None]]:
    """Precision and recall of the labelled queries of val, for the first n of the pairs; a pair counts for each.

    Args:
        left, right: int (P,) rows, the highest score first. n_pairs: int (T,).
    """
    listings = catalogue.listings
    queries = val_labelled(listings)
    if not queries.any():
        return [[None, None]] * len(n_pairs)
    weight = queries[left].astype(np.int64) + queries[right]
    product = visible_products(listings)
    same = (product[left] == product[right]) & (product[left] >= 0)
    predicted, correct = (np.concatenate([[0], np.cumsum(of)])[n_pairs] for of in (weight, weight * same))
    rows = np.flatnonzero(queries)
    relevant = int(count_relevant(product, rows, listings.gallery("full"), listings.allowed).sum())
    return [
        [round(float(hits / n), 4) if n else None, round(float(hits / relevant), 4) if relevant else None]
        for n, hits in zip(predicted, correct, strict=True)
    ]


def annotated_curve(
    system: str,
    params: Params,
    catalogue: Catalogue,
    annotations: Mapping[Pair, Annotation],
    steps: Float64,
) -> list[list[float | None]]:
    """The precision at each step by the annotated sample of pairs, and both ends of its 95% interval."""
    nothing: list[list[float | None]] = [[None] * 3] * len(steps)
    if not annotations:
        return nothing
    sample = read_pair_sample(system, params, catalogue.listings)
    drawn = read_drawn(sample, catalogue.listings.posting_id, annotations)
    if not len(drawn):
        return nothing
    curve = estimate_curve(sample, drawn)
    place = np.searchsorted(-curve.threshold, -steps, side="right") - 1
    return [
        [round(float(value), 4) for value in (curve.precision[i], *curve.interval[i])]
        if i >= 0 and not np.isnan(curve.precision[i])
        else [None] * 3
        for i in place.tolist()
    ]


def count_groups(
    left: Int64,
    right: Int64,
    score: Float64,
    n_pairs: Int64,
    present: int,
    params: Params,
    catalogue: Catalogue,
) -> dict[int, int]:
    """The number of groups of two listings or more at some of the steps, by their place; at `present` always.

    The groups obey the annotations that the last run obeyed, and the rules of params.yaml.
    """
    listings = catalogue.listings
    path = artefacts.LINKS / "all.parquet"
    links = read_links(path, len(listings)) if path.is_file() else Links()
    if rules := read_rules(listings, params.match, params.groups):  # their pairs come first, as in the run
        score = np.where((rules.gtin[left] == rules.gtin[right]) & (rules.gtin[left] >= 0), np.inf, score)
    counts = {}
    places = np.linspace(0, len(n_pairs) - 1, N_CLUSTERED).astype(int)
    for i in np.unique([*places, present]).tolist():
        n = int(n_pairs[i])
        group = group_listings(left[:n], right[:n], score[:n], listings, params.groups, links, rules)
        counts[i] = int((np.bincount(group) > 1).sum())
    return counts
