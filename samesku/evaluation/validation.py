"""F1 of val while something trains: it chooses the epoch that is kept."""

from __future__ import annotations

from samesku.catalogue.listings import Listings, val_labelled
from samesku.evaluation.thresholds import best_val_threshold
from samesku.search.exact import search_neighbours
from samesku.search.fusion import Fused


def measure_val(fused: Fused, listings: Listings, k: int) -> dict[str, float] | None:
    """F1 of val's listings among themselves, at its best threshold; None where val has no labels.

    Args:
        fused: rows of every listing; those outside val do not count. k: neighbours of each.
    """
    if not val_labelled(listings).any():
        return None
    rows = listings.gallery("val")
    threshold, f1 = best_val_threshold(
        search_neighbours(fused, rows, k, allowed=listings.allowed), listings, rows
    )
    return {"f1": f1, "threshold": threshold}
