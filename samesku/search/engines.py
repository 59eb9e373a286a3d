"""Which search the stage `index` uses: exact on this machine, on CUDA or over Ray, or approximate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from samesku.params.schema import Index, Machine
from samesku.search.exact import Search, search_neighbours

#: Where Linux shows an NVIDIA processor. Torch knows for certain, but its import takes seconds.
CUDA_DRIVER = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidia0"))
CUDA_MIN_LISTINGS = 10_000  # fewer are searched by NumPy before torch is imported


@contextmanager
def open_search(index: Index, machine: Machine, n_listings: int) -> Iterator[Search]:
    """The search of `index.kind` and `machine`: (fused, rows, k) -> Neighbours. Torch and Ray load if used.

    Approximate search always runs on this machine.
    """
    if index.kind != "flat":
        from samesku.search.approximate import search_approximate

        yield partial(search_approximate, kind=index.kind, effort=index.effort, min_recall=index.min_recall)
    elif machine.engine == "ray":
        from samesku.search.ray_search import open_ray_search

        with open_ray_search(machine) as search_blocks:
            yield partial(search_neighbours, search_blocks=search_blocks)
    elif _may_have_cuda(machine.device, n_listings):
        from samesku.search.cuda import cuda_search

        yield partial(search_neighbours, search_blocks=cuda_search(machine.device))
    else:
        yield search_neighbours


def _may_have_cuda(device: str, n_listings: int) -> bool:
    """Whether torch is to be asked for the device of `machine.device`."""
    has_driver = any(path.exists() for path in CUDA_DRIVER)
    return device == "cuda" or (device == "auto" and n_listings >= CUDA_MIN_LISTINGS and has_driver)
