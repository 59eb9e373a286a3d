"""Neighbourhood blending: each row replaced by the weighted mean of its neighbours, then searched again.

Transductive: the rows of a gallery move each other, unlabelled ones too, and none from outside it does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from samesku.search.fusion import Fused
from samesku.search.neighbours import Neighbours
from samesku.search.neighbours import search as exact


def blend(fused: Fused, neighbours: Neighbours, threshold: float) -> Fused:
    """x_i + Σ s_ij · x_j over i's neighbours j with s_ij ≥ threshold; each channel's part keeps its length.

    The neighbourhood blending of the Shopee competition's first place. A channel that a listing lacks stays
    lacking: it is not inferred from neighbours.

    Args:
        neighbours: those of every listing of one gallery within it; rows outside it become zero.
    """
    from scipy.sparse import csr_array  # here, since an index that does not blend does without SciPy

    rows = neighbours.query
    at, rank = np.nonzero(neighbours.valid & (neighbours.score >= threshold))
    other = np.searchsorted(rows, neighbours.neighbour[at, rank])
    own = np.arange(len(rows))
    mixing = csr_array(
        (
            np.concatenate([np.ones(len(rows), np.float32), neighbours.score[at, rank]]),
            (np.concatenate([own, at]), np.concatenate([own, other])),
        ),
        shape=(len(rows), len(rows)),
    )
    vectors = np.zeros_like(fused.vectors)
    for stop, width in zip(np.cumsum(fused.widths), fused.widths, strict=True):
        part = slice(stop - width, stop)
        before = fused.vectors[rows, part]
        after = mixing @ before
        length = np.linalg.norm(after, axis=1, keepdims=True)
        scale = np.divide(
            np.linalg.norm(before, axis=1, keepdims=True), length, out=np.zeros_like(length), where=length > 0
        )
        vectors[rows, part] = after * scale
    return replace(fused, vectors=vectors)


def search(
    fused: Fused,
    rows: NDArray[np.int32],
    k: int,
    steps: int,
    threshold: float,
    nearest: Callable[[Fused, NDArray[np.int32], int], Neighbours] = exact,
) -> tuple[Neighbours, Fused]:
    """The k nearest within a gallery after so many steps of blending (0: none), and the blended rows."""
    found = nearest(fused, rows, k)
    for _ in range(steps):
        fused = blend(fused, found, threshold)
        found = nearest(fused, rows, k)
    return found, fused
