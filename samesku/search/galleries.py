"""The search of every gallery, by the engine that params.yaml names; with augmentation where it asks for it.

Database-side augmentation (DBA) makes each row the weighted mean of its neighbours; the winners of the Shopee
competition call it neighbourhood blending. It is transductive: the rows of a gallery move each other, unlabelled
ones too, and none from outside it does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from samesku.arrays import Int32
from samesku.catalogue.listings import ALL_PAIRS, GALLERIES, AllowedPairs, Listings
from samesku.errors import InputError
from samesku.params.schema import Index, Machine
from samesku.scratch import new_array, slices
from samesku.search.exact import Search, search_neighbours
from samesku.search.fusion import Fused, with_lengths_of
from samesku.search.neighbours import Neighbours, first_neighbours, stack_neighbours
from samesku.search.pictures import augment_pictures

#: Where Linux shows an NVIDIA processor. Torch knows for certain, but its import takes seconds.
CUDA_DRIVER = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidia0"))
BLOCK = 1024  # listings that are augmented at once
CUDA_MIN_LISTINGS = 10_000  # fewer are searched by NumPy before torch is imported


def search_galleries(
    fused: Fused,
    listings: Listings,
    k: int,
    steps: int = 0,
    threshold: float = 1.0,
    search: Search = search_neighbours,
    n_nearest: int | None = None,
) -> dict[str, Neighbours]:
    """The neighbours in each gallery of GALLERIES, of those that may match; in `split`, val's queries come first.

    Args:
        steps, threshold, n_nearest: of database-side augmentation within each gallery, as of `augment_searches`.

    Raises:
        InputError: the fused rows are those of another sample.
    """
    if len(fused) != len(listings):
        raise InputError(
            f"data/fused has {len(fused)} listings, listings.parquet {len(listings)}; run `dvc repro`"
        )
    neighbours = {}
    for name, parts in GALLERIES.items():
        results = [
            search_augmented(
                fused, listings.gallery(part), k, steps, threshold, search, listings.allowed, n_nearest
            )
            for part in parts
        ]
        neighbours[name] = stack_neighbours([nearest for nearest, _ in results], k)
    return neighbours


@contextmanager
def open_search(index: Index, machine: Machine, n_listings: int) -> Iterator[Search]:
    """The search of `index.kind` and `machine`: (fused, rows, k) -> Neighbours. Torch and Ray load if used.

    On a cluster, `flat` and `ivf` are searched by shards; FAISS's indexes are searched on this machine.
    """
    if index.kind != "flat":
        from samesku.search.approximate import search_approximate

        search = partial(
            search_approximate, kind=index.kind, effort=index.effort, min_recall=index.min_recall
        )
        if machine.engine == "ray" and index.kind == "ivf":
            from samesku.search.ray_index import open_ray_indexes

            with open_ray_indexes(machine) as build:
                yield partial(search, build=build)
        else:
            yield search
    elif machine.engine == "ray":
        from samesku.search.ray_search import open_ray_search

        with open_ray_search(machine) as search_blocks:
            yield partial(search_neighbours, search_blocks=search_blocks)
    elif _may_have_cuda(machine.device, n_listings):
        from samesku.search.cuda import cuda_search

        yield partial(search_neighbours, search_blocks=cuda_search(machine.device))
    else:
        yield search_neighbours


def search_augmented(
    fused: Fused,
    rows: Int32,
    k: int,
    steps: int,
    threshold: float,
    search: Search = search_neighbours,
    allowed: AllowedPairs = ALL_PAIRS,
    n_nearest: int | None = None,
) -> tuple[Neighbours, Fused]:
    """The k nearest within a gallery after `steps` augmentations, and the augmented rows.

    Args:
        allowed: which pairs may match; a row is moved by such neighbours alone.
        n_nearest: as of `augment_searches`.
    """
    neighbours = search(fused, rows, k, allowed=allowed)
    *_, (fused, neighbours) = augment_searches(
        fused, neighbours, k, steps, threshold, search, allowed, n_nearest
    )
    return neighbours, fused


def augment_searches(
    fused: Fused,
    neighbours: Neighbours,
    k: int,
    steps: int,
    threshold: float,
    search: Search = search_neighbours,
    allowed: AllowedPairs = ALL_PAIRS,
    n_nearest: int | None = None,
) -> Iterator[tuple[Fused, Neighbours]]:
    """The rows of a gallery and their k nearest: as they are, then after each of `steps` augmentations.

    Args:
        neighbours: the k nearest by `fused`, of every listing of the gallery.
        n_nearest: how many of the nearest move a row at most; None: all of score `threshold` or higher.
    """
    yield fused, neighbours
    for _ in range(steps):
        fused = augment_rows(fused, first_neighbours(neighbours, n_nearest or neighbours.k), threshold)
        neighbours = search(fused, neighbours.query, k, allowed=allowed)
        yield fused, neighbours


def augment_rows(fused: Fused, neighbours: Neighbours, threshold: float) -> Fused:
    """x_i + Σ s_ij · x_j over i's neighbours j of score s_ij ≥ threshold.

    Each channel's part of a row keeps its length. A channel that a listing lacks stays zero: it is
    not inferred from neighbours. Of a neighbour with several pictures the one nearest to the row counts, by channel.

    Args:
        neighbours: those of every listing of one gallery within it; rows outside it become zero.
    """
    from scipy.sparse import csr_array  # here, since an index without augmentation does without SciPy

    if fused.owner is not None:
        return augment_pictures(fused, neighbours, threshold)
    rows = neighbours.query
    vectors = new_array(fused.vectors.shape, np.float32)
    for block in slices(len(rows), BLOCK):
        moves = (neighbours.neighbour[block] >= 0) & (neighbours.score[block] >= threshold)
        position, rank = np.nonzero(moves)
        size = len(moves)
        around, place = np.unique(
            np.concatenate([rows[block], neighbours.neighbour[block][moves]]), return_inverse=True
        )
        scores = np.concatenate([np.ones(size, np.float32), neighbours.score[block][position, rank]])
        places = np.concatenate([np.arange(size), position]), place
        weights = csr_array((scores, places), shape=(size, len(around)))
        before = fused.vectors[around]
        for channel in fused.channel_columns():
            moved = weights @ before[:, channel]
            vectors[rows[block], channel] = with_lengths_of(before[place[:size], channel], moved)
    return replace(fused, vectors=vectors)


def _may_have_cuda(device: str, n_listings: int) -> bool:
    """Whether torch is to be asked for the device of `machine.device`."""
    has_driver = any(path.exists() for path in CUDA_DRIVER)
    return device == "cuda" or (device == "auto" and n_listings >= CUDA_MIN_LISTINGS and has_driver)
