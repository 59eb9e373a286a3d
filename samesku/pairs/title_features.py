"""Features of two titles from their sets of words, numbers, quantities or codes: items that both have, conflicts.

Items are those of `TitleTokens`, as sparse rows; no function loops over pairs.
"""

from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from samesku.arrays import Float32, Ints
from samesku.catalogue.title_tokens import ItemSets

Pairs = tuple[Ints, Ints]  # (M,) left and right listings


def inverse_document_frequency(n_with_item: Ints, n_listings: int) -> Float32:
    """log(N / n) of each item that n of N listings have: float32 (V,), 0 where none has it."""
    size = max(1, n_listings)
    return np.log(size / np.maximum(n_with_item, 1)).astype(np.float32) * (n_with_item > 0)


class ComparedItems:
    """The items of N listings, whose pairs are compared.

    Args:
        weight: float32 (V,), of each item; None: each weighs 1.
    """

    def __init__(self, sets: ItemSets, weight: Float32 | None = None) -> None:
        self.sets, self.items = sets, sets.items
        if weight is not None:
            items = sets.items
            data = items.data * weight[items.indices]
            self.items = csr_array((data, items.indices, items.indptr), shape=items.shape)

    @cached_property
    def total(self) -> Float32:
        """Σ weight over the items of each listing: float32 (N,)."""
        return np.asarray(self.items.sum(axis=1), dtype=np.float32)

    def shared(self, pairs: Pairs) -> Float32:
        """Σ weight over the items that both have: float32 (M,)."""
        return self._both(pairs).sum(axis=1).astype(np.float32)

    def compare(self, pairs: Pairs) -> tuple[Float32, Float32, tuple[Float32, Float32]]:
        """Σ weight as of `shared`, and the largest weight among some items: four float32 (M,), 0 where there is none.

        These items are those that both have; those of the left alone and those of the right alone.
        """
        # Where no title of the catalogue has an item: SciPy has no maximum of no columns.
        if not self.items.shape[1]:
            none = np.zeros(len(pairs[0]), np.float32)
            return none, none, (none, none)
        both = self._both(pairs)
        left, right = ((self.items[side] - both).max(axis=1).toarray() for side in pairs)
        return both.sum(axis=1).astype(np.float32), both.max(axis=1).toarray(), (left, right)

    def n_conflicts(self, pairs: Pairs) -> Float32:
        """The number of kinds that both have without an item in common: 500 ml and 1 l, `a12` and `a13`.

        float32 (M,).
        """
        (a, b), (kind_of_item, kinds, agreeing_items) = pairs, self._kinds
        agreeing = (self.sets.items[a].multiply(agreeing_items[b]) @ kind_of_item).sign()
        return (kinds[a].multiply(kinds[b]).sum(axis=1) - agreeing.sum(axis=1)).astype(np.float32)

    def _both(self, pairs: Pairs) -> csr_array:
        return self.items[pairs[0]].multiply(self.sets.items[pairs[1]])

    @cached_property
    def _kinds(self) -> tuple[csr_array, csr_array, csr_array]:
        """The kind of each item (V, kinds), the kinds of each listing (N, kinds), what its items agree with (N, V)."""
        sets, n_items = self.sets, self.items.shape[1]
        ones = np.ones(n_items, np.float32)
        kind_of_item = csr_array((ones, (np.arange(n_items), sets.kind)), shape=(n_items, sets.n_kinds))
        agreeing = sets.items if sets.agreement is None else (sets.items @ sets.agreement).sign()
        return kind_of_item, (sets.items @ kind_of_item).sign(), agreeing
