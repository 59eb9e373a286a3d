"""The rules of `match.rules`: an equal GTIN is a match, two different GTINs are none, before any threshold."""

from dataclasses import dataclass

import numpy as np

from samesku.arrays import Int64, Ints
from samesku.catalogue.gtin import read_gtins
from samesku.catalogue.listings import ALL_PAIRS, GALLERIES, AllowedPairs, Listings
from samesku.params import Groups
from samesku.params.schema import Match
from samesku.search.neighbours import Neighbours, no_neighbours


@dataclass(frozen=True)
class Rules:
    """The rules of match.rules: an equal GTIN is a match, two different GTINs are none.

    Attributes:
        gtin: int64 (N,), the valid GTIN of each listing; −1 for none, and for a listing that is not searched.
        max_size: listings of one GTIN at most that become neighbours of each other where the search has not
            found them.
    """

    gtin: Int64
    max_size: int

    def within(self, listings: Listings, gallery: str) -> "Rules":
        """The rules in a gallery of GALLERIES: listings of two of its parts have no GTIN in common."""
        gtin, parts = np.full_like(self.gtin, -1), GALLERIES[gallery]
        for number, part in enumerate(parts):
            rows = listings.gallery(part)
            gtin[rows] = np.where(self.gtin[rows] >= 0, self.gtin[rows] * len(parts) + number, -1)
        return Rules(gtin, self.max_size)


def apply_rules(neighbours: Neighbours, rules: Rules, allowed: AllowedPairs = ALL_PAIRS) -> Neighbours:
    """The neighbours without those of another GTIN; those of an equal GTIN come first, at the score +inf.

    Listings of an equal GTIN are added where the search has not found them. A threshold leaves the pairs that
    rules decide as they are, so it is chosen for the others.
    """
    query, valid, gtin = neighbours.query, neighbours.valid, rules.gtin
    of_query, of_neighbour = gtin[query][:, None], np.where(valid, gtin[neighbours.neighbour], -1)
    equal = (of_query >= 0) & (of_query == of_neighbour)
    different = (of_query >= 0) & (of_neighbour >= 0) & ~equal
    kept = np.nonzero(valid & ~different & ~equal)
    position, row = _same_gtin(query, rules)
    may_match = allowed.of_rows(query[position], row)
    position, row = position[may_match], row[may_match]
    among = np.nonzero(equal)
    position = np.concatenate([kept[0], among[0], position])
    row = np.concatenate([neighbours.neighbour[kept], neighbours.neighbour[among], row])
    score = np.full(len(row), np.inf, np.float32)
    score[: len(kept[0])] = neighbours.score[kept]
    _, first = np.unique(position.astype(np.int64) * len(gtin) + row, return_index=True)
    position, row, score = position[first], row[first], score[first]

    order = np.lexsort((row, -score, position))
    count = np.bincount(position, minlength=len(query))
    rank = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    result = no_neighbours(query, max(neighbours.k, int(count.max(initial=0))))
    result.neighbour[position[order], rank] = row[order]
    result.score[position[order], rank] = score[order]
    return result


def _same_gtin(query: Ints, rules: Rules) -> tuple[Int64, Int64]:
    """The position of a query and another listing of its GTIN, for each such pair: two int (P,)."""
    members = np.argsort(rules.gtin, kind="stable")
    start = np.searchsorted(rules.gtin[members], rules.gtin[query], side="left")
    size = np.searchsorted(rules.gtin[members], rules.gtin[query], side="right") - start
    size = np.where((rules.gtin[query] >= 0) & (size <= rules.max_size), size, 0)
    position = np.repeat(np.arange(len(query)), size)
    place = np.arange(len(position)) - np.repeat(np.cumsum(size) - size, size) + start[position]
    row = members[place]
    is_other = row != query[position]
    return position[is_other], row[is_other]


def read_rules(listings: Listings, match: Match, groups: Groups) -> Rules | None:
    """The rules of a catalogue; None where params.yaml has them off."""
    return Rules(read_gtins(listings.attribute("gtin")), groups.max_size) if match.rules else None
