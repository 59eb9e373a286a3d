"""Every query of a system with its matches, what it missed, and what a person should review."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from samesku.app.report.catalogue import SPLITS, Catalogue, ShownListings
from samesku.app.report.pairs import ReportPairs, make_cards
from samesku.app.review_pairs import read_review_pairs
from samesku.arrays import Float64, Int64
from samesku.evaluation.metrics import SIZES, row_f1

MAX_MISSED, MAX_REVIEW = 12, 8  # cards of these kinds under one query

#: kind of card -> [label, tone]
KINDS = {
    "same": ["✓ correct", "good"],
    "different": ["✕ wrong", "bad"],
    "match": ["match", "plain"],
    "missed": ["◌ missed", "warn"],
    "review": ["? to review", "info"],
}
#: filter -> label
VIEWS = {
    "all": "all",
    "wrong": "wrongly matched",
    "missed": "missed",
    "correct": "all correct",
    "none": "no match",
    "review": "clerical review",
}
#: labels of the groups by number of listings
GROUPS = [str(low) if low == high else f"{low}–{high}" if high else f"{low} and more" for low, high in SIZES]

Cards = dict[int, list[dict[str, Any]]]
Probabilities = dict[tuple[int, int], float]
CardSource = tuple[ReportPairs, Sequence[str], Float64 | None]  # pairs, kinds, score_before


def choose_queries(catalogue: Catalogue, most: int) -> Int64:
    """The rows of at most `most` queries: test first, then val, then train, each in the order of the ids."""
    order = np.concatenate([np.flatnonzero(catalogue.listings.split == split) for split in SPLITS])
    return order[:most]


def missed_pairs(matches: ReportPairs, catalogue: Catalogue, queries: Int64) -> tuple[Int64, Int64]:
    """(query, listing): the listings of each query's product that may match it and are not among its matches."""
    matched = set(matches.keys)
    product = catalogue.listings.product.tolist()
    members: dict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(product):
        if label >= 0:
            members[label].append(row)
    pairs = [
        (query, listing)
        for query in queries.tolist()
        for listing in members.get(product[query], [])
        if listing != query and (query, listing) not in matched
    ]
    query, listing = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    may_match = catalogue.listings.allowed.of_rows(query, listing)
    return query[may_match], listing[may_match]


def read_review(path: Path, catalogue: Catalogue) -> Probabilities:
    """The pairs of review.parquet, from either side: (query, listing) -> probability."""
    left, right, probability = read_review_pairs(path)
    sides = (catalogue.rows(names).tolist() for names in (left, right))
    rows = zip(*sides, probability.tolist(), strict=True)
    return {pair: probability for a, b, probability in rows for pair in ((a, b), (b, a))}


def top_pairs(pairs: ReportPairs, most: int) -> tuple[ReportPairs, dict[int, int]]:
    """The `most` pairs of highest score of each query, best first; and query -> how many more it has."""
    order = np.lexsort((pairs.listing, -np.nan_to_num(pairs.score, nan=-np.inf), pairs.query))
    query = pairs.query[order]
    rank = np.arange(len(query)) - np.searchsorted(query, query)
    rest, counts = np.unique(query[rank >= most], return_counts=True)
    return pairs[order[rank < most]], dict(zip(rest.tolist(), counts.tolist(), strict=True))


def match_kinds(matches: ReportPairs, catalogue: Catalogue) -> list[str]:
    """What the labels say of each match: same, different, or match if one of the two has no label."""
    product = catalogue.listings.product
    labelled = (product[matches.query] >= 0) & (product[matches.listing] >= 0)
    same = catalogue.same_product(matches.query, matches.listing)
    return np.where(~labelled, "match", np.where(same, "same", "different")).tolist()


def cards_by_query(sources: Sequence[CardSource], catalogue: Catalogue, shown: ShownListings) -> Cards:
    """query -> its cards, source by source."""
    cards: Cards = defaultdict(list)
    for pairs, kinds, score_before in sources:
        made = make_cards(pairs, kinds, catalogue, shown, score_before)
        for query, card in zip(pairs.query.tolist(), made, strict=True):
            cards[query].append(card)
    return cards


def query_f1(matches: ReportPairs, catalogue: Catalogue) -> Float64:
    """The F1 of every listing as a query of the whole sample; float64 (N,), NaN without a label."""
    n = len(catalogue)
    n_predicted = np.bincount(matches.query, minlength=n)
    correct = catalogue.same_product(matches.query, matches.listing)
    hits = np.bincount(matches.query[correct], minlength=n)
    size = catalogue.product_size
    return np.where(size > 0, row_f1(hits, n_predicted, size - 1), np.nan)


def gallery_blocks(
    matches: ReportPairs,
    missed: ReportPairs,
    review: ReportPairs | None,
    catalogue: Catalogue,
    shown: ShownListings,
    queries: Int64,
) -> list[dict[str, Any]]:
    """One block for each query.

    Keys: query (its number among the shown listings), f1 (absent without a label), views (the filters that it
    passes), group (place in GROUPS), cards, hidden (how many missed listings have no card). The pairs in
    `review` are neither matched nor missed.
    """
    for row in queries:  # their pictures come first, in case not all fit
        shown.number(row)
    f1, n_predicted = query_f1(matches, catalogue), np.bincount(matches.query, minlength=len(catalogue))
    matches, _ = top_pairs(matches[np.isin(matches.query, queries)], len(matches))
    missed, hidden = top_pairs(missed, MAX_MISSED)
    sources: list[CardSource] = [
        (matches, match_kinds(matches, catalogue), None),
        (missed, ["missed"] * len(missed), None),
    ]
    if review is not None:
        sources.append((review, ["review"] * len(review), None))
    cards = cards_by_query(sources, catalogue, shown)
    blocks = []
    for row in queries.tolist():
        block: dict[str, Any] = {
            "query": shown.number(row),
            "cards": cards.get(row, []),
            "group": size_group(catalogue, row, n_predicted[row]),
        }
        if not np.isnan(f1[row]):
            block["f1"] = round(float(f1[row]), 4)
        block["views"] = passed_views(block["cards"], "f1" in block)
        if row in hidden:
            block["hidden"] = hidden[row]
        blocks.append(block)
    return blocks


def passed_views(cards: Sequence[dict[str, Any]], labelled: bool) -> list[str]:
    """The filters that a query passes by its cards."""
    kinds = {card["kind"] for card in cards}
    passed = {
        "all": True,
        "wrong": "different" in kinds,
        "missed": "missed" in kinds,
        "correct": labelled and not kinds & {"different", "missed"},
        "none": not kinds & {"same", "different", "match"},
        "review": any(card["kind"] == "review" or "review" in card for card in cards),
    }
    return [view for view in VIEWS if passed[view]]


def size_group(catalogue: Catalogue, row: int, n_predicted: int) -> int:
    """A query's place in GROUPS: by the size of its product, or without a label by itself and its matches."""
    size = int(catalogue.product_size[row]) or int(n_predicted) + 1
    return next(i for i, (low, high) in enumerate(SIZES) if low <= size <= (high or size))


def mark_review(missed: ReportPairs, probabilities: Probabilities) -> ReportPairs:
    """Missed pairs with their probability as score, and a mark if they are in clerical review."""
    score = np.array([probabilities.get(key, np.nan) for key in missed.keys])
    return replace(missed, score=score, review=~np.isnan(score))


def review_pairs(probabilities: Probabilities, shown: set[tuple[int, int]], queries: Int64) -> ReportPairs:
    """The pairs in clerical review that are not shown otherwise: the MAX_REVIEW likeliest of each query."""
    rows = set(queries.tolist())
    pairs = [(*key, p) for key, p in probabilities.items() if key[0] in rows and key not in shown]
    query, listing, score = np.array(pairs, dtype=np.float64).reshape(-1, 3).T
    return top_pairs(ReportPairs(query.astype(np.int64), listing.astype(np.int64), score, {}), MAX_REVIEW)[0]
