"""index: the k nearest neighbours of every listing, in two galleries: the whole sample, and its own split.

Reads data/fused/ and listings.parquet; writes data/neighbours/{full,split}.parquet, columns query int32,
neighbour int32 (rows of listings.parquet), rank int32 from 1, score float32. `split` holds val in val and
test in test: a threshold is tuned and scored within one split, where no other listing competes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from stages import artefacts, fuse, settings
from stages.catalogue import listings as catalogue
from stages.catalogue.listings import Listings
from stages.matching import blending
from stages.matching.fusion import Fused
from stages.matching.neighbours import Neighbours
from stages.settings import Refused
from stages.settings.rerank import Blend


def index(fused: Fused, listings: Listings, k: int, blend: Blend = Blend()) -> dict[str, Neighbours]:  # noqa: B008
    """The neighbours in each gallery; in `split`, val and test queries one below the other.

    Args:
        blend: how often rows are blended with their neighbours in the gallery before the last search.
    """
    if len(fused) != len(listings):
        raise Refused(f"data/fused has {len(fused)} rows, listings.parquet {len(listings)}; run `dvc repro`")
    return {
        name: stack(
            [
                blending.search(fused, listings.gallery(part), k, blend.steps, blend.threshold)[0]
                for part in parts
            ],
            k,
        )
        for name, parts in catalogue.GALLERIES.items()
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
    at, rank = np.nonzero(found.found)
    table = pa.table(
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
    table = {column: values.to_numpy() for column, values in zip(*_columns(path), strict=True)}
    query = np.concatenate([listings.gallery(part) for part in catalogue.GALLERIES[name]])
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


def _columns(path: Path) -> tuple[list[str], list[pa.ChunkedArray]]:
    table = pq.read_table(path)
    return table.column_names, table.columns


def warn_of_large_products(listings: Listings, k: int) -> None:
    """A product of more than k + 1 listings cannot be found whole."""
    sizes = np.bincount(listings.product[listings.product >= 0])
    if sizes.max(initial=0) > k + 1:
        print(
            f"index: warning: {int((sizes > k + 1).sum())} products have more than index.k + 1 = {k + 1} "
            f"listings (the largest {sizes.max()}); their queries cannot find all",
            file=sys.stderr,
        )


def main() -> str:
    params = settings.load()
    threadpool_limits(params.machine.threads)
    listings = catalogue.read(artefacts.LISTINGS)
    warn_of_large_products(listings, params.index.k)
    found = index(fuse.read(artefacts.FUSED), listings, params.index.k, params.index.blend)
    for name, neighbours in found.items():
        write(neighbours, artefacts.NEIGHBOURS / f"{name}.parquet")
    pairs = ", ".join(f"{name} {int(neighbours.found.sum())}" for name, neighbours in found.items())
    steps = params.index.blend.steps
    blended = f", blended {steps} ×" if steps else ""
    return f"{len(listings)} listings, k {params.index.k}{blended}, neighbours: {pairs}"


if __name__ == "__main__":
    artefacts.run("index", main)
