"""index: the k nearest neighbours of every listing, in two galleries: the whole sample, and its split.

Reads data/fused/ and listings.parquet. Writes data/neighbours/{full,split}.parquet: query int32, neighbour
int32 (rows of listings.parquet), rank int32 from 1, score float32. `split` searches val within val and test
within test, so that a threshold is chosen and measured without listings of another split. With augmentation it
also writes augmentation.json and moved_by_*.parquet, the neighbours that move each row of the full gallery.
"""

import sys

import numpy as np

from samesku import artefacts
from samesku.catalogue.listings import GALLERIES, Listings, read_listings
from samesku.params import load_params
from samesku.search.fusion import read_fused
from samesku.search.galleries import open_search, search_gallery, write_moving
from samesku.search.neighbours import write_neighbours


def warn_of_large_products(listings: Listings, k: int) -> None:
    """A product of more than k + 1 listings cannot be found whole."""
    every, labelled = listings.gallery("full"), listings.product >= 0
    counts = (
        listings.allowed.count(listings.product, every, every)[labelled] + 1
    )  # the query, and what may match it
    sizes = np.zeros(int(listings.product.max(initial=-1)) + 1, np.int64)
    np.maximum.at(sizes, listings.product[labelled], counts)
    if sizes.max(initial=0) > k + 1:
        print(
            f"index: warning: {int((sizes > k + 1).sum())} products have more than index.k + 1 = {k + 1} "
            f"listings (the largest {sizes.max()}); their queries cannot find all",
            file=sys.stderr,
        )


def main() -> str:
    params = load_params()
    listings, fused = read_listings(artefacts.LISTINGS, params.match), read_fused(artefacts.FUSED)
    index, augmentation = params.index, params.index.augmentation
    warn_of_large_products(listings, index.k)
    if fused.owner is not None and index.kind == "flat" and params.machine.engine == "ray":
        print(
            "index: listings have several pictures: the search runs on this machine, not on Ray",
            file=sys.stderr,
        )
    with open_search(index, params.machine, len(listings)) as search:
        steps = {
            name: search_gallery(fused, listings, parts, index.k, augmentation, search)
            for name, parts in GALLERIES.items()
        }
    neighbours = {name: of_steps[-1] for name, of_steps in steps.items()}
    with artefacts.replace_out(artefacts.NEIGHBOURS) as partial:
        partial.mkdir()
        for name, nearest in neighbours.items():
            write_neighbours(partial / f"{name}.parquet", nearest)
        if augmentation.steps:  # a new listing is searched for among the augmented rows
            write_moving(partial, steps["full"], augmentation)
            artefacts.write_json(partial / "augmentation.json", augmentation.model_dump())
    kind = "" if index.kind == "flat" else f", {index.kind} at effort {index.effort}"
    augmented = f", augmented {augmentation.steps} ×" if augmentation.steps else ""
    counts = ", ".join(f"{name} {int(nearest.valid.sum())}" for name, nearest in neighbours.items())
    return f"{len(listings)} listings, k {index.k}{kind}{augmented}, neighbours: {counts}"


if __name__ == "__main__":
    artefacts.run_stage("index", main)
