"""What an epoch is chosen by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stages.matching import decisions, fusion, neighbours
from stages.scoring import sweep, truth
from stages.training.sample import Sample


def val_f1(embeddings: Mapping[str, NDArray[np.float32]], sample: Sample) -> dict[str, float] | None:
    """Mean row-wise F1 of val in val at its best static threshold; None where val has no labelled listing.

    Two towers are fused half and half. The neighbours reach as far as val's largest product, at least 50.
    """
    rows = np.flatnonzero(sample.split == "val").astype(np.int32)
    sizes = np.bincount(sample.product[rows][sample.product[rows] >= 0], minlength=1)
    if not sizes.any():
        return None
    fused = fusion.concatenate(embeddings, dict.fromkeys(embeddings, 1 / len(embeddings)))
    found = neighbours.search(fused, rows, max(50, int(sizes.max()) - 1))
    labelled = sample.product[found.query] >= 0
    relevant = truth.relevant(sample.product, found.query, found.neighbour)[labelled]
    to_find = truth.to_find(sample.product, found.query, rows)[labelled]
    curve = sweep.f1_curve(decisions.static(found)[labelled], relevant, to_find)
    cut = sweep.best_cut(curve)
    return {"f1": float(curve.f1[curve.at(cut)]), "threshold": cut}
