"""Matches by clusters in place of a threshold, where val says that they are better."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from samesku.arrays import Bools
from samesku.catalogue.listings import Listings
from samesku.evaluation.clusters import assign_groups
from samesku.evaluation.decisions import Decisions, val_f1
from samesku.params import Groups

#: Thresholds of the score of a match that `decide_by_clusters` tries.
CLUSTER_THRESHOLDS = tuple(step / 20 for step in range(4, 18))


def decide_by_clusters(
    decisions: Mapping[str, Decisions], listings: Listings, groups: Groups
) -> dict[str, Decisions]:
    """Let clusters decide where that is better on val: a query matches those of its neighbours that are in its group.

    A pair that matches is dropped where the listings around it do not match, and a pair within a group is added. Of
    CLUSTER_THRESHOLDS for the score of a match, the one with the highest mean F1 on val is taken.

    Args:
        decisions: by gallery, by a static threshold. groups: when matches become one group.

    Returns:
        By gallery, the decisions by clusters; those of `decisions` themselves where their F1 on val is as high.
    """
    return {name: _best_clusters(matches, listings, groups, name) for name, matches in decisions.items()}


def _best_clusters(decisions: Decisions, listings: Listings, groups: Groups, gallery: str) -> Decisions:
    best, best_f1 = None, val_f1(decisions, listings, gallery)
    for threshold in CLUSTER_THRESHOLDS:
        matches = replace(decisions, is_match=decisions.statistic >= threshold, threshold=threshold)
        around_val = replace(matches, is_match=matches.is_match & _connected_with_val(matches)[:, None])
        f1 = val_f1(_match_within_groups(around_val, listings, groups), listings, gallery)
        if f1 > best_f1:
            best, best_f1 = matches, f1
    return decisions if best is None else _match_within_groups(best, listings, groups)


def _match_within_groups(matches: Decisions, listings: Listings, groups: Groups) -> Decisions:
    """A query matches those of its neighbours that are in its group."""
    group, neighbours = assign_groups(matches, listings, groups), matches.neighbours
    in_group = neighbours.valid & (group[neighbours.neighbour] == group[neighbours.query][:, None])
    return replace(matches, is_match=in_group)


def _connected_with_val(matches: Decisions) -> Bools:
    """bool (Q,): the queries that matches connect with a val query; the others change no group of one."""
    from scipy.sparse import csr_array  # here, since an evaluation without clusters does without SciPy
    from scipy.sparse.csgraph import connected_components

    query = matches.neighbours.query
    position, rank = np.nonzero(matches.is_match)
    pairs = query[position], matches.neighbours.neighbour[position, rank]
    n = int(query.max(initial=-1)) + 1
    component = connected_components(
        csr_array((np.ones(len(position)), pairs), shape=(n, n)), directed=False
    )[1]
    return np.isin(component[query], component[query[matches.split == "val"]])
