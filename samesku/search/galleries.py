"""The search of every gallery, by the engine that params.yaml names; with augmentation where it asks for it.

Database-side augmentation (DBA) makes each row the weighted mean of its neighbours; the winners of the Shopee
competition call it neighbourhood blending. It is transductive: the rows of a gallery move each other, unlabelled
ones too, and none from outside it does.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from samesku.arrays import Int32
from samesku.catalogue.listings import ALL_PAIRS, GALLERIES, AllowedPairs, Listings
from samesku.errors import InputError
from samesku.params.schema import Augmentation, Index, Machine
from samesku.scratch import new_array, slices
from samesku.search.exact import Search, search_neighbours
from samesku.search.fusion import Fused, with_lengths_of
from samesku.search.neighbours import Neighbours, read_neighbours, stack_neighbours, write_neighbours
from samesku.search.pictures import augment_pictures

#: Where Linux shows an NVIDIA processor. Torch knows for certain, but its import takes seconds.
CUDA_DRIVER = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidia0"))
BLOCK = 1024  # listings that are augmented at once
CUDA_MIN_LISTINGS = 10_000  # fewer are searched by NumPy before torch is imported
PLAIN = Augmentation(steps=0)


def search_galleries(
    fused: Fused, listings: Listings, k: int, search: Search = search_neighbours
) -> dict[str, Neighbours]:
    """The neighbours in each gallery of GALLERIES, of those that may match; in `split`, val's queries come first."""
    return {
        name: search_gallery(fused, listings, parts, k, search=search)[0] for name, parts in GALLERIES.items()
    }


def search_gallery(
    fused: Fused,
    listings: Listings,
    parts: Sequence[str],
    k: int,
    augmentation: Augmentation = PLAIN,
    search: Search = search_neighbours,
) -> list[Neighbours]:
    """The k nearest of the listings of each part within it: by their rows as they are, then after each augmentation.

    Args:
        parts: of a gallery, whose queries stand one part after the other in the result.

    Raises:
        InputError: the fused rows are those of another sample.
    """
    if len(fused) != len(listings):
        raise InputError(
            f"data/fused has {len(fused)} listings, listings.parquet {len(listings)}; run `dvc repro`"
        )
    of_parts = []
    for part in parts:
        nearest = search(fused, listings.gallery(part), k, allowed=listings.allowed)
        steps = augment_searches(fused, nearest, k, augmentation, search, listings.allowed)
        of_parts.append([after for _, after in steps])
    return [stack_neighbours(of_step, k) for of_step in zip(*of_parts, strict=True)]


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


def augment_searches(
    fused: Fused,
    neighbours: Neighbours,
    k: int,
    augmentation: Augmentation,
    search: Search = search_neighbours,
    allowed: AllowedPairs = ALL_PAIRS,
) -> Iterator[tuple[Fused, Neighbours]]:
    """The rows of a gallery and their k nearest: as they are, then after each step of augmentation.

    Args:
        neighbours: the k nearest by `fused`, of every listing of the gallery.
        allowed: which pairs may match; a row is moved by such neighbours alone.
    """
    yield fused, neighbours
    for _ in range(augmentation.steps):
        fused = augment_rows(fused, choose_moving(neighbours, augmentation))
        neighbours = search(fused, neighbours.query, k, allowed=allowed)
        yield fused, neighbours


def choose_moving(neighbours: Neighbours, augmentation: Augmentation) -> Neighbours:
    """The neighbours that move each row, the others left out: by the threshold, and by their number at most."""
    score = neighbours.score[:, : augmentation.neighbours]
    moves = score >= augmentation.threshold
    nearest = np.where(moves, neighbours.neighbour[:, : augmentation.neighbours], np.int32(-1))
    return Neighbours(neighbours.query, nearest, np.where(moves, score, -np.inf).astype(np.float32))


def write_moving(folder: Path, neighbours: Sequence[Neighbours], augmentation: Augmentation) -> None:
    """Write the neighbours that move the rows in each step, so that `read_moving` and `augment_steps` give the rows.

    Args:
        neighbours: those before each step, and after the last.
    """
    for step, nearest in enumerate(neighbours[:-1]):
        write_neighbours(folder / f"moved_by_{step}.parquet", choose_moving(nearest, augmentation))


def read_moving(folder: Path, rows: Int32) -> list[Neighbours]:
    """What `write_moving` wrote. rows: int32 (G,), the gallery. Raises DamagedFile."""
    steps = len(list(folder.glob("moved_by_*.parquet")))
    return [read_neighbours(folder / f"moved_by_{step}.parquet", rows) for step in range(steps)]


def augment_steps(fused: Fused, moving: Iterable[Neighbours]) -> list[Fused]:
    """The rows as they are, then after each step of augmentation."""
    rows = [fused]
    for moved_by in moving:
        rows.append(augment_rows(rows[-1], moved_by))
    return rows


def augment_rows(fused: Fused, moved_by: Neighbours) -> Fused:
    """x_i + Σ s_ij · x_j over the neighbours j that move i, of score s_ij.

    Each channel's part of a row keeps its length. A channel that a listing lacks stays zero: it is
    not inferred from neighbours. Of a neighbour with several pictures the one nearest to the row counts, by channel.

    Args:
        moved_by: of every listing of one gallery, within it; rows outside it become zero.
    """
    from scipy.sparse import csr_array  # here, since an index without augmentation does without SciPy

    if fused.owner is not None:
        return augment_pictures(fused, moved_by)
    rows = moved_by.query
    vectors = new_array(fused.vectors.shape, np.float32)
    for block in slices(len(rows), BLOCK):
        moves = moved_by.neighbour[block] >= 0
        position, rank = np.nonzero(moves)
        size = len(moves)
        around, place = np.unique(
            np.concatenate([rows[block], moved_by.neighbour[block][moves]]), return_inverse=True
        )
        scores = np.concatenate([np.ones(size, np.float32), moved_by.score[block][position, rank]])
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
