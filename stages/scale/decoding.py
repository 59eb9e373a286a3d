"""sample's workers on a Ray cluster, one to a processor."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from stages.scale.cluster import connected, room
from stages.settings.schema import Machine

if TYPE_CHECKING:
    from stages.catalogue.workers import Elsewhere

T = TypeVar("T")
R = TypeVar("R")

CHUNK = 16  # pictures that a worker is handed at a time


@contextmanager
def workers(machine: Machine) -> Iterator[Elsewhere]:
    """What maps in order over a cluster's workers; of an item that kills each of them, `crashed` is given."""
    with connected(machine):
        from stages.scale.pool import Pool

        def in_order(work: Callable[[T], R], items: Iterable[T], crashed: R) -> Generator[R]:
            with Pool(lambda: work, room(processors=1)) as pool:
                yield from pool.map(items, CHUNK, lost=crashed)

        yield in_order
