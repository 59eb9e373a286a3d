"""Neighbours in every gallery of the table: the whole sample, and val and test each within itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesku import artefacts
from samesku.catalogue import parquet as tables
from samesku.catalogue.listings import GALLERIES, Listings
from samesku.errors import InputError
from samesku.params.rerank import Blend
from samesku.search import augmentation as blending
from samesku.search import neighbours
from samesku.search.fusion import Fused
from samesku.search.neighbours import Neighbours

Nearest = Callable[[Fused, NDArray[np.int32], int], Neighbours]


def search(
    fused: Fused, listings: Listings, k: int, blend: Blend | None = None, nearest: Nearest = neighbours.search
) -> dict[str, Neighbours]:
    """The neighbours in each gallery; in `split`, val and test queries one below the other.

    Args:
        blend: how often rows are blended with their neighbours in the gallery before the last search.
        nearest: exact search, or another that finds k neighbours in a gallery.
    """
    blend = blend or Blend()
    if len(fused) != len(listings):
        raise InputError(
            f"data/fused has {len(fused)} rows, listings.parquet {len(listings)}; run `dvc repro`"
        )
    return {
        name: stack(
            [
                blending.search(fused, listings.gallery(part), k, blend.steps, blend.threshold, nearest)[0]
                for part in parts
            ],
            k,
        )
        for name, parts in GALLERIES.items()
    }


def stack(parts: list[Neighbours], k: int) -> Neighbours:
    """Neighbours of several query sets as one, padded to the same k."""
    width = min(k, max(part.k for part in parts))

    def padded(values: np.ndarray, fill: float) -> np.ndarray:
        return np.pad(values, ((0, 0), (0, width - values.shape[1])), constant_values=fill)

    return Neighbours(
        np.concatenate([part.query for part in parts]),
        np.concatenate([padded(part.neighbour, -1) for part in parts]),
        np.concatenate([padded(part.score, -np.inf) for part in parts]),
    )


def write(found: Neighbours, path: Path) -> None:
    at, rank = np.nonzero(found.valid)
    table = tables.table(
        {
            "query": found.query[at],
            "neighbour": found.neighbour[at, rank],
            "rank": (rank + 1).astype(np.int32),
            "score": found.score[at, rank],
        }
    )
    with artefacts.replacing(path) as beside:
        pq.write_table(table, beside)


def read(path: Path, listings: Listings, name: str) -> Neighbours:
    """What `write` wrote; queries without a neighbour come back too, from the gallery's rows."""
    table = {name: tables.numbers(column) for name, column in tables.read(path).items()}
    query = np.concatenate([listings.gallery(part) for part in GALLERIES[name]])
    place = np.full(len(listings), -1)
    place[query] = np.arange(len(query))
    width = int(table["rank"].max(initial=0))
    found = Neighbours(
        query,
        np.full((len(query), width), -1, dtype=np.int32),
        np.full((len(query), width), -np.inf, dtype=np.float32),
    )
    at = place[table["query"]], table["rank"] - 1
    found.neighbour[at], found.score[at] = table["neighbour"], table["score"]
    return found
