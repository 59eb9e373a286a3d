"""embed_zero_shot's encoders on a Ray cluster: one to an accelerator, or to `machine.threads` processors."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from samesku.errors import InputError
from samesku.params.schema import Machine
from samesku.workers.ray_cluster import connected, room


@contextmanager
def mappers(
    make: Callable[[], Callable[[Any], Any]], machine: Machine
) -> Iterator[tuple[int, Callable[[Iterable[Any]], Generator[Any]]]]:
    """How many mappers the cluster has room for, and what runs them over an iterable, in order.

    Args:
        make: gives a mapper; called once in each worker.

    Raises:
        InputError: what a mapper is sent kills every worker that it is sent to.
    """
    with connected(machine):
        from samesku.workers.ray_pool import TRIES, Pool

        found = room(machine.threads, accelerators=machine.device in ("auto", "cuda"))
        with Pool(make, found) as pool:

            def run(items: Iterable[Any]) -> Generator[Any]:
                for result in pool.map(items, lost=None):
                    if result is None:
                        raise InputError(
                            f"{TRIES} workers of Ray died of the same listings; too little memory? ways out: "
                            "a smaller embed.batch_size, fewer machine.threads, or machine.engine: local"
                        )
                    yield result

            yield found.workers, run
