"""Exact search over a Ray cluster: a gallery in shards, one task to each, their largest products merged."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from samesku.arrays import Float32, Int32
from samesku.errors import InputError
from samesku.params.schema import Machine
from samesku.processor import sum_threads
from samesku.search.exact import (
    COLUMNS,
    BlockSearch,
    MaskGroup,
    QueryBlock,
    TopProducts,
    select_top_products,
)
from samesku.workers.ray_cluster import cluster_room, connect_cluster

SHARD = COLUMNS  # listings: as many as one machine scores at once, so that the matrix products are the same
AHEAD = 2  # tasks for each worker, under way or waiting to be merged


@contextmanager
def open_ray_search(machine: Machine) -> Iterator[BlockSearch]:
    """The `search_blocks` of `search_neighbours` that searches on a cluster: it finds what one machine finds.

    To the bit where `machine.threads` and the processors are the same: a matrix product's last bit depends on
    its shape and on the number of threads, never on the number of workers. Shards are sent once.

    Raises:
        InputError: a task kills every worker that it is given to.
    """
    with connect_cluster(machine):
        import ray

        workers = cluster_room(machine.threads).workers
        task: Any = ray.remote(num_cpus=machine.threads)(_search_shard)  # tried four times, on any machine

        def search(blocks: Iterable[QueryBlock]) -> Iterator[list[TopProducts]]:
            # By modality mask: the listings of each shard, their vectors, and their shops where these decide.
            shards: dict[int, list[tuple[int, Any, Int32 | None]]] = {}
            waiting: deque[list[tuple[list[Any], int]]] = deque()  # blocks: of each group its tasks and count

            def send(
                queries: Float32, groups: list[MaskGroup], counts: list[int], shop: Int32 | None
            ) -> list[tuple[list[Any], int]]:
                for group in groups:
                    if group.mask not in shards:
                        blocks = [slice(start, start + SHARD) for start in range(0, len(group.rows), SHARD)]
                        parts = [np.asarray(group.vectors[block]) for block in blocks]
                        shops = [None if group.shop is None else group.shop[block] for block in blocks]
                        shards[group.mask] = [
                            (len(part), ray.put(part), of_part)
                            for part, of_part in zip(parts, shops, strict=True)
                        ]
                sent, threads = ray.put(queries), sum_threads(machine.threads)
                return [
                    (
                        [
                            task.remote(sent, vectors, min(count, size), threads, shop, of_part)
                            for size, vectors, of_part in shards[group.mask]
                        ],
                        count,
                    )
                    for group, count in zip(groups, counts, strict=True)
                ]

            def receive() -> list[TopProducts]:
                return [merge_shards(get_results(tasks), count, SHARD) for tasks, count in waiting.popleft()]

            for block in blocks:
                waiting.append(send(*block))
                if sum(len(tasks) for sent in waiting for tasks, _ in sent) >= AHEAD * workers:
                    yield receive()
            while waiting:
                yield receive()

        yield search


def get_results(tasks: list[Any]) -> list[Any]:
    """What tasks of a search return.

    Raises:
        InputError: a task kills every worker that it is given to.
    """
    import ray
    from ray.exceptions import RayError

    try:
        return ray.get(tasks)
    except RayError as error:
        raise InputError(
            f"a task of the search failed on every worker of Ray ({type(error).__name__}); too "
            "little memory? ways out: the logs of Ray there, or machine.engine: local"
        ) from error


def merge_shards(shards: list[TopProducts], count: int, size: int) -> TopProducts:
    """The top products of each shard of `size` listings -> those of all of them, largest first."""
    inner = np.concatenate([inner for inner, _ in shards], axis=1)
    position = np.concatenate(
        [np.where(place < 0, -1, place + number * size) for number, (_, place) in enumerate(shards)], axis=1
    )
    if count < inner.shape[1]:
        first = np.argpartition(-inner, count - 1, axis=1)[:, :count]
        inner, position = np.take_along_axis(inner, first, 1), np.take_along_axis(position, first, 1)
    order = np.argsort(-inner, axis=1, kind="stable")
    return np.take_along_axis(inner, order, 1), np.take_along_axis(position, order, 1)


def _search_shard(
    queries: Float32,
    vectors: Float32,
    count: int,
    threads: int,
    shop: Int32 | None,
    of_vectors: Int32 | None,
) -> TopProducts:
    with threadpool_limits(threads):
        return select_top_products(queries, vectors, count, shop, of_vectors)
