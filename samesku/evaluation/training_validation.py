"""What an epoch is chosen by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from samesku.evaluation import decisions
from samesku.evaluation import relevance as truth
from samesku.evaluation import threshold_sweep as sweep
from samesku.search.exact import search_neighbours
from samesku.search.fusion import concatenate_channels
from samesku.training.sample import Sample


def val_f1(embeddings: Mapping[str, NDArray[np.float32]], sample: Sample) -> dict[str, float] | None:
    """Mean row-wise F1 of val in val at its best static threshold; None where val has no labelled listing.

    Two towers are fused half and half. The neighbours reach as far as val's largest product, at least 50.
    """
    rows = np.flatnonzero(sample.split == "val").astype(np.int32)
    sizes = np.bincount(sample.product[rows][sample.product[rows] >= 0], minlength=1)
    if not sizes.any():
        return None
    fused = concatenate_channels(embeddings, dict.fromkeys(embeddings, 1 / len(embeddings)))
    found = search_neighbours(fused, rows, max(50, int(sizes.max()) - 1))
    labelled = sample.product[found.query] >= 0
    relevant = truth.relevant(sample.product, found.query, found.neighbour)[labelled]
    n_relevant = truth.n_relevant(sample.product, found.query, rows)[labelled]
    curve = sweep.f1_curve(decisions.static(found)[labelled], relevant, n_relevant)
    threshold = sweep.best_threshold(curve)
    return {"f1": float(curve.f1[curve.at(threshold)]), "threshold": threshold}
