"""sample's workers on a Ray cluster, one to a processor."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from samesku.params.schema import Machine
from samesku.workers.ray_cluster import connected, room

if TYPE_CHECKING:
    from samesku.workers.local import Elsewhere

T = TypeVar("T")
R = TypeVar("R")

CHUNK = 16  # pictures that a worker is handed at a time


@contextmanager
def workers(machine: Machine) -> Iterator[Elsewhere]:
    """What maps in order over a cluster's workers; of an item that kills each of them, `crashed` is given."""
    with connected(machine):
        from samesku.workers.ray_pool import Pool

        def in_order(work: Callable[[T], R], items: Iterable[T], crashed: R) -> Generator[R]:
            with Pool(lambda: work, room(processors=1)) as pool:
                yield from pool.map(items, CHUNK, lost=crashed)

        yield in_order
