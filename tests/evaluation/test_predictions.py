"""The submission and the figures of groups, on cases that can be checked on paper."""

import numpy as np

from samesku.catalogue.listings import Links, Listings
from samesku.evaluation.annotated import AnnotatedPairs
from samesku.evaluation.decisions import decide
from samesku.evaluation.figures import all_metrics, describe_metrics
from samesku.evaluation.predictions import read_dropped_ids, submission_rows
from samesku.params import Decision, Groups
from samesku.search.neighbours import Neighbours

# val: u and v are product 0, w is 1; test: x and y are 2; train: z is 3
LISTINGS = Listings(
    np.array(list("uvwxyz"), object),
    np.array([0, 0, 1, 2, 2, 3], dtype=np.int32),
    np.array([0, 0, 1, 2, 2, 3], dtype=np.int32),
    np.array(["val", "val", "val", "test", "test", "train"]),
)


def decide_pairs(pairs, n_queries, gallery):
    """Decisions of the first n listings, each with one match or none."""
    match_of = dict(pairs)
    neighbour = np.array([[match_of.get(query, -1)] for query in range(n_queries)], dtype=np.int32)
    score = np.where(neighbour >= 0, 0.9, -np.inf).astype(np.float32)
    neighbours = Neighbours(np.arange(n_queries, dtype=np.int32), neighbour, score)
    return decide(neighbours, LISTINGS, Decision(kind="static", value=0.5), gallery)


def test_a_submission_has_a_row_for_every_id_that_can_be_read(tmp_path):
    quarantine = tmp_path / "quarantine.csv"
    quarantine.write_text(
        "row,posting_id,file,reason\n"
        '1,,,"row: broken quotes"\n'
        '2,,,"posting_id: empty"\n'
        '3,a b,,"posting_id: holds a space, comma, semicolon, quote, control character or non-UTF-8 byte; replace it"\n'
        "4,'=sum,,posting_id: begins like a spreadsheet formula\n"
        '5,t,,"row: no title, no picture and no hash is left"\n'
        "6,u,u.jpg,image: missing\n"
    )
    dropped = read_dropped_ids(quarantine)
    assert dropped == {"t", "u"}
    rows = submission_rows(decide_pairs([(0, 1), (5, 2)], 6, "full"), LISTINGS, dropped)
    assert [(row["posting_id"], row["matches"]) for row in rows] == [
        ("t", "t"),
        ("u", "u v"),
        ("v", "v"),
        ("w", "w"),
        ("x", "x"),
        ("y", "y"),
        ("z", "z w"),
    ]


def test_annotated_pairs_overrule_the_decision_in_a_submission():
    decisions = decide_pairs([(0, 1), (1, 0), (3, 4), (4, 3)], 6, "full")
    # u is w, and x is not y.
    links = Links(np.array([[0, 2]], np.int32), np.array([[3, 4]], np.int32))
    rows = submission_rows(decisions, LISTINGS, [], AnnotatedPairs(links, 6), max_size=2)
    assert [row["matches"] for row in rows] == ["u v w", "v u", "w u", "x", "y", "z"]
    assert decisions.is_match.sum() == 4


def test_figures_of_groups_by_split_and_gallery():
    decisions = {
        "full": decide_pairs([(0, 1), (1, 0), (3, 4), (4, 3), (5, 2)], 6, "full"),
        "split": decide_pairs([(0, 1), (1, 2), (3, 4)], 5, "split"),
    }
    figures = all_metrics(decisions, LISTINGS, Groups())["groups"]
    assert set(figures) == {"val", "test", "val_full", "test_full"}
    assert figures["test_full"]["pairwise"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    # full, val: {u, v} is right; w is with z of train, which is no listing of its product
    assert figures["val_full"]["pairwise"] == {"precision": 0.666667, "recall": 1.0, "f1": 0.8}
    # split, val: u–v and v–w are half of the pairs at each step: one group of three
    assert figures["val"]["largest"] == 3
    assert figures["val"]["pairwise"]["precision"] == 0.333333


def test_labels_in_train_alone_are_labels():
    assert describe_metrics({"threshold": 0.5}) == "no labelled listings in val or test: predictions only"
    assert describe_metrics({"val": {"f1": 0.5}, "threshold": 0.5}) == "val f1 0.5000"
