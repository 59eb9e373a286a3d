"""The pairs of titles that a pair reader learns from: two listings of one product, or near ones of two products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from samesku.arrays import Bools, Int64, Ints
from samesku.search.neighbours import Neighbours


@dataclass(frozen=True)
class LabelledPairs:
    """P pairs of listings, each pair once: left, right int64 (P,) rows, left < right; same_product bool (P,)."""

    left: Int64
    right: Int64
    same_product: Bools

    def __len__(self) -> int:
        return len(self.left)


def draw_pairs(
    product: Ints,
    titles: Sequence[str],
    neighbours: Neighbours,
    n: int,
    negatives: float,
    seed: Sequence[int],
) -> LabelledPairs:
    """Draw about n pairs in random order: `negatives` pairs of two products for each pair of one product.

    Each listing is paired with a random listing of its product, so that the n² pairs of a large product do not outweigh
    all else. The pairs of two products are drawn from the neighbours. Pairs of equal titles teach nothing and are left
    out.

    Args:
        product: int (N,), the product of each listing as far as its label may be seen, below 0 for none.
        titles: of the N listings, "" where there is none.
        neighbours: of the listings to draw from, among themselves.
        n, negatives, seed: equal values draw equal pairs.
    """
    rng = np.random.default_rng(seed)
    title = np.array(titles, dtype=object)
    usable = (product >= 0) & (title != "")
    query = neighbours.query[usable[neighbours.query]].astype(np.int64)
    position, rank = np.nonzero(neighbours.valid)
    near = neighbours.query[position].astype(np.int64), neighbours.neighbour[position, rank].astype(np.int64)

    def select(left: Int64, right: Int64, same_product: bool) -> Int64:
        """Distinct pairs with two labels and two titles, of one product or of two, in random order: int64 (M, 2)."""
        low, high = np.minimum(left, right), np.maximum(left, right)
        fits = usable[low] & usable[high] & ((product[low] == product[high]) == same_product)
        fits &= title[low] != title[high]
        return rng.permutation(np.unique(np.stack([low[fits], high[fits]], axis=1), axis=0))

    positives = select(query, query[draw_partners(product[query], rng)], True)[: round(n / (1 + negatives))]
    both = np.concatenate([positives, select(*near, False)[: round(negatives * len(positives))]])
    order = rng.permutation(len(both))
    return LabelledPairs(both[order, 0], both[order, 1], order < len(positives))


def draw_partners(product: Ints, rng: np.random.Generator) -> Int64:
    """For each of n listings a random listing of its product, which may be itself: int64 (n,) positions."""
    order = np.argsort(product, kind="stable")
    _, first, number, count = np.unique(
        product[order], return_index=True, return_inverse=True, return_counts=True
    )
    partner = np.empty(len(product), np.int64)
    partner[order] = order[first[number] + rng.integers(0, count[number])]
    return partner
