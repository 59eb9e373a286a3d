"""What the sets of two listings share, and where they conflict: sparse rows, no loop over pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from samesku.catalogue.title_tokens import Bag

PAIRS = 65_536  # in one block

Pairs = tuple[NDArray[np.integer], NDArray[np.integer]]


def idf(items: csr_array) -> NDArray[np.float32]:
    """log(N / n) of each item by the number n of the N listings that have it; float32 (V,), 0 where none."""
    having = np.bincount(items.indices, minlength=items.shape[1])
    size = max(1, items.shape[0])
    return np.log(size / np.maximum(having, 1)).astype(np.float32) * (having > 0)


def shared(bag: Bag, pairs: Pairs, weight: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Σ weight over the items that both have (their number, without weights); float32 (P,)."""
    items = _weighted(bag.items, weight)
    return _each(pairs, lambda a, b: items[a].multiply(bag.items[b]).sum(axis=1))


def own(bag: Bag, weight: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Σ weight over the items of each listing (their number, without weights); float32 (N,)."""
    return np.asarray(_weighted(bag.items, weight).sum(axis=1), dtype=np.float32)


def rarest_alone(
    bag: Bag, pairs: Pairs, weight: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The largest weight among the items of the left alone, and of the right; float32 (P,), 0 if none."""
    items = _weighted(bag.items, weight)

    def alone(a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.float32]:
        mine = items[a]
        return (mine - mine.multiply(bag.items[b])).max(axis=1).toarray()

    return _each(pairs, alone), _each(pairs[::-1], alone)


def rarest_shared(bag: Bag, pairs: Pairs, weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest weight among the items that both have; float32 (P,), 0 if none."""
    items = _weighted(bag.items, weight)
    return _each(pairs, lambda a, b: items[a].multiply(bag.items[b]).max(axis=1).toarray())


def conflicts(bag: Bag, pairs: Pairs) -> NDArray[np.float32]:
    """How many kinds of item both have without having one in common: 500 ml against 1 l, `a12` against `a13`.

    float32 (P,).
    """
    vocabulary = bag.items.shape[1]
    ones = np.ones(vocabulary, np.float32)
    kind_of = csr_array((ones, (np.arange(vocabulary), bag.kind)), shape=(vocabulary, bag.kinds))
    kinds = (bag.items @ kind_of).sign()

    def count(a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.float32]:
        settled = (bag.items[a].multiply(bag.items[b]) @ kind_of).sign()
        return kinds[a].multiply(kinds[b]).sum(axis=1) - settled.sum(axis=1)

    return _each(pairs, count)


def _weighted(items: csr_array, weight: NDArray[np.float32] | None) -> csr_array:
    if weight is None:
        return items
    return csr_array((items.data * weight[items.indices], items.indices, items.indptr), shape=items.shape)


def _each(pairs: Pairs, measure: Callable[[NDArray, NDArray], NDArray]) -> NDArray[np.float32]:
    left, right = pairs
    found = np.empty(len(left), dtype=np.float32)
    for start in range(0, len(left), PAIRS):
        stop = start + PAIRS
        found[start:stop] = measure(left[start:stop], right[start:stop])
    return found
