"""Connected components, and their assignment to train, val and test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SPLITS = ("train", "val", "test")


def components(*keys: Sequence[str]) -> NDArray[np.int32]:
    """Number the connected components of listings that share a value of any key.

    Args:
        keys: each N values; "" links nothing.

    Returns:
        int32 (N,), numbered by first appearance from 0.
    """
    n = len(keys[0])
    node: dict[
        tuple[int, str], int
    ] = {}  # a graph of listings and values: an edge where a listing has a value
    edges = [
        (i, node.setdefault((which, value), n + len(node)))
        for which, key in enumerate(keys)
        for i, value in enumerate(key)
        if value
    ]
    ends = np.array(edges, dtype=np.int32).reshape(-1, 2).T
    size = n + len(node)
    graph = coo_array((np.ones(ends.shape[1], dtype=np.int8), (ends[0], ends[1])), shape=(size, size))
    found = connected_components(graph, directed=False)[1][:n]
    _, first, number = np.unique(found, return_index=True, return_inverse=True)
    return first.argsort().argsort()[number].astype(np.int32)


def assign(groups: NDArray[np.integer], shares: Mapping[str, float], seed: int) -> NDArray[np.str_]:
    """Deal whole groups out to the splits.

    The groups are laid end to end in a seeded order, and a group goes where its middle falls; so a border is
    off by half a group at most, and groups of every size are as likely in every split.

    Args:
        groups: (N,), 0 to G − 1.
        shares: of "train", "val" and "test"; sum 1.

    Returns:
        the split of each listing, str (N,).
    """
    sizes = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(len(sizes))
    ends = np.cumsum(sizes[order])
    middles = (ends - sizes[order] / 2) / max(len(groups), 1)
    given = [split for split in SPLITS if shares[split] > 0]
    borders = np.cumsum([shares[split] for split in given])[:-1]
    of_group = np.empty(len(sizes), dtype="<U5")
    of_group[order] = np.array(given)[np.searchsorted(borders, middles)]
    return of_group[groups]
