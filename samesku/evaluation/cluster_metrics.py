"""Groups against products: pairwise figures and B-cubed, from each listing's group."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesku.evaluation.f1 import b_cubed


def counts(
    group: NDArray[np.integer], product: NDArray[np.integer], query: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of each query, self left out: listings of its product in its group, in its group, and of its product.

    Args:
        group: int (N,), within the gallery; −1 outside it. product: int (N,), −1 where unlabelled.
        query: int (Q,) rows of the gallery.
    """
    inside = group >= 0
    width = int(product.max(initial=-1)) + 2
    labelled = inside & (product >= 0)
    _, at, alike = np.unique(
        group[labelled].astype(np.int64) * width + product[labelled], return_inverse=True, return_counts=True
    )
    hits = np.zeros(len(group), np.int64)
    hits[labelled] = alike[at] - 1
    size = np.bincount(group[inside], minlength=1)
    same = np.bincount(product[labelled], minlength=width)
    n_relevant = np.where(product >= 0, same[product] - 1, 0)
    return hits[query], size[group[query]] - 1, n_relevant[query]


def figures(
    group: NDArray[np.integer], product: NDArray[np.integer], query: NDArray[np.integer]
) -> dict[str, Any]:
    """Pairwise precision, recall and F1 over the pooled pairs of the queries, B-cubed, and the groups' sizes.

    Arguments as `counts`; a pair of two queries is met from both sides. Bagga and Baldwin (1998) for B-cubed.
    """
    hits, kept, n_relevant = counts(group, product, query)
    found, kept_all, true = int(hits.sum()), int(kept.sum()), int(n_relevant.sum())
    return {
        "groups": len(np.unique(group[query])),
        "largest": int(kept.max(initial=-1)) + 1,
        "pairwise": {
            "precision": found / kept_all if kept_all else 0.0,
            "recall": found / true if true else 0.0,
            "f1": 2 * found / (kept_all + true) if kept_all + true else 0.0,
        },
        "b_cubed": b_cubed(hits, kept, n_relevant) if len(query) else {},
    }
