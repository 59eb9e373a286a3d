"""Approximate search over a Ray cluster: a gallery in shards, an inverted file of each, their largest products merged.

Workers are tasks, so that the cluster goes on without a machine that is lost: what it held is built anew elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import faiss
import numpy as np

from samesku.arrays import Float32, Int64
from samesku.params.schema import Machine
from samesku.processor import sum_threads
from samesku.scratch import slices
from samesku.search.exact import TopProducts
from samesku.search.inverted_file import InvertedFile
from samesku.search.ray_search import get_results, merge_shards
from samesku.workers.ray_cluster import cluster_room, connect_cluster

#: Listings in a shard, whatever the cluster: it decides which cells there are, and so which neighbours are missed.
SHARD = 131_072
QUERIES = 8192  # of one task


class ShardedIndex:
    """The inverted files of a gallery's shards, each built and kept by the cluster; searched like an `InvertedFile`."""

    def __init__(self, vectors: Float32, threads: int) -> None:
        """Args: vectors: float32 (G, D). threads: of each task."""
        import ray

        # Ray tries a task four times, on any machine.
        build: Any = ray.remote(num_cpus=threads, num_returns=2)(_build_shard)
        self._search: Any = ray.remote(num_cpus=threads)(_search_shard)
        self._threads = sum_threads(threads)
        self._vectors = [ray.put(np.asarray(vectors[rows])) for rows in slices(len(vectors), SHARD)]
        built = [build.remote(shard, self._threads) for shard in self._vectors]
        self._indexes = [index for index, _ in built]
        members = get_results([members for _, members in built])
        #: int64 (G,), positions in `vectors`, shard after shard, in each cell after cell.
        self.members: Int64 = np.concatenate([some + number * SHARD for number, some in enumerate(members)])

    def search(self, queries: Float32, count: int, effort: int) -> TopProducts:
        """The largest products of each query with the vectors in the `effort` cells of each shard nearest to it."""
        import ray

        tasks = []
        for rows in slices(len(queries), QUERIES):
            sent = ray.put(queries[rows])
            tasks.append(
                [
                    self._search.remote(index, vectors, sent, count, effort, self._threads)
                    for index, vectors in zip(self._indexes, self._vectors, strict=True)
                ]
            )
        merged = [merge_shards(get_results(of_shards), count, SHARD) for of_shards in tasks]
        inner, position = zip(*merged, strict=True)
        return np.concatenate(inner), np.concatenate(position)


@contextmanager
def open_ray_indexes(machine: Machine) -> Iterator[Callable[[Float32], ShardedIndex]]:
    """What makes an index of float32 (G, D) on a cluster, for `search_approximate`.

    Raises:
        InputError: a task kills every worker that it is given to.
    """
    with connect_cluster(machine):
        cluster_room(machine.threads)
        yield lambda vectors: ShardedIndex(vectors, machine.threads)


def _build_shard(vectors: Float32, threads: int) -> tuple[InvertedFile, Int64]:
    """The inverted file of a shard without its vectors, which the cluster has already; and its members."""
    faiss.omp_set_num_threads(threads)
    index = InvertedFile(vectors)
    return index.with_vectors(vectors[:0]), index.members


def _search_shard(
    index: InvertedFile, vectors: Float32, queries: Float32, count: int, effort: int, threads: int
) -> TopProducts:
    faiss.omp_set_num_threads(threads)
    return index.with_vectors(vectors).search(queries, min(count, len(vectors)), effort)
