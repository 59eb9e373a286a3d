"""Answers about listings as plain values: programs read them as JSON, people as text or on the web page."""

from typing import Any

import numpy as np

from samesku.app.catalogue_index import CatalogueIndex
from samesku.app.query_listing import QueryListing
from samesku.catalogue.title_tokens import conflict_places, read_items
from samesku.errors import InputError
from samesku.search.fusion import DECIMALS, channel_cosines, pair_scores
from samesku.search.neighbours import Neighbours

Channels = dict[str, dict[str, float | None]]


def match_listings(index: CatalogueIndex, left: QueryListing, right: QueryListing) -> dict[str, Any]:
    """Whether two new listings are the same product, and why.

    Returns:
        same: bool. score: −1 to 1, None if the two have nothing in common to compare. threshold: the score
        from which they are the same. channels: name -> similarity (−1 to 1, None if one of the two lacks the
        channel) and weight (its share of the score, 0 to 1, among the channels that both have). conflicts:
        as `conflict_places`.

    Raises:
        InputError: a listing has neither a title nor a picture.
    """
    for number, listing in enumerate((left, right), 1):
        if listing.empty:
            raise InputError(
                f"listing {number} has neither a title nor a picture; allowed: one of them, or both"
            )
    queries = index.embed_listings([left, right])
    score, threshold = index.pair_score(queries), index.pair_threshold(queries)
    cosines = channel_cosines(queries.channels, np.array([0]), np.array([1]), owner=queries.owner)
    return {
        "same": score is not None and score >= threshold,
        "score": score,
        "threshold": threshold,
        "channels": _channel_shares(index, cosines, 0),
        "conflicts": conflict_places(read_items(left.title), read_items(right.title)),
    }


def search_catalogue(index: CatalogueIndex, query: QueryListing, k: int = 10) -> dict[str, Any]:
    """The k nearest listings of the catalogue.

    Returns:
        threshold: of a static decision, else None. results, best first: posting_id, title, image (its file
        name), further_images, score, match (whether the decision accepts it), channels and conflicts as in
        `match_listings`.

    Raises:
        InputError: the listing has neither a title nor a picture.
    """
    if query.empty:
        raise InputError("the listing has neither a title nor a picture; allowed: one of them, or both")
    queries = index.embed_listings([query])
    decision_k = index.params.index.k  # a dynamic decision sees as many neighbours as in the pipeline
    neighbours = index.search(queries, max(k, decision_k))
    if index.static_threshold is None:
        neighbours = Neighbours(
            neighbours.query, neighbours.neighbour[:, :decision_k], neighbours.score[:, :decision_k]
        )
    n_results = min(k, int(neighbours.valid[0].sum()))
    rows, is_match = neighbours.neighbour[0, :n_results], index.find_matches(neighbours)[0]
    listings, query_items = index.listings, read_items(query.title)
    query_rows = np.zeros(n_results, np.int32)
    cosines = channel_cosines(
        queries.channels, query_rows, rows, index.channels, queries.owner, listings.owner
    )
    results = [
        {
            "posting_id": listings.posting_id[row],
            "title": listings.title[row],
            "image": listings.image[row],
            "further_images": [listings.further.image[place] for place in listings.further_of(row)],
            "score": round(float(neighbours.score[0, rank]), DECIMALS),
            "match": bool(is_match[rank]),
            "channels": _channel_shares(index, cosines, rank),
            "conflicts": conflict_places(query_items, read_items(listings.title[row])),
        }
        for rank, row in enumerate(rows.tolist())
    ]
    return {"threshold": index.static_threshold, "results": results}


def explain_pair(index: CatalogueIndex, left: int, right: int) -> dict[str, Any]:
    """Score, channels and conflicts, as in `match_listings`, of two rows of the catalogue."""
    rows = np.array([left]), np.array([right])
    channels = {name: index.channels[name] for name in index.weights}
    score = float(pair_scores(index.fused, *rows)[0])
    titles = index.listings.title
    return {
        "score": None if np.isnan(score) else round(score, DECIMALS),
        "channels": _channel_shares(index, channel_cosines(channels, *rows, owner=index.listings.owner), 0),
        "conflicts": conflict_places(read_items(titles[left]), read_items(titles[right])),
    }


def _channel_shares(index: CatalogueIndex, cosines: dict[str, np.ndarray], pair: int) -> Channels:
    """Similarity and weight of each channel for one of the pairs."""
    values = {name: float(column[pair]) for name, column in cosines.items()}
    total = sum(index.weights[name] for name, value in values.items() if not np.isnan(value))
    return {
        name: {"similarity": None, "weight": None}
        if np.isnan(value)
        else {"similarity": round(value, DECIMALS), "weight": round(index.weights[name] / total, DECIMALS)}
        for name, value in values.items()
    }
