"""Mapping a function over blocks of rows, in order: by threads of this machine, or on a Ray cluster."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from samesku.params.schema import Machine

#: A function of a block, and the blocks -> what it gives for each, in their order.
MapBlocks = Callable[[Callable[[slice], Any], Iterable[slice]], Iterator[Any]]


def open_block_workers(machine: Machine) -> AbstractContextManager[MapBlocks]:
    """What maps over blocks, as `machine` of params.yaml says. On a cluster the function must be picklable.

    Raises:
        InputError: on the cluster, a block kills every worker that it is given to.
    """
    if machine.engine == "local":
        return nullcontext(map_by_threads(machine.threads))
    from samesku.workers.ray_cluster import block_workers  # Ray takes seconds to import

    return block_workers(machine)


def map_by_threads(threads: int) -> MapBlocks:
    """What maps over so many blocks at once, on this machine."""

    def map_blocks(work: Callable[[slice], Any], blocks: Iterable[slice]) -> Iterator[Any]:
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(work, blocks)

    return map_blocks
