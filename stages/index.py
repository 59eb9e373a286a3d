"""index: the k nearest neighbours of every listing, in two galleries: the whole sample, and its own split.

Reads data/fused/ and listings.parquet; writes data/neighbours/{full,split}.parquet, columns query int32,
neighbour int32 (rows of listings.parquet), rank int32 from 1, score float32. `split` holds val in val and
test in test: a threshold is tuned and scored within one split, where no other listing competes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from samesku import artefacts
from samesku import params as settings
from samesku.catalogue import listings as catalogue
from samesku.catalogue.listings import Listings
from samesku.evaluation import galleries
from samesku.params.schema import Index, Machine
from samesku.search import approximate, neighbours
from samesku.search import fused_files as mixing

#: Where Linux shows an NVIDIA processor. Torch knows for certain, but its import takes seconds.
DRIVER = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidia0"))
WORTH = 10_000  # listings; fewer are searched by NumPy before torch is imported


def warn_of_large_products(listings: Listings, k: int) -> None:
    """A product of more than k + 1 listings cannot be found whole."""
    sizes = np.bincount(listings.product[listings.product >= 0])
    if sizes.max(initial=0) > k + 1:
        print(
            f"index: warning: {int((sizes > k + 1).sum())} products have more than index.k + 1 = {k + 1} "
            f"listings (the largest {sizes.max()}); their queries cannot find all",
            file=sys.stderr,
        )


def may_have_cuda(device: str, listings: int) -> bool:
    """Whether torch is to be asked for the device of `machine.device`."""
    return device == "cuda" or (
        device == "auto" and listings >= WORTH and any(path.exists() for path in DRIVER)
    )


@contextmanager
def nearest(spec: Index, machine: Machine, listings: int) -> Iterator[galleries.Nearest]:
    """Exact search, here, on CUDA or over a Ray cluster; or an index of `index.kind`, always here."""
    if spec.kind != "flat":
        yield partial(approximate.search, kind=spec.kind, effort=spec.effort, min_recall=spec.min_recall)
    elif machine.engine == "ray":
        from samesku.search.ray_search import looking

        with looking(machine) as look:
            yield partial(neighbours.search, look=look)
    elif may_have_cuda(machine.device, listings):
        from samesku.search import cuda as accelerator

        yield partial(neighbours.search, look=accelerator.looking(machine.device))
    else:
        yield neighbours.search


def main() -> str:
    params = settings.load()
    threadpool_limits(params.machine.threads)
    listings = catalogue.read(artefacts.LISTINGS)
    warn_of_large_products(listings, params.index.k)
    spec = params.index
    with nearest(spec, params.machine, len(listings)) as searched:
        found = galleries.search(mixing.read(artefacts.FUSED), listings, spec.k, spec.blend, searched)
    for name, lists in found.items():
        galleries.write(lists, artefacts.NEIGHBOURS / f"{name}.parquet")
    pairs = ", ".join(f"{name} {int(lists.valid.sum())}" for name, lists in found.items())
    kind = "" if spec.kind == "flat" else f", {spec.kind} at effort {spec.effort}"
    blended = f", blended {spec.blend.steps} ×" if spec.blend.steps else ""
    return f"{len(listings)} listings, k {spec.k}{kind}{blended}, neighbours: {pairs}"


if __name__ == "__main__":
    artefacts.run("index", main)
