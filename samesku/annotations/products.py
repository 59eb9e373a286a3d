"""Products as training sees them, with what people said of pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def joined(
    product: NDArray[np.integer], same: NDArray[np.integer], different: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Join the products of what is said to be the same; leave out what is labelled so and said not to be.

    Args:
        product: (N,), −1 where a listing has no label.
        same, different: (P, 2) pairs of rows. A different pair of two products is a negative as it stands.

    Returns:
        int64 (N,): the least of the products that are joined; listings without a label that are said to be
        the same make a product of their own. −1 for both of a different pair that would be one product: which
        of the two its label belongs to is not known.
    """
    found = product.astype(np.int64)
    loose = np.unique(same[found[same] < 0]) if len(same) else np.empty(0, np.int64)
    found[loose] = max(int(found.max(initial=-1)), -1) + 1 + np.arange(len(loose))
    parent: dict[int, int] = {}

    def root(label: int) -> int:
        while (above := parent.get(label, label)) != label:
            label = above
        return label

    for left, right in found[same].reshape(-1, 2).tolist():
        low, high = sorted((root(left), root(right)))
        if low != high:
            parent[high] = low
    for label in list(parent):
        found[found == label] = root(label)
    doubtful = found[different].reshape(-1, 2)
    one = (doubtful[:, 0] == doubtful[:, 1]) & (doubtful[:, 0] >= 0)
    found[np.asarray(different).reshape(-1, 2)[one].ravel()] = -1
    return found
