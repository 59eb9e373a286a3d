"""Workers on a Ray cluster. Ray is imported only where machine.engine is `ray`."""

import logging
import os
import re
import socket
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from samesku.errors import InputError
from samesku.params.schema import Machine
from samesku.processor import CAPS, are_capped

T = TypeVar("T")
R = TypeVar("R")

PACKAGE = Path(__file__).parents[1]
PICTURES = 16  # that a worker is handed at a time


@contextmanager
def connect_cluster(machine: Machine) -> Iterator[None]:
    """Connect to the Ray of `machine.address`, or start one on this machine and end it afterwards.

    The package samesku is sent to every node: its workers run the code of this checkout or installation.

    Raises:
        InputError: Ray is not installed, or nothing answers at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read at the import
    try:
        import ray
    except ImportError:
        raise InputError(
            "machine.engine is 'ray', and Ray is not installed; ways out: pip install 'samesku[scale]', "
            "or machine.engine: local"
        ) from None
    started: dict[str, Any] = {
        "num_cpus": max(1, machine.workers, machine.threads),
        "include_dashboard": False,
    }
    try:
        if host := re.search(r"([^/]+):(\d+)$", machine.address or ""):  # Ray itself would try for minutes
            socket.create_connection((host[1], int(host[2])), timeout=10).close()
        ray.init(
            address=machine.address or "local",
            runtime_env={"py_modules": [str(PACKAGE)], "env_vars": CAPS if are_capped() else {}},
            logging_level=logging.ERROR,
            **({} if machine.address else started),
        )
    except (OSError, ValueError, RuntimeError, OverflowError) as error:
        message = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"machine.address is {machine.address!r}, where no Ray answers ({message}); allowed: null to start "
            "one here, auto, host:port or ray://host:port of one that runs, or machine.engine: local"
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


class ClusterRoom(NamedTuple):
    """What a cluster has room for: so many workers, each with so many processors, or an accelerator."""

    workers: int
    processors: int
    accelerator: bool = False


def cluster_room(processors: int, accelerators: bool = False) -> ClusterRoom:
    """What the machines of the cluster have room for.

    Args:
        processors: of one worker; those of one machine.
        accelerators: whether workers are one to an accelerator, where the cluster has any.

    Raises:
        InputError: no machine of the cluster has so many processors.
    """
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if accelerators and (count := sum(int(node.get("GPU", 0)) for node in nodes)):
        return ClusterRoom(count, 1, True)
    cores = [int(node.get("CPU", 0)) for node in nodes]
    if max(cores, default=0) < processors:
        raise InputError(
            f"machine.threads is {processors}, and no machine of the Ray cluster has so many processors; "
            f"allowed there: up to {max(cores, default=0)}"
        )
    return ClusterRoom(sum(count // processors for count in cores), processors)


@contextmanager
def decoding_workers(machine: Machine) -> Iterator[Callable[..., Generator[Any]]]:
    """What maps in order over a cluster's workers, one to a processor.

    An item that kills three workers gives `crashed`.
    """
    with connect_cluster(machine):
        from samesku.workers.ray_pool import Pool

        def map_in_order(work: Callable[[T], R], items: Iterable[T], crashed: R) -> Generator[R]:
            with Pool(lambda: work, *cluster_room(processors=1)) as pool:
                yield from pool.map(items, PICTURES, lost=crashed)

        yield map_in_order


@contextmanager
def encoder_workers(
    make: Callable[[], Callable[[Any], Any]], machine: Machine
) -> Iterator[tuple[int, Callable[[Iterable[Any]], Generator[Any]]]]:
    """Workers that each hold an encoder, one to an accelerator or to `machine.threads` processors.

    Args:
        make: gives the function that a worker maps; called once in each worker.

    Yields:
        the number of workers, and what maps them over an iterable, in order.

    Raises:
        InputError: what a worker is sent kills every worker that it is sent to.
    """
    with connect_cluster(machine):
        from samesku.workers.ray_pool import Pool

        room = cluster_room(machine.threads, accelerators=machine.device in ("auto", "cuda"))
        with Pool(make, *room) as pool:
            ways_out = "a smaller embed.batch_size, fewer machine.threads, or machine.engine: local"
            yield room.workers, lambda items: _refuse_lost(pool.map(items, lost=None), "listings", ways_out)


@contextmanager
def block_workers(machine: Machine) -> Iterator[Callable[..., Generator[Any]]]:
    """What maps over blocks of rows by a cluster's workers, one to a processor; each holds the function.

    Raises:
        InputError: a block kills every worker that it is given to.
    """
    with connect_cluster(machine):
        from samesku.workers.ray_pool import Pool

        def map_blocks(work: Callable[[slice], Any], blocks: Iterable[slice]) -> Generator[Any]:
            with Pool(lambda: work, *cluster_room(processors=1)) as pool:
                yield from _refuse_lost(pool.map(blocks, lost=None), "rows", "machine.engine: local")

        yield map_blocks


def _refuse_lost(results: Iterable[Any], what: str, ways_out: str) -> Generator[Any]:
    """The results; InputError where None stands for items that killed every worker."""
    from samesku.workers.ray_pool import TRIES

    for result in results:
        if result is None:
            raise InputError(
                f"{TRIES} workers of Ray died of the same {what}; too little memory? ways out: {ways_out}"
            )
        yield result
