"""Search where listings have several pictures: exact, by the largest cosine of each channel over the pictures.

The score of two listings is no inner product of two rows then, so blocks of listings are compared channel by
channel: all rows with all rows, the largest product of each pair of listings, the weighted mean over the channels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from samesku.arrays import Float32, Float64, Int32, Int64
from samesku.search.fusion import Fused, ranking_scores, shared_weights
from samesku.search.neighbours import Neighbours, no_neighbours, select_top_k

LISTINGS = 1024  # in one block


def search_pictures(fused: Fused, rows: Int32, k: int, *, queries: Int32 | None = None) -> Neighbours:
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
            nearest.add(start, others, scores)
            if queries is None and column > start:
                nearest.add(column, block, scores.T)
    return nearest.neighbours()


def search_picture_queries(
    queries: Fused, rows: Int32, galleries: Sequence[tuple[Fused, Int32]], k: int
) -> Neighbours:
    """The k nearest of Q further listings in a gallery; as `search_queries`.

    Args:
        queries: Q listings. rows: int32 (Q,), the row of each, which is no neighbour of its own; −1 where the gallery
            does not have it.
        galleries: listings, and int32 (G,), the row of each, by which ties are settled; one of row −1 is left out.

    Returns:
        Neighbours whose `query` counts from 0.
    """
    nearest = _Nearest(rows, k)
    for start in range(0, len(queries) if k else 0, LISTINGS):
        left = queries[start : start + LISTINGS]
        for gallery, gallery_rows in galleries:
            for column in range(0, len(gallery), LISTINGS):
                block = slice(column, column + LISTINGS)
                nearest.add(start, gallery_rows[block], score_listings(left, gallery[block]))
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
    left: Float32, left_owner: Int64, n_left: int, right: Float32, right_owner: Int64, n_right: int
) -> Float32:
    """The largest inner product over the rows of each pair of listings: float32 (n_left, n_right).

    −inf where one of the two has no row.

    Args:
        left, right: float32 (·, d). left_owner, right_owner: the listing of each row.
    """
    largest = _largest_by_owner(left @ right.T, left_owner, n_left)
    return _largest_by_owner(largest.T, right_owner, n_right).T


def _channel_rows(fused: Fused, channel: int, columns: slice) -> tuple[Float32, Int64]:
    """The rows that have a channel, float32 (·, d), and their listings."""
    rows = np.flatnonzero(fused.modality_mask >> np.uint32(channel) & np.uint32(1))
    return fused.vectors[rows, columns], rows if fused.owner is None else fused.owner[rows]


def _largest_by_owner(values: Float32, owner: Int64, n: int) -> Float32:
    """The largest row of each owner, value by value: (R, ·) -> (n, ·), −inf for an owner without a row."""
    largest = np.full((n, values.shape[1]), -np.inf, np.float32)
    for rows in _one_row_each(owner):
        largest[owner[rows]] = np.maximum(largest[owner[rows]], values[rows])
    return largest


def _one_row_each(owner: Int64) -> Iterator[Int64]:
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
