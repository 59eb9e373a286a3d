"""The neighbours of a gallery at many α at once, without fusing and searching anew for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from samesku.search.fusion import Fused
from samesku.search.neighbours import DECIMALS, Neighbours, best

QUERIES = 512  # in one block


def sweep(
    image: Fused, title: Fused, rows: NDArray[np.int32], k: int, alphas: Sequence[float]
) -> Iterator[tuple[float, Neighbours]]:
    """(α, the neighbours at that α) for each α: those of one `search` of the rows fused with it.

    Args:
        image, title: the two sides, each fused with its own shares (Σ w_c = 1 within a side).
        rows: int32 (G,), the gallery, which is also the queries.

    The sides' inner products are computed once for each block of queries. With n and d the weighted sums of
    similarities and of weights over the channels that both listings have, score(α) is
    (α n_image + (1 − α) n_title) / (α d_image + (1 − α) d_title).
    """
    k = max(0, min(k, len(rows) - 1))
    found = {alpha: ([np.empty((0, k), np.int32)], [np.empty((0, k))]) for alpha in alphas}
    for start in range(0, len(rows), QUERIES):
        queries = rows[start : start + QUERIES]
        (n_image, d_image), (n_title, d_title) = (_products(side, queries, rows) for side in (image, title))
        own = queries[:, None] == rows
        for alpha in alphas:
            shared = alpha * d_image + (1 - alpha) * d_title
            comparable = (shared > 0) & ~own
            score = np.full(own.shape, -np.inf)
            np.divide(alpha * n_image + (1 - alpha) * n_title, shared, out=score, where=comparable)
            ids = np.where(comparable, rows, np.int32(-1))
            neighbour, value = best(ids, score.round(DECIMALS), k)
            found[alpha][0].append(neighbour)
            found[alpha][1].append(value)
    for alpha, (ids_found, values) in found.items():
        yield alpha, Neighbours(rows, np.concatenate(ids_found), np.concatenate(values).astype(np.float32))


def _products(
    side: Fused, queries: NDArray[np.int32], rows: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Σ w_c · cos_c and Σ w_c of every query with every listing of the gallery, (Q, G) each."""
    codes, at = np.unique(side.modality_mask, return_inverse=True)
    shared = np.array([[side.shared_weight(int(a), int(b)) for b in codes] for a in codes])
    return side.vectors[queries] @ side.vectors[rows].T, shared[np.ix_(at[queries], at[rows])]
