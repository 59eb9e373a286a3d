"""What the labels say: which neighbours are of the query's product, and how many there are to find."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def relevant(
    product: NDArray[np.integer], query: NDArray[np.integer], neighbour: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """bool (Q, k): the neighbour is a listing of the query's product.

    Args:
        product: int (N,), the product of each listing; −1 where it has no label, which matches nothing.
        query: int (Q,) rows; neighbour: int (Q, k) rows, −1 where there is none.
    """
    own = product[query][:, None]
    return (neighbour >= 0) & (own >= 0) & (product[neighbour] == own)


def n_relevant(
    product: NDArray[np.integer], query: NDArray[np.integer], gallery: NDArray[np.integer]
) -> NDArray[np.int64]:
    """int (Q,): the other listings of the query's product in the gallery (rows), whether ranked or not."""
    labelled = product[gallery]
    size = np.bincount(labelled[labelled >= 0], minlength=int(product.max(initial=-1)) + 2)
    own = product[query]
    inside = np.isin(query, gallery)
    return np.where(own >= 0, size[own] - inside, 0)
