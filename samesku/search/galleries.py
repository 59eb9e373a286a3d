"""The neighbours in every gallery: the whole sample, and val and test each within itself."""

from __future__ import annotations

from samesku.catalogue.listings import GALLERIES, Listings
from samesku.errors import InputError
from samesku.search.augmentation import search_augmented
from samesku.search.exact import Search, search_neighbours
from samesku.search.fusion import Fused
from samesku.search.neighbours import Neighbours, stack_neighbours


def search_galleries(
    fused: Fused,
    listings: Listings,
    k: int,
    steps: int = 0,
    threshold: float = 1.0,
    search: Search = search_neighbours,
) -> dict[str, Neighbours]:
    """The neighbours in each gallery of GALLERIES; in `split`, val's queries first and then test's.

    Args:
        steps, threshold: of database-side augmentation within each gallery, as of `search_augmented`.

    Raises:
        InputError: the fused rows are those of another sample.
    """
    if len(fused) != len(listings):
        raise InputError(
            f"data/fused has {len(fused)} rows, listings.parquet {len(listings)}; run `dvc repro`"
        )
    neighbours = {}
    for name, parts in GALLERIES.items():
        results = [
            search_augmented(fused, listings.gallery(part), k, steps, threshold, search) for part in parts
        ]
        neighbours[name] = stack_neighbours([nearest for nearest, _ in results], k)
    return neighbours
