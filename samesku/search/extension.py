"""A catalogue with new listings beside its own as one gallery, and the search of the new listings in it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from samesku.arrays import Float64, Int32, Int64
from samesku.catalogue.listings import AllowedPairs, Listings
from samesku.search.exact import (
    WHOLE_ROW_QUERIES,
    Group,
    group_gallery,
    score_gallery,
    search_queries,
    take_listings,
)
from samesku.search.fusion import DECIMALS, Fused
from samesku.search.galleries import augment_rows
from samesku.search.neighbours import Neighbours, no_neighbours, select_top_k, without_self


@dataclass(frozen=True)
class ExtendedGallery:
    """N listings of a catalogue and Q new ones. A listing is given by its number: 0 to N − 1, then N to N + Q − 1.

    Attributes:
        n_old: N.
        position: int32 (N + Q,), the place of each in the order that settles ties; −1 for one that a new one replaces.
        number: int64 (N + Q,), the listing at each place.
        allowed: which pairs may match, by place.
    """

    n_old: int
    position: Int32
    number: Int64
    allowed: AllowedPairs

    @property
    def new(self) -> Int32:
        """int32 (Q,): the places of the new listings."""
        return self.position[self.n_old :]

    def groups(self, old: Sequence[Group], new: Fused) -> list[Group]:
        """The gallery as `search_queries` takes it, its rows being places.

        Args:
            old: the catalogue, its rows being numbers. new: the fused rows of the new listings.
        """
        parts = group_gallery(new, np.arange(len(new), dtype=np.int32))
        numbered = [*old, *(replace(part, rows=part.rows + self.n_old) for part in parts)]
        shop = self.allowed.shop
        return [
            replace(
                group,
                rows=self.position[group.rows],
                shop=shop[self.position[group.rows]] if self.allowed.link != "all" else None,
            )
            for group in numbered
        ]

    def search(self, new: Fused, groups: Sequence[Group], k: int) -> Neighbours:
        """The k nearest of each new listing; all rows of the result are places."""
        k = max(0, min(k, int((self.position >= 0).sum()) - 1))
        shop = self.allowed.shop[self.new] if self.allowed.link != "all" else None
        neighbours = search_queries(new, self.new, groups, k, self.allowed, shop)
        return replace(neighbours, query=self.new)


def extend_gallery(listings: Listings, sources: Sequence[str], ids: Sequence[str] = ()) -> ExtendedGallery:
    """A catalogue with new listings.

    Args:
        sources: the shop of each new listing; one that the catalogue does not have is a shop of its own.
        ids: their posting_ids; a listing of the catalogue with such an id is replaced. Ties are in the order of the
            ids, whether a listing is old or new. Without ids, the new listings come last.
    """
    n_old, n = len(listings), len(listings) + len(sources)
    position = number = np.arange(n)
    if len(ids):
        all_ids = np.array([*listings.posting_id, *ids], dtype=object)
        number = np.argsort(all_ids, kind="stable")
        position = np.empty(n, np.int64)
        position[number] = np.arange(n)
        position[:n_old][np.isin(listings.posting_id, np.array(ids, dtype=object))] = -1
    allowed = listings.allowed
    if allowed.names:
        shop = np.concatenate([allowed.shop, allowed.number_shops(sources)])
        allowed = replace(allowed, shop=shop[number])
    return ExtendedGallery(n_old, position.astype(np.int32), number, allowed)


def search_both_ways(
    gallery: ExtendedGallery, new: Fused, groups: Sequence[Group], k: int, lowest: Float64
) -> tuple[Neighbours, Int32, Int32]:
    """The k nearest of each new listing, and the listings of the catalogue to whose k nearest it belongs.

    Args:
        new, groups: as of `ExtendedGallery.search`.
        lowest: float64 (N,), the score of the last in the list of each listing; −inf where the list has room. A new
            listing of an equal score belongs to the list too.

    Returns:
        Neighbours as of `ExtendedGallery.search`, and int32 (P,) twice: the place of a listing of the catalogue, and
        that of a new listing that enters its list.
    """
    k = max(0, min(k, int((gallery.position >= 0).sum()) - 1))
    shop = gallery.allowed.shop[gallery.new] if gallery.allowed.link != "all" else None
    of_place = np.full(len(gallery.position), np.inf)
    old = gallery.position[: gallery.n_old]
    of_place[old[old >= 0]] = lowest[old >= 0]
    neighbours = no_neighbours(gallery.new, k)
    entered = [np.empty((2, 0), np.int32)]
    for start in range(0, len(new), WHOLE_ROW_QUERIES):
        queries = np.arange(start, min(start + WHOLE_ROW_QUERIES, len(new)))
        places = gallery.new[queries]
        rows, scores = score_gallery(
            new[queries], groups, gallery.allowed, None if shop is None else shop[queries]
        )
        query, column = np.nonzero((scores >= of_place[rows]) & np.isfinite(scores) & (rows >= 0))
        entered.append(np.stack([rows[column], places[query]]))
        nearest, score = select_top_k(*without_self(places, np.broadcast_to(rows, scores.shape), scores), k)
        columns = slice(nearest.shape[1])
        neighbours.neighbour[queries, columns] = np.where(np.isfinite(score), nearest, np.int32(-1))
        neighbours.score[queries, columns] = score
    owner, entering = np.concatenate(entered, axis=1)
    return neighbours, owner, entering


def lowest_scores(neighbours: Neighbours, k: int) -> Float64:
    """The score of the last in each list of k neighbours, rounded to 1e-6: float64 (Q,), −inf where it has room."""
    if neighbours.k < k or not k:
        return np.full(len(neighbours.query), -np.inf)
    return neighbours.score[:, k - 1].astype(np.float64).round(DECIMALS)


def augment_new(gallery: ExtendedGallery, new: Fused, groups: Sequence[Group], moved_by: Neighbours) -> Fused:
    """`augment_rows` of the new listings: the listings of the catalogue stay where they are.

    Args:
        moved_by: of the neighbours of `ExtendedGallery.search`, those that move the new listings.
    """
    has_row = new.listing_mask > 0  # a listing without a channel is in no group, and nothing moves it
    if not has_row.any():
        return new
    neighbour, score = moved_by.neighbour[has_row], moved_by.score[has_row]
    moves = neighbour >= 0
    places = np.unique(np.concatenate([gallery.new[has_row], neighbour[moves]]))
    around = take_listings(places, groups, new)
    of_all = no_neighbours(np.arange(len(places), dtype=np.int32), moved_by.k)
    mine = np.searchsorted(places, gallery.new[has_row])
    of_all.neighbour[mine] = np.where(moves, np.searchsorted(places, neighbour), -1)
    of_all.score[mine] = score
    vectors = np.zeros_like(new.vectors)
    vectors[has_row[new.row_owner]] = augment_rows(around, of_all)[mine].vectors
    return replace(new, vectors=vectors)
