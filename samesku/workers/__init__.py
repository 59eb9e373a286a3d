"""Mapping a function over many items, in order: by processes of this machine, or on a Ray cluster."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from samesku.params.schema import Machine
from samesku.workers.local import RemoteWorkers, Workers

__all__ = ["RemoteWorkers", "Workers", "open_workers"]


def open_workers(machine: Machine) -> AbstractContextManager[Workers]:
    """The workers that decode pictures, as `machine` of params.yaml says."""
    if machine.engine == "local":
        return nullcontext(machine.workers)
    from samesku.workers.ray_cluster import decoding_workers

    return decoding_workers(machine)
