"""LightGBM's text files of a model, checked before the library reads them: a damaged one may end the process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from samesku.arrays import Float64

if TYPE_CHECKING:
    import lightgbm

MAX_LEAVES = 1_000_000


def read_booster(file: Path) -> lightgbm.Booster:
    """A model of numerical features.

    Raises:
        ValueError: the file is no such model, or no whole one; the sentence names file and tree.
    """
    import lightgbm

    content = file.read_bytes()
    try:
        _check_model(content)
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from None
    return lightgbm.Booster(model_str=content.decode("utf-8"))


def _check_model(content: bytes) -> None:
    """Check that the trees have the sizes that the head names, and that each is one."""
    line = content.find(b"\ntree_sizes=")
    end = content.find(b"\n", line + 1)
    if not content.startswith(b"tree\n") or line < 0 or end < 0:
        raise ValueError("it does not begin as a model")
    head = _fields(content[:end])
    n_features, start = int(head.get(b"max_feature_idx", b"")) + 1, end + 2
    if len(head.get(b"feature_names", b"").split()) != n_features:
        raise ValueError(f"it has no {n_features} feature names")
    for number, size in enumerate(map(int, head[b"tree_sizes"].split())):
        tree = content[start : start + size]
        start += size
        if not tree.startswith(b"Tree=%d\n" % number):
            raise ValueError(f"tree {number} is not where it should be")
        try:
            _check_tree(_fields(tree), n_features)
        except ValueError as error:
            raise ValueError(f"tree {number}: {error}") from None
    if not content[start:].startswith(b"end of trees"):
        raise ValueError("it does not end after its last tree")


def _fields(lines: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b"=") for line in lines.splitlines())
    return {name: value for name, _, value in pairs}


def _check_tree(tree: dict[bytes, bytes], n_features: int) -> None:
    n_leaves = int(tree.get(b"num_leaves", b""))
    if not 1 <= n_leaves <= MAX_LEAVES or int(tree.get(b"num_cat", b"")):
        raise ValueError(f"{n_leaves} leaves; allowed: 1 to {MAX_LEAVES:,}, of numerical features")
    _numbers(tree, b"leaf_value", n_leaves)
    if n_leaves == 1:
        return
    n_nodes = n_leaves - 1
    for name in (b"threshold", b"decision_type", b"internal_value"):
        _numbers(tree, name, n_nodes, finite=name != b"threshold")  # infinity parts NaN from numbers
    feature = _numbers(tree, b"split_feature", n_nodes)
    if feature.min() < 0 or feature.max() >= n_features:
        raise ValueError(f"it splits a feature outside the {n_features}")
    children = np.concatenate([_numbers(tree, side, n_nodes) for side in (b"left_child", b"right_child")])
    # A leaf is −1, −2 …; node 0 is the root.
    if not np.array_equal(np.sort(children), np.r_[-n_leaves:0, 1:n_nodes]):
        raise ValueError("a node or leaf has not one parent")


def _numbers(tree: dict[bytes, bytes], name: bytes, n: int, *, finite: bool = True) -> Float64:
    numbers = np.array(tree.get(name, b"").split(), np.float64)
    if len(numbers) != n or np.isnan(numbers).any() or (finite and np.isinf(numbers).any()):
        raise ValueError(f"{name.decode()} is not {n} {'finite ' if finite else ''}numbers")
    return numbers
