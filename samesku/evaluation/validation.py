"""F1 of val while something trains: it chooses the epoch that is kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from samesku.arrays import Float32
from samesku.catalogue.listings import Listings, val_labelled
from samesku.evaluation.thresholds import best_val_threshold
from samesku.search.exact import search_neighbours
from samesku.search.fusion import Fused, concatenate_channels


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


def measure_towers(embeddings: Mapping[str, Float32], listings: Listings) -> dict[str, float] | None:
    """`measure_val` by what towers give, float32 (N, d) each; two towers have half the weight each.

    k reaches as far as val's largest product, at least 50.
    """
    weights = dict.fromkeys(embeddings, 1 / len(embeddings))
    largest = int(np.bincount(listings.product[val_labelled(listings)]).max(initial=0))
    fused = concatenate_channels(embeddings, weights, listings.owner)
    return measure_val(fused, listings, max(50, largest - 1))
