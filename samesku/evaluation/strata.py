"""F1 by the number of listings that the query's product has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BOUNDS = ((1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (21, None))


def by_group_size(f1: NDArray[np.float64], n_relevant: NDArray[np.integer]) -> list[dict[str, float | str]]:
    """Rows {listings, queries, f1}, small products first; strata without a query are left out.

    Args:
        f1: float64 (Q,); n_relevant: int (Q,), so that a product has n_relevant + 1 listings in the gallery.
    """
    rows: list[dict[str, float | str]] = []
    for low, high in BOUNDS:
        inside = (n_relevant + 1 >= low) & (n_relevant + 1 <= (high or np.inf))
        if inside.any():
            # Two digits, so that a plot which sorts by name has them in order.
            name = f"{low:02}" if low == high else f"{low:02}–{high:02}" if high else f"{low:02} and more"
            rows.append({"listings": name, "queries": int(inside.sum()), "f1": float(f1[inside].mean())})
    return rows
