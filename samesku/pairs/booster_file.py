"""LightGBM's text files of a model, checked before the library reads them: a damaged one may end the process."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from samesku.arrays import Float64

if TYPE_CHECKING:
    import lightgbm

MAX_LEAVES = 1_000_000
#: Lines of the head that are the same in every model of one score for a pair.
HEAD = {
    b"version": b"v4", b"num_class": b"1", b"num_tree_per_iteration": b"1", b"label_index": b"0",
    b"objective": b"binary sigmoid:1",
}  # fmt: skip
#: The lines of a tree, with one number for each of its nodes, for each of its leaves, or for the tree.
BY_NODE = (
    b"split_feature", b"split_gain", b"threshold", b"decision_type", b"left_child", b"right_child", b"internal_value",
    b"internal_weight", b"internal_count",
)  # fmt: skip
BY_LEAF = (b"leaf_value", b"leaf_weight", b"leaf_count")
BY_TREE = (b"Tree", b"num_leaves", b"num_cat", b"is_linear", b"shrinkage")
#: What the library reads as a number. It ends the process where a tree has anything else, in any field.
NUMBERS = re.compile(rb"(?:(?:^| )[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|inf))*")


def read_booster(file: Path) -> lightgbm.Booster:
    """A model of numerical features.

    Raises:
        ValueError: the file is no such model, or no whole one; the sentence names file and tree.
    """
    import lightgbm

    try:
        return lightgbm.Booster(model_str=_check_model(file.read_bytes()))
    except (ValueError, lightgbm.basic.LightGBMError) as error:
        raise ValueError(f"{file.name}: {error}") from None


def _check_model(content: bytes) -> str:
    """Check that the trees have the sizes that the head names, and that each is one; the model without its tail.

    The tail, settings of the training and importances of features, is not needed to score.
    """
    line = content.find(b"\ntree_sizes=")
    end = content.find(b"\n", line + 1)
    if not content.startswith(b"tree\n") or line < 0 or end < 0:
        raise ValueError("it does not begin as a model")
    head = _fields(content[:end])
    if wrong := [name for name, value in HEAD.items() if head.get(name) != value]:
        raise ValueError(f"{wrong[0].decode()} is not {HEAD[wrong[0]].decode()}")
    n_features, start = int(head.get(b"max_feature_idx", b"")) + 1, end + 2
    for name in (b"feature_names", b"feature_infos"):
        if len(head.get(name, b"").split(b" ")) != n_features:
            raise ValueError(f"{name.decode()} is not {n_features} words")
    for number, size in enumerate(map(int, head[b"tree_sizes"].split())):
        tree = content[start : start + size]
        start += size
        if not tree.startswith(b"Tree=%d\n" % number):
            raise ValueError(f"tree {number} is not where it should be")
        try:
            _check_tree(tree, n_features)
        except ValueError as error:
            raise ValueError(f"tree {number}: {error}") from None
    if not content[start:].startswith(b"end of trees\n"):
        raise ValueError("it does not end after its last tree")
    return f"{content[:start].decode('utf-8')}end of trees\n"


def _fields(lines: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b"=") for line in lines.split(b"\n") if line)
    return {name: value for name, _, value in pairs}


def _check_tree(lines: bytes, n_features: int) -> None:
    tree = _fields(lines)
    if sorted(tree) != sorted(BY_NODE + BY_LEAF + BY_TREE) or lines.count(b"=") != len(tree):
        raise ValueError("it has other lines than a tree")
    for name, value in tree.items():
        if not NUMBERS.fullmatch(value):
            raise ValueError(f"{name.decode()} has something else than numbers")
    n_leaves = int(tree[b"num_leaves"])
    if not 1 <= n_leaves <= MAX_LEAVES or int(tree[b"num_cat"]) or int(tree[b"is_linear"]):
        raise ValueError(
            f"{n_leaves} leaves; allowed: 1 to {MAX_LEAVES:,}, constant and of numerical features"
        )
    _numbers(tree, b"shrinkage", 1)
    _numbers(tree, b"leaf_value", n_leaves)
    if n_leaves == 1:  # the library reads no more
        return
    n_nodes = n_leaves - 1
    of_nodes = {
        name: _numbers(tree, name, n_nodes, finite=name != b"threshold")  # infinity parts NaN from numbers
        for name in BY_NODE
    }
    for name in BY_LEAF:
        _numbers(tree, name, n_leaves)
    feature = of_nodes[b"split_feature"]
    if feature.min() < 0 or feature.max() >= n_features:
        raise ValueError(f"it splits a feature outside the {n_features}")
    children = np.concatenate([of_nodes[b"left_child"], of_nodes[b"right_child"]])
    # A leaf is −1, −2 …; node 0 is the root.
    if not np.array_equal(np.sort(children), np.r_[-n_leaves:0, 1:n_nodes]):
        raise ValueError("a node or leaf has not one parent")


def _numbers(tree: dict[bytes, bytes], name: bytes, n: int, *, finite: bool = True) -> Float64:
    numbers = np.array(tree[name].split(), np.float64)
    if len(numbers) != n or (finite and np.isinf(numbers).any()):
        raise ValueError(f"{name.decode()} is not {n} {'finite ' if finite else ''}numbers")
    return numbers
