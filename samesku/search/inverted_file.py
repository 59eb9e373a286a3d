"""An inverted file: vectors by cell, of which a query is compared with those in the cells nearest to it.

FAISS's IVF compares each query alone, and holds a copy of the vectors. Here the queries that visit a cell are compared
with it by one matrix product, which is several times as fast where there are many queries, and the vectors stay where
they are. The cells themselves are searched likewise: cells that are near each other form a region, and a query looks
at the cells of the regions nearest to it, by the axes in which cells differ most. So the time of a query grows more
slowly than the number of vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import faiss
import numpy as np
from threadpoolctl import threadpool_limits

from samesku.arrays import Float32, Int64
from samesku.scratch import gather_rows, slices
from samesku.search.exact import Heap, TopProducts

CELL = 100  # vectors in a cell, on average
TRAINED = 32  # vectors for each cell that k-means sees
PASSES = 10  # of k-means
POWERS = 4  # of the matrix whose principal axes are wanted
AXES = 128  # by which cells and queries are compared, where the vectors have more columns
REGIONS = 2.5  # times the root of their number: how many a query looks at, at least
SPARE = 4  # times as many cells lie in these regions, at least, as the query visits
ROWS = 16_384  # assigned to cells at once, in each thread
COLUMNS = 16_384  # vectors of a cell that are compared at once
PRODUCTS = 2**24  # at once

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Lists:
    """Vectors by list.

    Attributes:
        vectors: float32 (G, D). members: (G,), positions in `vectors`, list after list.
        start: int64 (L + 1,), where the members of each list begin, with the end.
    """

    vectors: Float32
    members: Int64
    start: Int64

    @classmethod
    def of_numbers(cls, vectors: Float32, number: Int64, n_lists: int) -> Lists:
        """Args: number: (G,), the list of each vector."""
        start = np.append(0, np.cumsum(np.bincount(number, minlength=n_lists)))
        return cls(vectors, np.argsort(number, kind="stable"), start)

    def __len__(self) -> int:
        return len(self.start) - 1

    def search(self, queries: Float32, visited: Int64, count: int) -> TopProducts:
        """The `count` largest products of each query with the vectors of the lists that it visits.

        Args:
            queries: float32 (Q, D). visited: int64 (Q, P), the lists that each query visits; −1 for none.
        """
        heap = Heap(len(queries), count)
        order = np.argsort(visited, axis=None, kind="stable")
        begin = np.searchsorted(visited.ravel()[order], np.arange(len(self) + 1))
        for number in range(len(self)):
            asking = order[begin[number] : begin[number + 1]] // visited.shape[1]
            members = self.members[self.start[number] : self.start[number + 1]]
            for columns in slices(len(members), COLUMNS) if len(asking) else ():
                vectors = self.vectors[members[columns]]
                for rows in slices(len(asking), max(1, PRODUCTS // len(vectors))):
                    heap.add_some(queries[asking[rows]] @ vectors.T, asking[rows], members[columns])
        return heap.sorted()


class InvertedFile:
    """An index of inner products over float32 (G, D) rows of one length.

    Equal vectors give equal cells.

    Attributes:
        axes: float32 (D, A), the axes in which cells differ most. cells: the cells by their values on these axes, in
            lists of a region each.
    """

    def __init__(self, vectors: Float32) -> None:
        n_cells = max(1, len(vectors) // CELL)
        drawn = np.random.default_rng(0).permutation(len(vectors))[: n_cells * TRAINED]
        cells, region = train_cells(gather_rows(vectors, np.sort(drawn)), n_cells)
        self.regions = mean_rows(cells, region)
        self.axes = principal_axes(cells, AXES)
        self.cells = Lists.of_numbers(cells @ self.axes, region, len(self.regions))
        nearest = map_threads(
            lambda rows: self.nearest_cells(vectors[rows], 1)[:, 0], slices(len(vectors), ROWS)
        )
        self.vectors = Lists.of_numbers(vectors, np.concatenate(nearest), len(cells))

    @property
    def members(self) -> Int64:
        """int64 (G,), positions of the vectors, cell after cell."""
        return self.vectors.members

    def with_vectors(self, vectors: Float32) -> Self:
        """This index of the same vectors in another array; with (0, D) it can be stored without them."""
        index = copy(self)
        index.vectors = replace(self.vectors, vectors=vectors)
        return index

    def nearest_cells(self, queries: Float32, count: int) -> Int64:
        """The cells nearest to each query, nearly always: int64 (Q, count), −1 where there are no more."""
        n_cells, n_regions = len(self.cells.vectors), len(self.cells)
        count = min(count, n_cells)
        wanted = max(round(REGIONS * n_regions**0.5), -(-SPARE * count * n_regions // n_cells))
        region = nearest_rows(queries, self.regions, min(wanted, n_regions))
        return self.cells.search(queries @ self.axes, region, count)[1]

    def search(self, queries: Float32, count: int, effort: int) -> TopProducts:
        """The largest products of each query with the vectors in the `effort` cells nearest to it."""
        size = max(1, -(-len(queries) // faiss.omp_get_max_threads()))
        inner, position = zip(
            *map_threads(
                lambda rows: self.vectors.search(
                    queries[rows], self.nearest_cells(queries[rows], effort), count
                ),
                slices(len(queries), size),
            ),
            strict=True,
        )
        return np.concatenate(inner), np.concatenate(position)


def map_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The results for the items, by as many threads as FAISS has.

    A product is not shared by threads meanwhile: one would wait for the other, and waiting takes a core too.
    """

    def alone(item: Item) -> Result:
        faiss.omp_set_num_threads(1)  # of this thread
        return work(item)

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(faiss.omp_get_max_threads()) as pool:
        return list(pool.map(alone, items))


def train_cells(vectors: Float32, n_cells: int) -> tuple[Float32, Int64]:
    """About so many cells by k-means in two levels: regions, then the cells of each region.

    Args:
        vectors: float32 (M, D).

    Returns:
        float32 (cells, D), unit rows, and the region of each cell, int64 (cells,), ascending.
    """
    n_regions = round(np.sqrt(n_cells))
    some = vectors[:: max(1, len(vectors) // (n_regions * 8 * TRAINED))]
    [regions] = map_threads(lambda count: k_means(some, count), [n_regions])
    of_block = map_threads(
        lambda rows: nearest_rows(vectors[rows], regions, 1)[:, 0], slices(len(vectors), ROWS)
    )
    lists = Lists.of_numbers(vectors, np.concatenate(of_block), len(regions))

    def cells_of(number: int) -> Float32:
        members = lists.members[lists.start[number] : lists.start[number + 1]]
        return k_means(vectors[members], max(1, round(n_cells * len(members) / len(vectors))))

    filled = np.flatnonzero(np.diff(lists.start))
    cells = map_threads(cells_of, filled.tolist())
    return np.concatenate(cells), np.repeat(np.arange(len(filled)), list(map(len, cells)))


def k_means(vectors: Float32, n_cells: int) -> Float32:
    """Unit rows, float32 (up to n_cells, D): the means of k-means by the inner product. An empty cell is left out."""
    first = np.random.default_rng(0).permutation(len(vectors))[:n_cells]
    cells = with_unit_rows(vectors[np.sort(first)])
    for _ in range(PASSES):
        cells = mean_rows(vectors, nearest_rows(vectors, cells, 1)[:, 0])
    return cells


def mean_rows(vectors: Float32, number: Int64) -> Float32:
    """The mean of the vectors of each number that any has, as unit rows: float32 (·, D). number: int64 (M,)."""
    order = np.argsort(number, kind="stable")
    first = np.flatnonzero(np.diff(number[order], prepend=-1))
    return with_unit_rows(np.add.reduceat(vectors[order], first, axis=0))


def principal_axes(rows: Float32, count: int) -> Float32:
    """Orthonormal axes whose products with the rows are largest: float32 (D, up to count). rows: float32 (R, D).

    By subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4), which needs no (D, D) matrix.
    """
    axes = np.random.default_rng(0).standard_normal((rows.shape[1], min(count, *rows.shape)), np.float32)
    for _ in range(POWERS):
        axes = np.linalg.qr(rows.T @ (rows @ axes))[0]
    return axes


def with_unit_rows(vectors: Float32) -> Float32:
    """The rows with length 1; a row of zeros stays."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def nearest_rows(queries: Float32, vectors: Float32, count: int) -> Int64:
    """The positions of the `count` vectors with the largest products with each query: int64 (Q, count), in any order.

    Args:
        vectors: float32 (G, D), at least `count` of them.
    """
    nearest = np.empty((len(queries), count), np.int64)
    for rows in slices(len(queries), max(1, PRODUCTS // len(vectors))):
        products = queries[rows] @ vectors.T
        if count == 1:
            nearest[rows, 0] = products.argmax(axis=1)
        else:
            nearest[rows] = np.argpartition(-products, count - 1, axis=1)[:, :count]
    return nearest
