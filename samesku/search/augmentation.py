"""Database-side augmentation (DBA): each row becomes the weighted mean of its neighbours.

Transductive: the rows of a gallery move each other, unlabelled ones too, and none from outside it does. The
winners of the Shopee competition call it neighbourhood blending.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from samesku.search.exact import Search, search_neighbours
from samesku.search.fusion import Fused
from samesku.search.neighbours import Neighbours


def augment_rows(fused: Fused, neighbours: Neighbours, threshold: float) -> Fused:
    """x_i + Σ s_ij · x_j over i's neighbours j of score s_ij ≥ threshold.

    Each channel's part of a row keeps its length. A channel that a listing lacks stays zero: it is
    not inferred from neighbours.

    Args:
        neighbours: those of every listing of one gallery within it; rows outside it become zero.
    """
    from scipy.sparse import csr_array  # here, since an index without augmentation does without SciPy

    rows = neighbours.query
    position, rank = np.nonzero(neighbours.valid & (neighbours.score >= threshold))
    neighbour = np.searchsorted(rows, neighbours.neighbour[position, rank])
    diagonal = np.arange(len(rows))
    weights = csr_array(
        (
            np.concatenate([np.ones(len(rows), np.float32), neighbours.score[position, rank]]),
            (np.concatenate([diagonal, position]), np.concatenate([diagonal, neighbour])),
        ),
        shape=(len(rows), len(rows)),
    )
    vectors = np.zeros_like(fused.vectors)
    for stop, width in zip(np.cumsum(fused.widths), fused.widths, strict=True):
        channel = slice(stop - width, stop)
        before = fused.vectors[rows, channel]
        after = weights @ before
        length = np.linalg.norm(after, axis=1, keepdims=True)
        scale = np.divide(
            np.linalg.norm(before, axis=1, keepdims=True), length, out=np.zeros_like(length), where=length > 0
        )
        vectors[rows, channel] = after * scale
    return replace(fused, vectors=vectors)


def search_augmented(
    fused: Fused,
    rows: NDArray[np.int32],
    k: int,
    steps: int,
    threshold: float,
    search: Search = search_neighbours,
) -> tuple[Neighbours, Fused]:
    """The k nearest within a gallery after `steps` augmentations, and the augmented rows."""
    neighbours = search(fused, rows, k)
    for _ in range(steps):
        fused = augment_rows(fused, neighbours, threshold)
        neighbours = search(fused, rows, k)
    return neighbours, fused
