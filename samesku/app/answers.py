"""Answers about listings as plain values: programs read them as JSON, people as text or on the web page."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from samesku.app.catalogue_index import CatalogueIndex
from samesku.app.query_listing import QueryListing
from samesku.catalogue.attributes import read_attributes, read_gtins
from samesku.catalogue.reader import ATTRIBUTES
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
        as `conflict_places`. attributes: what agrees and what does not, as of `Attributes.notes`. rule: `equal
        GTIN` or `different GTINs` where match.rules decided, whatever the score; else None.

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
    gtins = read_gtins([listing.attributes.get("gtin", "") for listing in (left, right)])
    rule = None
    if index.rules is not None and gtins.min() >= 0:
        rule = "equal GTIN" if gtins[0] == gtins[1] else "different GTINs"
    return {
        "same": rule == "equal GTIN" if rule else score is not None and score >= threshold,
        "score": score,
        "threshold": threshold,
        "channels": _channel_shares(index, cosines, 0),
        "conflicts": conflict_places(read_items(left.title), read_items(right.title)),
        "attributes": _attribute_notes([left], [right])[0],
        "rule": rule,
    }


def search_catalogue(index: CatalogueIndex, query: QueryListing, k: int = 10) -> dict[str, Any]:
    """The k nearest listings of the catalogue that may match one of the query's shop, by match.link.

    Returns:
        threshold: of a static decision, else None. results, best first: posting_id, title, source
        (its shop, "" for none), image (its file name), further_images, score, match (whether the decision accepts
        it), channels, conflicts and attributes as in `match_listings`. With match.rules, listings of the query's
        GTIN come first, beyond k; those that are not among the nearest have the score None.

    Raises:
        InputError: the listing has neither a title nor a picture, or match.link is within and the catalogue does not
            have its shop.
    """
    if query.empty:
        raise InputError("the listing has neither a title nor a picture; allowed: one of them, or both")
    queries = index.embed_listings([query])
    decision_k = index.params.index.k  # a dynamic decision sees as many neighbours as in the pipeline
    neighbours = index.search(queries, max(k, decision_k), query.source)
    if index.static_threshold is None:
        neighbours = Neighbours(
            neighbours.query, neighbours.neighbour[:, :decision_k], neighbours.score[:, :decision_k]
        )
    decided = index.follow_rules(
        neighbours, int(read_gtins([query.attributes.get("gtin", "")])[0]), query.source
    )
    if index.listings.allowed.one_to_one:
        allowed, groups, query_rows = index.with_queries(queries, query.source)
        kept, accepted = index.find_matches(replace(decided, query=query_rows), groups, allowed)
    else:
        kept, accepted = index.find_matches(decided)
    matches = kept.neighbour[accepted]
    nearest, by_rule = (
        neighbours.neighbour[0, neighbours.valid[0]],
        decided.neighbour[np.isposinf(decided.score)],
    )
    scores = dict(zip(nearest.tolist(), neighbours.score[0].tolist(), strict=False))
    nearest = nearest[:k]
    rows = np.concatenate([by_rule[~np.isin(by_rule, nearest)], nearest])
    listings, query_items = index.listings, read_items(query.title)
    cosines = channel_cosines(
        queries.channels, np.zeros(len(rows), np.int32), rows, index.channels, queries.owner, listings.owner
    )
    notes = _attribute_notes([query] * len(rows), [_catalogue_listing(index, row) for row in rows.tolist()])
    results = [
        {
            "posting_id": listings.posting_id[row],
            "title": listings.title[row],
            "source": listings.source[row],
            "image": listings.image[row],
            "further_images": [listings.further.image[place] for place in listings.further_of(row)],
            "score": round(scores[row], DECIMALS) if row in scores else None,
            "match": row in matches,
            "channels": _channel_shares(index, cosines, rank),
            "conflicts": conflict_places(query_items, read_items(listings.title[row])),
            "attributes": notes[rank],
        }
        for rank, row in enumerate(rows.tolist())
    ]
    return {"threshold": index.static_threshold, "results": results}


def explain_pair(index: CatalogueIndex, left: int, right: int) -> dict[str, Any]:
    """Score, channels, conflicts and attributes, as in `match_listings`, of two rows of the catalogue."""
    rows = np.array([left]), np.array([right])
    channels = {name: index.channels[name] for name in index.weights}
    score = float(pair_scores(index.fused, *rows)[0])
    titles = index.listings.title
    return {
        "score": None if np.isnan(score) else round(score, DECIMALS),
        "channels": _channel_shares(index, channel_cosines(channels, *rows, owner=index.listings.owner), 0),
        "conflicts": conflict_places(read_items(titles[left]), read_items(titles[right])),
        "attributes": _attribute_notes(*([_catalogue_listing(index, row)] for row in (left, right)))[0],
    }


def _catalogue_listing(index: CatalogueIndex, row: int) -> QueryListing:
    """A listing of the catalogue as a query without its picture."""
    attributes = {name: cells[row] for name, cells in index.cells.items()}
    return QueryListing(index.listings.title[row], None, "", attributes=attributes)


def _attribute_notes(
    left: Sequence[QueryListing], right: Sequence[QueryListing]
) -> list[list[dict[str, Any]]]:
    """`Attributes.notes` of P pairs of listings."""
    listings = [*left, *right]
    cells = {name: [listing.attributes.get(name, "") for listing in listings] for name in ATTRIBUTES}
    place = np.arange(len(left))
    return read_attributes(cells, [listing.title for listing in listings]).notes(place, place + len(left))


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
