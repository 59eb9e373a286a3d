"""A connection to Ray, whose workers import this very code."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from samesku.errors import InputError
from samesku.params.schema import Machine

STAGES = Path(__file__).parents[1]


@contextmanager
def connected(machine: Machine) -> Iterator[None]:
    """Connect to the Ray of `machine.address`, or start one on this machine and end it afterwards.

    The folder `stages` is sent to every node: its workers run the code of this checkout or installation.

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
            runtime_env={"py_modules": [str(STAGES)]},
            logging_level=logging.ERROR,
            **({} if machine.address else started),
        )
    except (OSError, ValueError, RuntimeError, OverflowError) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"machine.address is {machine.address!r}, where no Ray answers ({said}); allowed: null to start "
            "one here, auto, host:port or ray://host:port of one that runs, or machine.engine: local"
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


class Room(NamedTuple):
    """What a cluster has room for: so many workers, each with so many processors, or an accelerator."""

    workers: int
    processors: int
    accelerator: bool = False


def room(processors: int, accelerators: bool = False) -> Room:
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
        return Room(count, 1, True)
    cores = [int(node.get("CPU", 0)) for node in nodes]
    if max(cores, default=0) < processors:
        raise InputError(
            f"machine.threads is {processors}, and no machine of the Ray cluster has so many processors; "
            f"allowed there: up to {max(cores, default=0)}"
        )
    return Room(sum(count // processors for count in cores), processors)
