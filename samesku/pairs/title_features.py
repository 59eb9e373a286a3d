"""Features of a pair from its two titles: items that both have, items of one alone, conflicts.

Items are those of `TitleTokens`, as sparse rows; no function loops over pairs.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from samesku.arrays import Float32, Ints
from samesku.catalogue.title_tokens import ItemSets

BLOCK = 65_536  # pairs at once

Pairs = tuple[Ints, Ints]  # (P,) left and right listings


def inverse_document_frequency(n_with_item: Ints, n_listings: int) -> Float32:
    """log(N / n) of each item that n of N listings have: float32 (V,), 0 where none has it."""
    size = max(1, n_listings)
    return np.log(size / np.maximum(n_with_item, 1)).astype(np.float32) * (n_with_item > 0)


def shared_weight(sets: ItemSets, pairs: Pairs, weight: Float32 | None = None) -> Float32:
    """Σ weight over the items that both have: float32 (P,); without weights the number of these items."""
    items = _weighted(sets.items, weight)
    return _in_blocks(pairs, lambda a, b: items[a].multiply(sets.items[b]).sum(axis=1))


def total_weight(sets: ItemSets, weight: Float32 | None = None) -> Float32:
    """Σ weight over the items of each listing: float32 (N,); without weights the number of its items."""
    return np.asarray(_weighted(sets.items, weight).sum(axis=1), dtype=np.float32)


def rarest_unshared(sets: ItemSets, pairs: Pairs, weight: Float32) -> tuple[Float32, Float32]:
    """The largest weight among the items of the left alone, and of the right alone: two float32 (P,).

    0 where there is no such item.
    """
    items = _weighted(sets.items, weight)

    def of_left_alone(a: Ints, b: Ints) -> Float32:
        return (items[a] - items[a].multiply(sets.items[b])).max(axis=1).toarray()

    return _in_blocks(pairs, of_left_alone), _in_blocks(pairs[::-1], of_left_alone)


def rarest_shared(sets: ItemSets, pairs: Pairs, weight: Float32) -> Float32:
    """The largest weight among the items that both have: float32 (P,), 0 where there is none."""
    items = _weighted(sets.items, weight)
    return _in_blocks(pairs, lambda a, b: items[a].multiply(sets.items[b]).max(axis=1).toarray())


def n_conflicts(sets: ItemSets, pairs: Pairs) -> Float32:
    """The number of kinds that both have without an item in common: 500 ml and 1 l, `a12` and `a13`.

    float32 (P,).
    """
    n_items = sets.items.shape[1]
    ones = np.ones(n_items, np.float32)
    kind_of_item = csr_array((ones, (np.arange(n_items), sets.kind)), shape=(n_items, sets.n_kinds))
    kinds = (sets.items @ kind_of_item).sign()
    agreeing_items = sets.items if sets.agreement is None else (sets.items @ sets.agreement).sign()

    def count(a: Ints, b: Ints) -> Float32:
        agreeing = (sets.items[a].multiply(agreeing_items[b]) @ kind_of_item).sign()
        return kinds[a].multiply(kinds[b]).sum(axis=1) - agreeing.sum(axis=1)

    return _in_blocks(pairs, count)


def _weighted(items: csr_array, weight: Float32 | None) -> csr_array:
    if weight is None:
        return items
    return csr_array((items.data * weight[items.indices], items.indices, items.indptr), shape=items.shape)


def _in_blocks(pairs: Pairs, measure: Callable[[NDArray, NDArray], NDArray]) -> Float32:
    left, right = pairs
    values = np.empty(len(left), dtype=np.float32)
    for start in range(0, len(left), BLOCK):
        block = slice(start, start + BLOCK)
        values[block] = measure(left[block], right[block])
    return values
