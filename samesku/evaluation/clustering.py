"""Products as clusters of matches that support each other, not as chains of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray


def cluster(
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    score: NDArray[np.floating],
    size: int,
    *,
    share: float = 0.5,
    cap: int = 100,
    same: NDArray[np.integer] | None = None,
    different: NDArray[np.integer] | None = None,
) -> NDArray[np.int32]:
    """Agglomerate matches, best first, into groups whose halves are matched with each other.

    Two groups become one when a match joins them, at least `share` of the pairs across them are matches, and
    they have at most `cap` listings together; so one bridge between two groups of three (1 of 9) is cut.

    Args:
        left, right: int (M,), 0 to size − 1: the matches; a pair counts as one match whether it stands in one
            direction or in both. score: (M,), the higher the surer.
        size: listings, N. share: 0 to 1. cap: 1 or more.
        same, different: int (P, 2), what people said of pairs, which do not contradict each other: the same
            are one group from the start, whatever the cap; the different are never in one.

    Returns:
        int32 (N,): the group of each listing; groups are numbered from 0 by their first listing.
    """
    a, b, _ = pairs = _once(left, right, score, size)
    parent = list(range(size))
    members = [1] * size
    links: list[Counter[int]] = [Counter() for _ in range(size)]

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for i, j in [] if same is None else same.tolist():
        one, two = root(i), root(j)
        if one != two:
            parent[two] = one
            members[one] += members[two]
    for i, j in zip(a.tolist(), b.tolist(), strict=True):
        one, two = root(i), root(j)
        if one != two:
            links[one][two] += 1
            links[two][one] += 1
    apart: list[set[int]] = [set() for _ in range(size)]
    for i, j in [] if different is None else different.tolist():
        one, two = root(i), root(j)
        apart[one].add(two)
        apart[two].add(one)

    waiting = list(zip(*(side[np.lexsort((b, a, -pairs[2]))].tolist() for side in (a, b)), strict=True))
    merged = True
    while merged:  # a pair that lacked support may have it once others have merged
        merged, later = False, []
        for i, j in waiting:
            one, two = root(i), root(j)
            if one == two:
                continue
            if two in apart[one]:
                continue
            if members[one] + members[two] > cap or links[one][two] < share * members[one] * members[two]:
                later.append((i, j))
                continue
            if len(links[one]) < len(links[two]):
                one, two = two, one
            _join(links, one, two)
            for other in apart[two]:
                apart[other].remove(two)
                apart[other].add(one)
            apart[one] |= apart[two]
            parent[two] = one
            members[one] += members[two]
            merged = True
        waiting = later
    roots = np.array([root(i) for i in range(size)], dtype=np.int64)
    _, first, group = np.unique(roots, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first)).astype(np.int32)[group]


def _once(
    left: NDArray[np.integer], right: NDArray[np.integer], score: NDArray[np.floating], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Each unordered pair once, with its best score; a listing is no match of itself."""
    low, high = np.minimum(left, right).astype(np.int64), np.maximum(left, right).astype(np.int64)
    key, at = np.unique(np.where(low < high, low * size + high, -1), return_inverse=True)
    best = np.full(len(key), -np.inf)
    np.maximum.at(best, at, score)
    real = key >= 0
    return key[real] // max(1, size), key[real] % max(1, size), best[real]


def _join(links: list[Counter[int]], kept: int, gone: int) -> None:
    """Hand the links of a group that is gone to the one that it is now part of."""
    for other, count in links[gone].items():
        del links[other][gone]
        if other != kept:
            links[kept][other] += count
            links[other][kept] += count
    links[gone] = Counter()
