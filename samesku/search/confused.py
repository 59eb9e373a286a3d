"""Products that are confused with each other: the hard negatives of a batch."""

from collections import Counter

import numpy as np

from samesku.arrays import Ints
from samesku.search.exact import search_neighbours
from samesku.search.fusion import Channels, Owner, concatenate_channels

NEIGHBOURS = 20  # of a listing


def find_confused(
    channels: Channels, owner: Owner, rows: Ints, labels: Ints, count: int
) -> dict[int, list[int]]:
    """`rank_confused` among the nearest neighbours of these listings, by channels of equal weight.

    Args:
        channels, owner: as of `concatenate_channels`.
        rows: int (n,), ascending: the training listings. labels: int (n,), their products, from 0.
    """
    fused = concatenate_channels(channels, dict.fromkeys(channels, 1 / len(channels)), owner)
    neighbour = search_neighbours(fused, rows.astype(np.int32), NEIGHBOURS).neighbour
    place = np.searchsorted(rows, neighbour)
    return rank_confused(np.where(neighbour < 0, -1, place), labels, count)


def rank_confused(neighbour: Ints, labels: Ints, count: int) -> dict[int, list[int]]:
    """For each product, up to `count` others whose listings are most often among the neighbours of its listings.

    Args:
        neighbour: int (n, k), the neighbours of each training row, as training rows, best first; −1 for none.
        labels: int (n,), the product of each training row, from 0.

    Returns:
        By product, the others, those met most often first; of equals, the one met first.
    """
    met: dict[int, Counter[int]] = {}
    for row in np.argsort(labels, kind="stable"):
        product = int(labels[row])
        others = labels[neighbour[row][neighbour[row] >= 0]]
        met.setdefault(product, Counter()).update(others[others != product].tolist())
    return {product: [other for other, _ in counts.most_common(count)] for product, counts in met.items()}
