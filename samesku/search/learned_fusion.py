"""Fused rows whose channels a network has changed, one listing at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from samesku.arrays import Bools, Float32, Floats, Ints
from samesku.search.fusion import Fused

#: Rows of channels side by side, float32 (n, D) -> the changed rows, (n, D), and their shares of the channels, (n, C).
ChangeRows = Callable[[Float32], tuple[Float32, Float32]]


def change_fused(plain: Fused, listings: Ints, change: ChangeRows, weights: Floats) -> tuple[Fused, Float32]:
    """The rows of these listings as `change` gives them, zero elsewhere; and their shares, float32 (n, C).

    The weight of a channel is its mean share over the listings that have every channel, and a row is as long as in
    the plain fusion of these weights: pairs that lack a channel are compared on what both have. Their score can be
    above 1, where a listing relies on a channel more than the mean does. A further picture is changed together with
    what its listing has beside it.

    Args:
        plain: the channels side by side, of length 1 or zero each. listings: int (n,), ascending.
        change: gives channel c the length √share_c; the shares of a row have the sum 1 over what the row has.
        weights: of the channels, where no listing has every one.
    """
    rows = np.flatnonzero(np.isin(plain.row_owner, listings))
    columns = np.repeat(_find_channels(plain, rows), plain.widths, axis=1)
    changed, shares = change(np.where(columns, plain.vectors[rows], plain.vectors[plain.row_owner[rows]]))
    of_listings = shares[: len(listings)]
    complete = (of_listings > 0).all(axis=1)
    if complete.any():
        weights = of_listings[complete].mean(axis=0, dtype=np.float64)
    length = np.sqrt((shares > 0) @ weights).astype(np.float32)
    vectors = np.zeros_like(plain.vectors)
    vectors[rows] = changed * columns * length[:, None]
    return replace(plain, vectors=vectors, weights=np.asarray(weights, np.float64)), of_listings


def _find_channels(fused: Fused, rows: Ints) -> Bools:
    """bool (n, C): which channels these rows have."""
    bits = np.arange(len(fused.widths), dtype=np.uint32)
    return (fused.modality_mask[rows, None] >> bits & 1).astype(bool)
