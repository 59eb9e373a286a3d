"""Groups of a system: from its matches, per gallery, with figures of each split."""

import numpy as np

from samesku.catalogue.listings import Listings
from samesku.evaluation import evaluate as judge
from samesku.evaluation import groups as grouping
from samesku.params import Decision
from samesku.params.rerank import Groups
from samesku.search.neighbours import Neighbours

# val: a a b; test: c c; train: d
LISTINGS = Listings(
    np.array(list("uvwxyz"), object),
    np.array([0, 0, 1, 2, 2, 3], dtype=np.int32),
    np.array([0, 0, 1, 2, 2, 3], dtype=np.int32),
    np.array(["val", "val", "val", "test", "test", "train"]),
)


def neighbours(pairs, query):
    """One neighbour of each query, or none."""
    found = dict(pairs)
    ids = np.array([[found.get(q, -1)] for q in query], dtype=np.int32)
    return Neighbours(np.array(query, np.int32), ids, np.where(ids >= 0, 0.9, -np.inf).astype(np.float32))


def judged():
    decision = Decision(kind="static", value=0.5)
    full = neighbours([(0, 1), (1, 0), (3, 4), (4, 3), (5, 2)], range(6))
    split = neighbours([(0, 1), (1, 2), (3, 4)], range(5))
    return {
        "full": judge.judge(full, LISTINGS, decision, "full"),
        "split": judge.judge(split, LISTINGS, decision, "split"),
    }


def test_groups_and_their_table():
    found = grouping.group(judged()["full"], LISTINGS, Groups())
    assert found.tolist() == [0, 0, 1, 2, 2, 1]
    table = grouping.table(found, LISTINGS).to_pydict()
    assert table == {"posting_id": list("uvwxyz"), "group": found.tolist()}


def test_listings_outside_the_gallery_have_no_group():
    found = grouping.group(judged()["split"], LISTINGS, Groups())
    assert found[5] == -1
    assert found[3] == found[4]


def test_figures_of_each_split_and_gallery():
    found = grouping.figures(judged(), LISTINGS, Groups())
    assert set(found) == {"val", "test", "val_full", "test_full"}
    assert found["test_full"]["pairwise"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    # full, val: {u, v} right; w stands with z of train, which is no listing of its product
    assert found["val_full"]["pairwise"] == {"precision": 2 / 3, "recall": 1.0, "f1": 0.8}
    # split, val: u–v and v–w chained at half support each: one group of three
    assert found["val"]["largest"] == 3
    assert found["val"]["pairwise"]["precision"] == 2 / 6
