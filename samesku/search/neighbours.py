"""The neighbours of queries: one table of rows and scores, in one fixed order, in memory and on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesku.arrays import Bools, Float32, Float64, Int32, Int64, Ints
from samesku.artefacts import read_columns, to_numpy, write_table
from samesku.reading import reading, refuse_values
from samesku.search.fusion import DECIMALS


@dataclass(frozen=True)
class Neighbours:
    """The neighbours of Q queries, best first, by (−score, row).

    Attributes:
        query: int32 (Q,), rows of the catalogue, ascending.
        neighbour: int32 (Q, k), rows of the catalogue; −1 where a query has fewer than k.
        score: float32 (Q, k), −1 to 1, rounded to 1e-6; −inf where there is no neighbour.
    """

    query: Int32
    neighbour: Int32
    score: Float32

    @property
    def k(self) -> int:
        return self.neighbour.shape[1]

    @property
    def valid(self) -> Bools:
        """bool (Q, k): where there is a neighbour."""
        return self.neighbour >= 0


def no_neighbours(query: Int32, k: int) -> Neighbours:
    """Neighbours to be filled in: k places for each query, all of them empty."""
    shape = len(query), k
    return Neighbours(query, np.full(shape, -1, dtype=np.int32), np.full(shape, -np.inf, dtype=np.float32))


def select_top_k(rows: Int32, scores: Float64, k: int) -> tuple[Int32, Float64]:
    """The first k listings of each query by (−score, row). Arguments (Q, m); returns two (Q, min(k, m))."""
    k = min(k, rows.shape[1])
    # One exact integer key for each place, so that a partition selects the first k without sorting the row.
    steps = np.where(np.isfinite(scores), np.rint(scores * 10**DECIMALS), -(2**30)).astype(np.int64)
    key = (steps << 32) - rows
    if k < rows.shape[1]:
        first = np.argpartition(-key, k - 1, axis=1)[:, :k]
        rows, scores = np.take_along_axis(rows, first, 1), np.take_along_axis(scores, first, 1)
        key = np.take_along_axis(key, first, 1)
    order = np.argsort(-key, axis=1)
    return np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1)


def without_self(queries: Int32, rows: Int32, scores: Float64) -> tuple[Int32, Float64]:
    """(Q, m) rows and scores without each query itself, and without places that hold no listing (row −1)."""
    left_out = (rows == queries[:, None]) | (rows < 0)
    return np.where(left_out, np.int32(-1), rows), np.where(left_out, -np.inf, scores)


def stack_neighbours(parts: Sequence[Neighbours], k: int) -> Neighbours:
    """The first k neighbours of several query sets as one table, padded to the same width."""
    width = min(k, max(part.k for part in parts))

    def padded(values: np.ndarray, fill: float) -> np.ndarray:
        first = values[:, :width]
        return np.pad(first, ((0, 0), (0, width - first.shape[1])), constant_values=fill)

    return Neighbours(
        np.concatenate([part.query for part in parts]),
        np.concatenate([padded(part.neighbour, -1) for part in parts]),
        np.concatenate([padded(part.score, -np.inf) for part in parts]),
    )


def keep_mutual(neighbours: Neighbours, shop: Int32, lists: Neighbours | None = None) -> Bools:
    """bool (Q, k): the neighbours that `match.one_to_one` leaves: of each other shop the best, and only where the
    query is the best of its shop for the neighbour too.

    The best is the first in a list of k: a pair that stands in one list alone is left out. Pairs of one shop all stay.

    Args:
        shop: int (N,), the number of each listing's shop, by row.
        lists: the neighbours of the neighbours, where these are no queries of `neighbours`.
    """
    n, n_shops = len(shop), int(shop.max(initial=0)) + 1

    def best_pairs(of: Neighbours) -> tuple[Ints, Ints, Int64]:
        """Places of each first neighbour of a shop, and the pair as one number."""
        position, rank = np.nonzero(of.valid)
        neighbour = of.neighbour[position, rank].astype(np.int64)
        first = np.unique(position * n_shops + shop[neighbour], return_index=True)[1]
        position, rank, neighbour = position[first], rank[first], neighbour[first]
        return position, rank, of.query[position].astype(np.int64) * n + neighbour

    position, rank, pair = best_pairs(neighbours)
    reverse = pair % n * n + pair // n
    mutual = np.isin(reverse, pair if lists is None else np.concatenate([pair, best_pairs(lists)[2]]))
    kept = neighbours.valid & (shop[neighbours.neighbour] == shop[neighbours.query][:, None])
    kept[position[mutual], rank[mutual]] = True
    return kept


def move_first(kept: Bools, values: NDArray[Any], empty: float) -> NDArray[Any]:
    """(Q, k) values: those that are kept, in their order, then `empty`. kept: bool (Q, k)."""
    order = np.argsort(~kept, axis=1, kind="stable")
    moved = np.take_along_axis(np.where(kept, values, empty), order, 1)
    return moved.astype(values.dtype)


def write_neighbours(path: Path, neighbours: Neighbours) -> None:
    """Write columns query int32, neighbour int32, rank int32 from 1, score float32, by query, best first."""
    position, rank = np.nonzero(neighbours.valid)
    columns = {
        "query": neighbours.query[position],
        "neighbour": neighbours.neighbour[position, rank],
        "rank": (rank + 1).astype(np.int32),
        "score": neighbours.score[position, rank],
    }
    write_table(path, columns)


def read_neighbours(path: Path, query: Int32) -> Neighbours:
    """What `write_neighbours` wrote.

    Args:
        query: int32 (Q,), rows of the catalogue: every query, also those without a neighbour. All neighbours are
            queries too.

    Raises:
        DamagedFile: the file is missing or damaged, or holds an impossible neighbour: the query itself, one outside
            the gallery, the same one twice, or one with a score outside −1 to 1.
    """
    with reading(path):
        table: dict[str, NDArray[Any]] = {
            name: to_numpy(column)
            for name, column in read_columns(path, ["query", "neighbour", "rank", "score"]).items()
        }
        position = np.full(int(query.max(initial=-1)) + 2, -1)  # one more, for rows that are out of range
        position[query] = np.arange(len(query))
        place, nearest = (
            position[np.where((rows < 0) | (rows >= len(position)), len(position) - 1, rows)]
            for rows in (table["query"], table["neighbour"])
        )
        rank, score = table["rank"] - 1, table["score"]
        allowed = f"a row of its gallery of {len(query)}"
        refuse_values("query", table["query"], place < 0, allowed)
        refuse_values(
            "neighbour", table["neighbour"], (nearest < 0) | (nearest == place), f"another one: {allowed}"
        )
        refuse_values("rank", table["rank"], (rank < 0) | (rank >= len(query)), f"1 to {len(query)}")
        refuse_values("score", score, ~(np.abs(score) <= 1), "-1 to 1")
        neighbours = no_neighbours(query, int(rank.max(initial=-1)) + 1)
        neighbours.neighbour[place, rank], neighbours.score[place, rank] = table["neighbour"], score
        ordered = np.sort(neighbours.neighbour, axis=1)
        repeated = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
        if int(neighbours.valid.sum()) < len(rank) or repeated.any():
            raise ValueError("a query has one neighbour, or one rank, twice")
    return neighbours
