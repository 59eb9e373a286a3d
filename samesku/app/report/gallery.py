"""Every query of a system with its matches, what it missed and what a person should see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesku.app.report import pairs as report_pairs
from samesku.app.report.catalogue import SPLITS, Catalogue, Shown
from samesku.app.report.pairs import Pairs
from samesku.evaluation import f1, strata

MISSED, REVIEW = 12, 8  # cards of these kinds that a query shows at most

#: kind of card -> [what it says, tone]
KINDS = {
    "same": ["✓ same", "good"],
    "other": ["✕ different", "bad"],
    "match": ["match", "plain"],
    "missed": ["◌ missed", "warn"],
    "review": ["? review", "hint"],
}
#: filter -> what it says
VIEWS = {
    "all": "all",
    "fp": "false positives",
    "fn": "false negatives",
    "right": "all right",
    "none": "no match",
    "review": "review band",
}
#: filter by the listings of a query's product
GROUPS = [
    str(low) if low == high else f"{low}–{high}" if high else f"{low} and more" for low, high in strata.BOUNDS
]

Cards = dict[int, list[dict[str, Any]]]
Rows = NDArray[np.int64]
Part = tuple[Pairs, Sequence[str], NDArray[np.float64] | None]  # the last: the score of another system


def choose(known: Catalogue, most: int) -> Rows:
    """The rows of the queries to show: of test first, then val, then train, in the order of their ids."""
    order = np.concatenate([np.flatnonzero(known.listings.split == name) for name in reversed(SPLITS)])
    return order[:most]


def missed(found: Pairs, known: Catalogue, queries: Rows) -> tuple[Rows, Rows]:
    """(query, other): the listings of a query's product that are not among its matches."""
    has = set(found.key)
    members: dict[int, list[int]] = defaultdict(list)
    for row, product in enumerate(known.listings.product.tolist()):
        if product >= 0:
            members[product].append(row)
    pairs = [
        (query, other)
        for query in queries.tolist()
        for other in members.get(int(known.listings.product[query]), [])
        if other != query and (query, other) not in has
    ]
    query, other = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return query, other


def band(path: Path, known: Catalogue) -> dict[tuple[int, int], float]:
    """(query, other), from either side -> probability: the pairs of review.parquet."""
    table = pq.read_table(path)
    left, right = (known.rows(table[side].to_pylist()).tolist() for side in ("left", "right"))
    probability = table["probability"].to_pylist()
    return {pair: p for a, b, p in zip(left, right, probability, strict=True) for pair in ((a, b), (b, a))}


def first(pairs: Pairs, most: int) -> tuple[Pairs, dict[int, int]]:
    """Each query's `most` pairs of highest score, best first; and how many more it has."""
    order = np.lexsort((pairs.other, -np.nan_to_num(pairs.score, nan=-np.inf), pairs.query))
    query = pairs.query[order]
    rank = np.arange(len(query)) - np.searchsorted(query, query)
    more = query[rank >= most]
    return pairs[order[rank < most]], dict(
        zip(*map(np.ndarray.tolist, np.unique(more, return_counts=True)), strict=True)
    )


def kinds(found: Pairs, known: Catalogue) -> list[str]:
    """What the labels say of each match: same, other, or match where one has no label."""
    product = known.listings.product
    labelled = (product[found.query] >= 0) & (product[found.other] >= 0)
    same = known.same(found.query, found.other)
    return np.where(~labelled, "match", np.where(same, "same", "other")).tolist()


def lay(parts: Sequence[Part], known: Catalogue, shown: Shown) -> Cards:
    """Query -> its cards, part by part."""
    laid: Cards = defaultdict(list)
    for pairs, kind, before in parts:
        made = report_pairs.cards(pairs, kind, known, shown, before)
        for query, card in zip(pairs.query.tolist(), made, strict=True):
            laid[query].append(card)
    return laid


def row_f1(found: Pairs, known: Catalogue) -> NDArray[np.float64]:
    """The F1 of every listing as a query of the whole sample; float64 (N,), NaN where it has no label."""
    n = len(known.title)
    kept = np.bincount(found.query, minlength=n)
    hits = np.bincount(found.query[known.same(found.query, found.other)], minlength=n)
    return np.where(known.size > 0, f1.row_f1(hits, kept, known.size - 1), np.nan)


def gallery(
    found: Pairs, missing: Pairs, review: Pairs | None, known: Catalogue, shown: Shown, queries: Rows
) -> list[dict[str, Any]]:
    """One block for each query.

    Keys: query (its number among the listings shown), f1 (absent without a label), flags (the VIEWS that show
    it), group (place in GROUPS), cards, and hidden: how many cards were left out.

    Args:
        missing: of `missed`. review: pairs in the band that are neither matched nor missed.
    """
    for row in queries:  # their pictures come first where not all have room
        shown(row)
    mean, kept = row_f1(found, known), np.bincount(found.query, minlength=len(known.title))
    ours = found[np.isin(found.query, queries)]
    ours, _ = first(ours, len(ours))
    missing, hidden = first(missing, MISSED)
    parts: list[Part] = [(ours, kinds(ours, known), None), (missing, ["missed"] * len(missing), None)]
    if review is not None:
        parts.append((review, ["review"] * len(review), None))
    laid = lay(parts, known, shown)
    made = []
    for row in queries.tolist():
        cards = laid.get(row, [])
        block: dict[str, Any] = {"query": shown(row), "cards": cards, "group": group(known, row, kept[row])}
        if not np.isnan(mean[row]):
            block["f1"] = round(float(mean[row]), 4)
        block["flags"] = flags(cards, "f1" in block)
        if row in hidden:
            block["hidden"] = hidden[row]
        made.append(block)
    return made


def flags(cards: Sequence[dict[str, Any]], labelled: bool) -> list[str]:
    """The filters that a query passes by its cards."""
    found = {card["kind"] for card in cards}
    passed = {
        "fp": "other" in found,
        "fn": "missed" in found,
        "right": labelled and not found & {"other", "missed"},
        "none": not found & {"same", "other", "match"},
        "review": any(card["kind"] == "review" or "review" in card for card in cards),
    }
    return ["all", *(name for name in VIEWS if passed.get(name))]


def group(known: Catalogue, row: int, kept: int) -> int:
    """A query's place in GROUPS: by its product's listings, or without a label by itself and its matches."""
    size = int(known.size[row]) or int(kept) + 1
    return next(at for at, (low, high) in enumerate(strata.BOUNDS) if low <= size <= (high or size))


def reviewed(pairs: Pairs, probability: dict[tuple[int, int], float]) -> Pairs:
    """Missed pairs, with the score and the mark of those that lie in the band."""
    score = np.array([probability.get(key, np.nan) for key in pairs.key])
    return replace(pairs, score=score, review=~np.isnan(score))


def doubtful(probability: dict[tuple[int, int], float], apart: set[tuple[int, int]], queries: Rows) -> Pairs:
    """The band's pairs that are not shown otherwise: each query's REVIEW likeliest."""
    asked = set(queries.tolist())
    some = [(*key, p) for key, p in probability.items() if key[0] in asked and key not in apart]
    query, other, score = np.array(some, dtype=np.float64).reshape(-1, 3).T
    return first(Pairs(query.astype(np.int64), other.astype(np.int64), score, {}), REVIEW)[0]
