"""Search where listings have several pictures: exact, by the largest cosine of each channel over the pictures.

The score of two listings is no inner product of two rows then, so blocks of listings are compared channel by
channel: all rows with all rows, the largest product of each pair of listings, the weighted mean over the channels.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from samesku.arrays import Float32, Float64, Int32, Int64
from samesku.catalogue.listings import ALL_PAIRS, AllowedPairs
from samesku.search.fusion import (
    DECIMALS,
    PAIRS,
    Fused,
    inner_products,
    pair_scores,
    ranking_scores,
    row_pairs,
    rows_by_listing,
    shared_weights,
    with_lengths_of,
)
from samesku.search.neighbours import Neighbours, no_neighbours, select_top_k

LISTINGS = 1024  # in one block


@dataclass(frozen=True)
class PictureGroup:
    """A gallery of G listings with several pictures.

    Attributes:
        rows: int32 (G,), rows of the catalogue. fused: the listings, in this order.
        shop: int32 (G,), the number of each listing's shop, where shops decide which pairs may match.
    """

    rows: Int32
    fused: Fused
    shop: Int32 | None = None


def search_pictures(
    fused: Fused, rows: Int32, k: int, *, allowed: AllowedPairs = ALL_PAIRS, queries: Int32 | None = None
) -> Neighbours:
    """The k nearest of every listing in `rows` among the others in `rows`; arguments as of `search_neighbours`."""
    k = max(0, min(k, len(rows) - 1))
    nearest = _Nearest(rows if queries is None else queries, k)
    for start in range(0, len(nearest.query) if k else 0, LISTINGS):
        block = nearest.query[start : start + LISTINGS]
        left = fused[block]
        # Of all listings with all, a block of pairs serves both its sides.
        for column in range(start if queries is None else 0, len(rows), LISTINGS):
            others = rows[column : column + LISTINGS]
            right = left if queries is None and column == start else fused[others]
            scores = score_listings(left, right)
            scores[~allowed.of_rows(block[:, None], others)] = -np.inf
            nearest.add(start, others, scores)
            if queries is None and column > start:
                nearest.add(column, block, scores.T)
    return nearest.neighbours()


def search_picture_queries(
    queries: Fused,
    rows: Int32,
    groups: Sequence[PictureGroup],
    k: int,
    allowed: AllowedPairs = ALL_PAIRS,
    shop: Int32 | None = None,
) -> Neighbours:
    """The k nearest of Q further listings in a gallery; arguments and result as of `search_queries`."""
    nearest = _Nearest(rows, k)
    for start in range(0, len(queries) if k else 0, LISTINGS):
        left = queries[start : start + LISTINGS]
        for group in groups:
            for column in range(0, len(group.rows), LISTINGS):
                block = slice(column, column + LISTINGS)
                scores = score_listings(left, group.fused[block])
                if shop is not None and group.shop is not None:
                    of_queries = shop[start : start + LISTINGS, None]
                    scores[~allowed.of_shops(of_queries, group.shop[block])] = -np.inf
                nearest.add(start, group.rows[block], scores)
    neighbours = nearest.neighbours()
    return replace(neighbours, query=np.arange(len(queries), dtype=np.int32))


def score_listings(left: Fused, right: Fused) -> Float64:
    """The score of each listing of `left` with each of `right`, rounded to 1e-6.

    Returns:
        float64 (Q, G); −inf where two have no channel in common.
    """
    return ranking_scores(*sum_listings(left, right))


def sum_listings(left: Fused, right: Fused) -> tuple[Float64, Float64]:
    """Σ w_c · cos_c and Σ w_c over the channels that both have, of each pair of listings: two float64 (Q, G)."""
    if len(right) > LISTINGS:
        starts = range(0, len(right), LISTINGS)
        parts = [sum_listings(left, right[start : start + LISTINGS]) for start in starts]
        return np.concatenate([total for total, _ in parts], 1), np.concatenate(
            [weight for _, weight in parts], 1
        )
    total = np.zeros((len(left), len(right)))
    for channel, columns in enumerate(left.channel_columns()):
        sides = [_channel_rows(fused, channel, columns) for fused in (left, right)]
        largest = largest_products(*sides[0], len(left), *sides[1], len(right))
        total += np.where(np.isfinite(largest), largest, 0)
    every = np.arange(len(left))[:, None], np.arange(len(right))
    return total, shared_weights(left, *every, right)


def largest_products(
    left: Float32, left_owner: Int32, n_left: int, right: Float32, right_owner: Int32, n_right: int
) -> Float32:
    """The largest inner product over the rows of each pair of listings: float32 (n_left, n_right).

    −inf where one of the two has no row.

    Args:
        left, right: float32 (·, d). left_owner, right_owner: the listing of each row.
    """
    largest = _largest_by_owner(left @ right.T, left_owner, n_left)
    return _largest_by_owner(largest.T, right_owner, n_right).T


def augment_pictures(fused: Fused, moved_by: Neighbours) -> Fused:
    """As `augment_rows`, of listings with several pictures.

    Each row x_p of listing i becomes x_p + Σ s_ij · x_q over i's neighbours j, where q is the row of j that is nearest
    to p in this channel.
    """
    from scipy.sparse import csr_array

    position, rank = np.nonzero(moved_by.valid)
    weight, neighbour = moved_by.score[position, rank], moved_by.neighbour[position, rank]
    owner = fused.row_owner
    sides = rows_by_listing(owner), None
    # A pair for each row of the query and each neighbour, then one for each row of that.
    row, pair, _ = row_pairs(moved_by.query[position], np.arange(len(position)), sides)
    left, right, first = row_pairs(row, neighbour[pair], sides[::-1])
    of_row = np.repeat(np.arange(len(row)), np.diff(np.append(first, len(left))))
    inside = np.flatnonzero(np.isin(owner, moved_by.query))
    vectors = np.zeros_like(fused.vectors)
    for channel, columns in enumerate(fused.channel_columns()):
        before = fused.vectors[:, columns]
        products = np.full(len(left), -np.inf, np.float32)
        has_channel = (fused.modality_mask >> np.uint32(channel) & np.uint32(1)).astype(bool)
        both = np.flatnonzero(has_channel[left] & has_channel[right])
        for start in range(0, len(both), PAIRS):
            some = both[start : start + PAIRS]
            products[some] = inner_products(before[left[some]], before[right[some]])
        order = np.lexsort((-products, of_row))  # stable: of equally near rows the first
        nearest = order[first]
        nearest = nearest[np.isfinite(products[nearest])]
        rows = np.concatenate([inside, left[nearest]])
        weights = np.concatenate([np.ones(len(inside), np.float32), weight[pair[of_row[nearest]]]])
        sums = csr_array(
            (weights, (rows, np.concatenate([inside, right[nearest]]))), shape=(len(before), len(before))
        )
        vectors[:, columns] = with_lengths_of(before, sums @ before)
    return replace(fused, vectors=vectors)


def search_views(
    search: Callable[[Fused, Int32, int], Neighbours], fused: Fused, rows: Int32, k: int
) -> Neighbours:
    """The k nearest of every listing in `rows`, by a search that can compare rows alone: an approximate index.

    Candidates come from `search` over pictures, each beside the title of its listing; their scores are exact.

    Args:
        search: as `search_neighbours`, of rows without further pictures.
    """
    owner, n = fused.row_owner, len(fused)
    views = np.array(fused.vectors)
    mask = fused.modality_mask.copy()
    of_pictures = np.bitwise_or.reduce(mask[n:])
    for channel, columns in enumerate(fused.channel_columns()):
        if not of_pictures >> np.uint32(channel) & np.uint32(1):  # of the listing: a title
            views[n:, columns] = views[owner[n:], columns]
            mask[n:] |= mask[owner[n:]] & np.uint32(1 << channel)
    view_rows = np.flatnonzero(np.isin(owner, rows)).astype(np.int32)
    if not len(view_rows):
        return no_neighbours(rows, 0)
    most = int(np.bincount(owner[view_rows]).max())
    # So many views are of at least k other listings.
    nearest = search(replace(fused, vectors=views, modality_mask=mask, owner=None), view_rows, (k + 1) * most)
    position, rank = np.nonzero(nearest.valid)
    pairs = owner[nearest.query[position]].astype(np.int64) * n + owner[nearest.neighbour[position, rank]]
    query, neighbour = np.divmod(np.unique(pairs), n)
    query, neighbour = query[query != neighbour], neighbour[query != neighbour]
    score = pair_scores(fused, query, neighbour).round(DECIMALS)
    order = np.lexsort((neighbour, -score, query))
    query, neighbour, score = query[order], neighbour[order], score[order]
    place = np.searchsorted(rows, query)
    rank = np.arange(len(query)) - np.searchsorted(query, query)
    neighbours = no_neighbours(rows, max(0, min(k, len(rows) - 1)))
    kept = rank < neighbours.k
    neighbours.neighbour[place[kept], rank[kept]] = neighbour[kept]
    neighbours.score[place[kept], rank[kept]] = score[kept]
    return neighbours


def _channel_rows(fused: Fused, channel: int, columns: slice) -> tuple[Float32, Int32]:
    """The rows that have a channel, float32 (·, d), and their listings."""
    rows = np.flatnonzero(fused.modality_mask >> np.uint32(channel) & np.uint32(1))
    return fused.vectors[rows, columns], fused.row_owner[rows]


def _largest_by_owner(values: Float32, owner: Int32, n: int) -> Float32:
    """The largest row of each owner, value by value: (R, ·) -> (n, ·), −inf for an owner without a row."""
    largest = np.full((n, values.shape[1]), -np.inf, np.float32)
    for rows in _one_row_each(owner):
        largest[owner[rows]] = np.maximum(largest[owner[rows]], values[rows])
    return largest


def _one_row_each(owner: Int32) -> Iterator[Int64]:
    """Sets of rows in which no owner stands twice: the first row of each owner, the second of each …"""
    order = np.argsort(owner, kind="stable")
    first = np.flatnonzero(np.diff(owner[order], prepend=-1))
    place = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    for number in range(int(place.max(initial=-1)) + 1):
        yield order[place == number]


class _Nearest:
    """The k nearest so far of Q queries, of which blocks of a gallery are shown one after the other."""

    def __init__(self, query: Int32, k: int) -> None:
        self.query, self.k = query, k
        self.row = np.full((len(query), k), -1, np.int32)
        self.score = np.full((len(query), k), -np.inf)

    def add(self, start: int, rows: Int32, scores: Float64) -> None:
        """Show the queries from `start` on the listings `rows`, (G,), by their scores, (Q, G)."""
        block = slice(start, start + len(scores))
        left_out = (self.query[block, None] == rows) | (rows < 0) | np.isneginf(scores)
        row = np.where(left_out, np.int32(-1), rows)
        score = np.where(left_out, -np.inf, scores)
        self.row[block], self.score[block] = select_top_k(
            np.concatenate([self.row[block], row], 1), np.concatenate([self.score[block], score], 1), self.k
        )

    def neighbours(self) -> Neighbours:
        neighbours = no_neighbours(self.query, self.k)
        neighbours.neighbour[:], neighbours.score[:] = self.row, self.score
        return neighbours
