"""Answers about new listings as plain values: what programs read as JSON, and people as text or a page."""

from __future__ import annotations

from typing import Any

import numpy as np

from samesku.app.given import Given
from samesku.app.indexed import Indexed, New
from samesku.catalogue.conflicts import Item, conflicts, items
from samesku.errors import InputError
from samesku.search.neighbours import Neighbours


def match(indexed: Indexed, one: Given, two: Given) -> dict[str, Any]:
    """Whether two listings are one product, and why.

    Returns:
        same: bool. score: −1 to 1, None where the two have nothing in common to be compared by.
        threshold: the score from which they are the same. channels: name -> similarity (−1 to 1, None where
        one of the two lacks it) and weight (its share of the score, 0 to 1, of what both have).
        conflicts: see `contradictions`.

    Raises:
        InputError: a listing has neither a title nor a picture.
    """
    for number, given in enumerate((one, two), 1):
        if given.empty:
            raise InputError(
                f"listing {number} has neither a title nor a picture; allowed: one of them, or both"
            )
    new = indexed.embed_given([one, two])
    score, threshold = indexed.score(new), indexed.threshold(new)
    similarity = {name: _cosine(rows[0], rows[1]) for name, rows in new.channels.items()}
    return {
        "same": score is not None and score >= threshold,
        "score": score,
        "threshold": threshold,
        "channels": _shares(indexed, similarity),
        "conflicts": contradictions(one.title, two.title),
    }


def search(indexed: Indexed, given: Given, k: int = 10) -> dict[str, Any]:
    """The k nearest listings of the catalogue.

    Returns:
        threshold: of a static decision, else None. results, best first: posting_id, title, image (its file
        name), score, match (whether the decision keeps it), channels and conflicts as in `match`.

    Raises:
        InputError: the listing has neither a title nor a picture.
    """
    if given.empty:
        raise InputError("the listing has neither a title nor a picture; allowed: one of them, or both")
    new = indexed.embed_given([given])
    # A dynamic decision looks at as many neighbours as the pipeline does.
    found = indexed.nearest(new, max(k, indexed.settings.index.k))
    if indexed.settings.decision.kind == "dynamic":
        found = _first(found, indexed.settings.index.k)
    keep = indexed.keep(found)[0]
    results: list[dict[str, Any]] = []
    for row, score, kept in zip(found.neighbour[0].tolist(), found.score[0].tolist(), keep, strict=True):
        if row < 0 or len(results) == k:
            break
        results.append(
            {
                "posting_id": indexed.ids[row],
                "title": indexed.titles[row],
                "image": indexed.images[row],
                "score": round(score, 6),
                "match": bool(kept),
                "channels": _shares(indexed, similarities(indexed, new, 0, row)),
                "conflicts": contradictions(given.title, indexed.titles[row]),
            }
        )
    static = indexed.settings.decision.kind == "static"
    return {"threshold": indexed.threshold if static else None, "results": results}


def pair(indexed: Indexed, left: int, right: int) -> dict[str, Any]:
    """What `match` says, of two listings of the catalogue (rows)."""
    similarity = {
        name: _cosine(indexed.stored[name][left], indexed.stored[name][right]) for name in indexed.weights
    }
    shared = indexed.fused.shared_weight(*(int(indexed.fused.modality_mask[row]) for row in (left, right)))
    inner = float(indexed.fused.vectors[left] @ indexed.fused.vectors[right])
    return {
        "score": round(inner / shared, 6) if shared else None,
        "channels": _shares(indexed, similarity),
        "conflicts": contradictions(indexed.titles[left], indexed.titles[right]),
    }


def similarities(indexed: Indexed, new: New, query: int, row: int) -> dict[str, float | None]:
    """Each channel's cosine of a new listing and one of the catalogue; None where one lacks the channel."""
    return {name: _cosine(rows[query], indexed.stored[name][row]) for name, rows in new.channels.items()}


def contradictions(left: str, right: str) -> list[dict[str, list[list[int]]]]:
    """Numbers, quantities and codes of two titles that stand against each other: 500 ml and 1 l.

    Returns:
        for each kind that both have without one value in common: left and right, the [start, stop] of each
        of its places in the title.
    """
    return [
        {"left": _places(ours), "right": _places(theirs)}
        for ours, theirs in conflicts(items(left), items(right))
    ]


def _places(found: list[Item]) -> list[list[int]]:
    return [[item.start, item.stop] for item in found]


def _cosine(one: np.ndarray, two: np.ndarray) -> float | None:
    return round(float(one @ two), 6) if one.any() and two.any() else None


def _shares(indexed: Indexed, similarity: dict[str, float | None]) -> dict[str, dict[str, float | None]]:
    total = sum(indexed.weights[name] for name, value in similarity.items() if value is not None)
    return {
        name: {
            "similarity": value,
            "weight": round(indexed.weights[name] / total, 6) if value is not None else None,
        }
        for name, value in similarity.items()
    }


def _first(found: Neighbours, k: int) -> Neighbours:
    return Neighbours(found.query, found.neighbour[:, :k], found.score[:, :k])
