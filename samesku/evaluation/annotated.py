"""What annotations say of any two listings, for lists of matches that obey them, and for the pair model."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from samesku.annotations.products import join_rows
from samesku.arrays import Int64, Ints
from samesku.catalogue.listings import AllowedPairs, Links, Listings


class AnnotatedPairs:
    """What annotations say of any two of N listings, by way of must-links too: where A is B and B is not C, A is not C.

    This holds whether or not A and B may match by `match.link`.

    Args:
        links: without contradiction. n_listings: N.
    """

    def __init__(self, links: Links, n_listings: int) -> None:
        #: bool (N,): the listings of the links.
        self.listings = np.zeros(n_listings, bool)
        self.listings[links.must_link] = self.listings[links.cannot_link] = True
        #: int64 (N,): equal for listings that must-links join.
        self.product = join_rows(n_listings, links.must_link)
        #: int64 (D, 2): the products that cannot-links keep apart.
        self.different = self.product[links.cannot_link]
        self._different = np.unique(self._pair_key(links.cannot_link[:, 0], links.cannot_link[:, 1]))

    @staticmethod
    def of_links(links: Links, listings: Listings) -> "AnnotatedPairs | None":
        """None where there are no links."""
        return AnnotatedPairs(links, len(listings)) if len(links.must_link) + len(links.cannot_link) else None

    def must_links(self, allowed: AllowedPairs) -> Int64:
        """int64 (P, 2): pairs of rows of one product that may match. They join whatever all such pairs would join."""
        pairs = [np.empty((0, 2), np.int64)]
        for rows in self._products():
            may_match = allowed.of_rows(rows[:, None], rows) & (rows[:, None] != rows)
            joined, first = may_match.any(axis=1), may_match.argmax(axis=1)
            pairs.append(np.stack([rows, rows[first]], axis=1)[joined])
        return np.concatenate(pairs)

    def relation(self, left: Ints, right: Ints) -> Ints:
        """int (P,), of P pairs of rows: 1 for the same product, -1 for different products, 0 without an annotation."""
        same = self.product[left] == self.product[right]
        different = np.isin(self._pair_key(left, right), self._different)
        return same.astype(np.int8) - different.astype(np.int8)

    def answers(self, left: Ints, right: Ints) -> NDArray[np.str_]:
        """(P,), of P pairs of rows: same, different, or "" without an annotation."""
        return np.array(["different", "", "same"])[self.relation(left, right) + 1]

    def same_product(self, max_size: int, allowed: AllowedPairs) -> Iterator[tuple[int, Int64]]:
        """A row and the other rows that must-links join with it and that may match it.

        Args:
            max_size: listings of a product at most; larger ones are left out.
        """
        for rows in self._products():
            if len(rows) <= max_size:
                for row in rows.tolist():
                    others = rows[rows != row]
                    yield row, others[allowed.of_rows(np.full_like(others, row), others)]

    def _products(self) -> Iterator[Int64]:
        """The rows of each product that must-links join: two or more, ascending."""
        linked = np.flatnonzero(self.listings)
        order = linked[np.argsort(self.product[linked], kind="stable")]
        for rows in np.split(order, np.flatnonzero(np.diff(self.product[order])) + 1):
            if len(rows) > 1:
                yield rows

    def _pair_key(self, left: Ints, right: Ints) -> Int64:
        """One number for the products of two rows, in either order."""
        a, b = self.product[left], self.product[right]
        return np.minimum(a, b) * len(self.product) + np.maximum(a, b)
