"""Why the pair model says what it says: each score taken apart along the paths of its trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

ROWS = 16_384  # explained in one block


def contributions(
    models: Sequence[lightgbm.Booster],
    values: NDArray[np.float32],
    use: NDArray[np.bool_],
    families: Sequence[str],
) -> tuple[list[str], NDArray[np.float32], NDArray[np.float64]]:
    """How far each family of features moved each pair's log-odds.

    On its way to a leaf a pair moves from the mean of a node to that of its child; the move is put down to
    the feature that split the node (Saabas 2014: exact, and a hundred times as fast as SHAP values).

    Args:
        models: those of `verifier.fit`; values: float32 (P, F); use: bool (P, models), those that score it.
        families: the family of each of the F columns.

    Returns:
        The K families, float32 (P, K), and float64 (P,) what the models say before any feature: with the sum
        of its row, a pair's log-odds.
    """
    names = list(dict.fromkeys(families))
    family = np.array([names.index(name) for name in families])
    found, base = np.zeros((len(values), len(names)), np.float32), np.zeros(len(values))
    share = 1.0 / use.sum(axis=1)
    for k, model in enumerate(models):
        moves, starts, root = _moves(model, family, len(names))
        at = np.flatnonzero(use[:, k])
        base[at] += root * share[at]
        for start in range(0, len(at), ROWS):
            block = at[start : start + ROWS]
            leaf = model.predict(values[block], pred_leaf=True) + starts
            ends = np.arange(len(block) + 1) * leaf.shape[1]
            paths = csr_array((np.ones(leaf.size), leaf.ravel(), ends), shape=(len(block), len(moves)))
            found[block] += (paths @ moves) * share[block, None]
    return names, found, base


def _moves(
    model: lightgbm.Booster, family: NDArray[np.integer], count: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], float]:
    """What each family moves on the way to each leaf of all trees (L, K), where trees start, Σ of roots."""
    rows: list[NDArray[np.float64]] = []
    starts, roots = [], 0.0
    for tree in model.dump_model()["tree_info"]:
        starts.append(len(rows))
        root = tree["tree_structure"]
        roots += _value(root)
        leaves: dict[int, NDArray[np.float64]] = {}
        _descend(root, np.zeros(count), family, leaves)
        rows += [leaves[leaf] for leaf in range(len(leaves))]
    return np.array(rows).reshape(len(rows), count), np.array(starts, dtype=np.int64), roots


def _descend(
    node: dict[str, Any],
    moved: NDArray[np.float64],
    family: NDArray[np.integer],
    leaves: dict[int, NDArray[np.float64]],
) -> None:
    if "split_feature" not in node:
        leaves[node.get("leaf_index", 0)] = moved
        return
    for side in ("left_child", "right_child"):
        onward = moved.copy()
        onward[family[node["split_feature"]]] += _value(node[side]) - _value(node)
        _descend(node[side], onward, family, leaves)


def _value(node: dict[str, Any]) -> float:
    return float(node["leaf_value"] if "leaf_value" in node else node["internal_value"])
