"""What annotations say of any two listings, for lists of matches that obey them, and for the pair model."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from samesku.arrays import Int64, Ints
from samesku.catalogue.listings import AllowedPairs, Links, Listings
from samesku.evaluation.clusters import cluster_matches


class AnnotatedPairs:
    """What annotations say of any two of N listings, by way of must-links too: where A is B and B is not C, A is not C.

    Args:
        links: without contradiction. n_listings: N.
    """

    def __init__(self, links: Links, n_listings: int) -> None:
        none = np.empty(0, np.int64)
        matches = none, none, none.astype(float)
        #: bool (N,): the listings of the links.
        self.listings = np.zeros(n_listings, bool)
        self.listings[links.must_link] = self.listings[links.cannot_link] = True
        #: int64 (N,): equal for listings that must-links join.
        self._product = cluster_matches(*matches, n_listings, must_link=links.must_link).astype(np.int64)
        self._different = np.unique(self._pair_key(links.cannot_link[:, 0], links.cannot_link[:, 1]))

    @staticmethod
    def of_links(links: Links, listings: Listings) -> "AnnotatedPairs | None":
        """None where there are no links. As in groups, a must-link of two listings that may not match is left out."""
        if not len(links.must_link) + len(links.cannot_link):
            return None
        may_match = listings.allowed.of_rows(links.must_link[:, 0], links.must_link[:, 1])
        return AnnotatedPairs(Links(links.must_link[may_match], links.cannot_link), len(listings))

    def relation(self, left: Ints, right: Ints) -> Ints:
        """int (P,), of P pairs of rows: 1 for the same product, -1 for different products, 0 without an annotation."""
        same = self._product[left] == self._product[right]
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
        linked = np.flatnonzero(self.listings)
        order = linked[np.argsort(self._product[linked], kind="stable")]
        for rows in np.split(order, np.flatnonzero(np.diff(self._product[order])) + 1):
            if 1 < len(rows) <= max_size:
                for row in rows.tolist():
                    others = rows[rows != row]
                    yield row, others[allowed.of_rows(np.full_like(others, row), others)]

    def _pair_key(self, left: Ints, right: Ints) -> Int64:
        """One number for the products of two rows, in either order."""
        a, b = self._product[left], self._product[right]
        return np.minimum(a, b) * len(self._product) + np.maximum(a, b)
