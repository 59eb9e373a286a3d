"""Answers about listings as plain values: programs read them as JSON, people as text or on the web page."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from samesku.app.query_listing import QueryListing
from samesku.app.reasons import rank_reasons
from samesku.app.system_index import SystemIndex
from samesku.catalogue.attributes import read_attributes
from samesku.catalogue.gtin import read_gtins
from samesku.catalogue.reader import ATTRIBUTES
from samesku.catalogue.title_tokens import conflict_places, read_items
from samesku.errors import InputError
from samesku.search.fusion import DECIMALS, channel_cosines

Channels = dict[str, dict[str, float | None]]


def match_listings(index: SystemIndex, left: QueryListing, right: QueryListing) -> dict[str, Any]:
    """Whether two new listings are the same product, and why.

    Returns:
        system: the one that answers. instead_of: the one that was asked and cannot judge these listings, or None.
        same: bool. score: −1 to 1, None if the two have nothing in common to compare.
        threshold: the score from which they are the same. channels: name -> similarity (−1 to 1, None if one of the
        two lacks the channel) and weight (its share of the fused score, 0 to 1, among the channels that both have).
        reasons: of the pair model, as `rank_reasons`; else empty. conflicts: as `conflict_places`. attributes:
        what agrees and what does not, as of `Attributes.notes`. rule: `equal GTIN` or `different GTINs` where
        match.rules decided, whatever the score; else None.

    Raises:
        InputError: a listing has neither a title nor a picture.
    """
    for number, listing in enumerate((left, right), 1):
        if listing.empty:
            raise InputError(
                f"listing {number} has neither a title nor a picture; allowed: one of them, or both"
            )
    wanted, index = index, index.answering([left, right])
    comparison, threshold = index.compare(left, right)
    score = comparison.score
    gtins = read_gtins([listing.attributes.get("gtin", "") for listing in (left, right)])
    rule = None
    if index.rules is not None and gtins.min() >= 0:
        rule = "equal GTIN" if gtins[0] == gtins[1] else "different GTINs"
    return {
        "system": index.name,
        "instead_of": None if index is wanted else wanted.name,
        "same": rule == "equal GTIN" if rule else score is not None and score >= threshold,
        "score": score,
        "threshold": threshold,
        "channels": _channel_shares(index, comparison.cosines),
        "reasons": rank_reasons(comparison.reasons, comparison.cosines, left, right, index.params),
        "conflicts": conflict_places(read_items(left.title), read_items(right.title)),
        "attributes": _attribute_notes([left], [right])[0],
        "rule": rule,
    }


def search_catalogue(index: SystemIndex, query: QueryListing, k: int = 10) -> dict[str, Any]:
    """The k nearest listings of the catalogue that may match one of the query's shop, by match.link.

    Returns:
        system, instead_of: as in `match_listings`. threshold: of a static decision, else None. results, best first:
        posting_id, title, source (its shop, "" for none), image (its file name), further_images, score, match (whether
        the decision accepts it), channels, reasons, conflicts and attributes as in `match_listings`. With match.rules,
        listings of the query's GTIN come first, beyond k; those that are not among the nearest have the score None.
        The pair model gives the candidates of the query alone, which may be fewer than k.

    Raises:
        InputError: the listing has neither a title nor a picture, or match.link is within and the catalogue does not
            have its shop.
    """
    if query.empty:
        raise InputError("the listing has neither a title nor a picture; allowed: one of them, or both")
    wanted, index = index, index.answering([query])
    index.check_shop(query.source)
    asked, decision_k = index.ask([query]), index.params.index.k
    # A dynamic decision sees as many neighbours as in the pipeline.
    nearest = index.search(asked, decision_k if index.static_threshold is None else max(k, decision_k))
    neighbours, decided = nearest.neighbours, index.decide(asked, nearest)
    matches = decided.neighbours.neighbour[decided.is_match]
    by_rule = decided.neighbours.neighbour[np.isposinf(decided.neighbours.score)]
    scored = neighbours.neighbour[0, neighbours.valid[0]]
    scores = dict(zip(scored.tolist(), neighbours.score[0].tolist(), strict=False))
    shown = scored[:k]
    # Without an id, the query is the last listing: a place is the row of a listing.
    rows = np.concatenate([by_rule[~np.isin(by_rule, shown)], shown])
    listings, query_items, channels = index.listings, read_items(query.title), asked.rows.channels
    cosines = channel_cosines(
        channels, np.zeros(len(rows), np.int32), rows, index.channels, asked.rows.owner, listings.owner
    )
    of_run = rows[np.isin(rows, scored)]
    reasons = nearest.explain(np.full(len(of_run), len(index)), of_run)
    of_row = {
        row: {family: float(moves[place]) for family, moves in reasons.items()}
        for place, row in enumerate(of_run.tolist())
    }
    neighbour_listings = [_catalogue_listing(index, row) for row in rows.tolist()]
    notes = _attribute_notes([query] * len(rows), neighbour_listings)
    of_rank = [{name: float(column[rank]) for name, column in cosines.items()} for rank in range(len(rows))]
    results = [
        {
            "posting_id": listings.posting_id[row],
            "title": listings.title[row],
            "source": listings.source[row],
            "image": listings.image[row],
            "further_images": [listings.further.image[place] for place in listings.further_of(row)],
            "score": round(scores[row], DECIMALS) if row in scores else None,
            "match": row in matches,
            "channels": _channel_shares(index, of_rank[rank]),
            "reasons": rank_reasons(
                of_row.get(row, {}), of_rank[rank], query, neighbour_listings[rank], index.params
            ),
            "conflicts": conflict_places(query_items, read_items(listings.title[row])),
            "attributes": notes[rank],
        }
        for rank, row in enumerate(rows.tolist())
    ]
    return {
        "system": index.name,
        "instead_of": None if index is wanted else wanted.name,
        "threshold": index.static_threshold,
        "results": results,
    }


def explain_pair(index: SystemIndex, left: int, right: int) -> dict[str, Any]:
    """Score, channels, reasons, conflicts and attributes, as in `match_listings`, of two rows of the catalogue."""
    comparison, titles = index.compare_rows(left, right), index.listings.title
    listings = [_catalogue_listing(index, row) for row in (left, right)]
    return {
        "score": comparison.score,
        "channels": _channel_shares(index, comparison.cosines),
        "reasons": rank_reasons(
            comparison.reasons, comparison.cosines, listings[0], listings[1], index.params
        ),
        "conflicts": conflict_places(read_items(titles[left]), read_items(titles[right])),
        "attributes": _attribute_notes(listings[:1], listings[1:])[0],
    }


def _catalogue_listing(index: SystemIndex, row: int) -> QueryListing:
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


def _channel_shares(index: SystemIndex, cosines: Mapping[str, float]) -> Channels:
    """Similarity and weight of each channel for a pair."""
    weights = {name: index.weights.get(name, 0.0) for name in cosines}
    total = sum(weights[name] for name, value in cosines.items() if not np.isnan(value)) or 1.0
    return {
        name: {"similarity": None, "weight": None}
        if np.isnan(value)
        else {"similarity": round(value, DECIMALS), "weight": round(weights[name] / total, DECIMALS)}
        for name, value in cosines.items()
    }
