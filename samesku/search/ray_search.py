"""Exact search over a Ray cluster: a gallery in shards, one task to each, their k largest merged."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from samesku.errors import InputError
from samesku.params.schema import Machine
from samesku.search.neighbours import COLUMNS, Block, Floats, Found, Looks, Part, nearest
from samesku.workers.ray_cluster import connected, room

SHARD = COLUMNS  # listings: those that the search on one machine scores at once, and so the same products
AHEAD = 2  # tasks for each worker, under way or waiting to be merged


@contextmanager
def looking(machine: Machine) -> Iterator[Looks]:
    """How `neighbours.search` looks in parts of a gallery elsewhere; it finds what it would find here.

    To the bit where `machine.threads` and the processors are the same: a matrix product's last bit hangs on
    its shape and on the number of threads, never on the number of workers. Parts have no index, and are sent
    once.

    Raises:
        InputError: a task kills every worker that it is given to.
    """
    with connected(machine):
        import ray
        from ray.exceptions import RayError

        workers = room(machine.threads).workers
        task: Any = ray.remote(num_cpus=machine.threads)(_nearest)  # tried four times by Ray, on any machine

        def look(blocks: Iterable[Block]) -> Iterator[list[Found]]:
            shards: dict[int, list[tuple[int, Any]]] = {}  # by pattern: numbers of listings, their vectors
            waiting: deque[list[tuple[list[Any], int]]] = deque()  # blocks: of each part its tasks, and fetch

            def ask(queries: Floats, parts: list[Part], fetch: list[int]) -> list[tuple[list[Any], int]]:
                for part in parts:
                    if part.code not in shards:
                        cut = range(0, len(part.ids), SHARD)
                        rows = [np.asarray(part.vectors[start : start + SHARD]) for start in cut]
                        shards[part.code] = [(len(some), ray.put(some)) for some in rows]
                sent = ray.put(queries)
                return [
                    (
                        [
                            task.remote(sent, rows, min(count, n), machine.threads)
                            for n, rows in shards[part.code]
                        ],
                        count,
                    )
                    for part, count in zip(parts, fetch, strict=True)
                ]

            def answer() -> list[Found]:
                try:
                    return [merged(ray.get(tasks), count) for tasks, count in waiting.popleft()]
                except RayError as error:
                    raise InputError(
                        f"a task of the search failed on every worker of Ray ({type(error).__name__}); too "
                        "little memory? ways out: the logs of Ray there, or machine.engine: local"
                    ) from error

            for block in blocks:
                waiting.append(ask(*block))
                if sum(len(tasks) for asked in waiting for tasks, _ in asked) >= AHEAD * workers:
                    yield answer()
            while waiting:
                yield answer()

        yield look


def merged(shards: list[Found], fetch: int) -> Found:
    """What was found in each shard of SHARD listings -> what would be found in all of them, largest first."""
    inner = np.concatenate([inner for inner, _ in shards], axis=1)
    at = np.concatenate([at + number * SHARD for number, (_, at) in enumerate(shards)], axis=1)
    if fetch < inner.shape[1]:
        first = np.argpartition(-inner, fetch - 1, axis=1)[:, :fetch]
        inner, at = np.take_along_axis(inner, first, 1), np.take_along_axis(at, first, 1)
    order = np.argsort(-inner, axis=1, kind="stable")
    return np.take_along_axis(inner, order, 1), np.take_along_axis(at, order, 1)


def _nearest(queries: Floats, rows: Floats, fetch: int, threads: int) -> Found:
    with threadpool_limits(threads):
        return nearest(queries, rows, fetch)
