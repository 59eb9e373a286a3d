"""Which listings are taken when data.n_listings asks for fewer than there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def take(labels: Sequence[str], n: int | None, by: str, seed: int) -> NDArray[np.intp]:
    """Draw about `n` listings by whole products, or exactly `n` plain ones.

    Products (an unlabelled listing is one of its own) are shuffled and taken from the front; the number of
    products is the one whose listings come closest to `n`, the smaller of two equally close, at least one.

    Args:
        labels: the label of each of N listings ("": none), in an order that does not depend on the source's.
        n: listings asked for; None or N and more: all.
        by: "product" | "listing".

    Returns:
        ascending positions, intp.
    """
    if n is None or n >= len(labels):
        return np.arange(len(labels))
    rng = np.random.default_rng(seed)
    if by == "listing":
        return np.sort(rng.permutation(len(labels))[:n])
    product = products(labels)
    order = rng.permutation(product.max() + 1)
    reached = np.cumsum(np.bincount(product)[order])
    wanted = order[: np.abs(reached - n).argmin() + 1]
    return np.flatnonzero(np.isin(product, wanted))


def products(labels: Sequence[str]) -> NDArray[np.intp]:
    """Number the products by first appearance; every unlabelled listing has a number of its own.

    Returns:
        intp (N,), 0 to the number of products − 1.
    """
    number: dict[str | int, int] = {}
    return np.array(
        [number.setdefault(label or i, len(number)) for i, label in enumerate(labels)], dtype=np.intp
    )
