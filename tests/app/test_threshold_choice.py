"""What each threshold would do, against seven listings that can be followed by hand."""

import json

import numpy as np
import pytest

from samesku import artefacts
from samesku.annotations.file import Annotation
from samesku.app import threshold_choice
from samesku.app.annotated_threshold import candidate_pairs
from samesku.app.report.catalogue import ShownListings, read_catalogue
from samesku.app.threshold_choice import count_groups, threshold_content, val_curve
from samesku.catalogue.listings import Links, write_links
from samesku.params import load_params
from tests.fixtures import two_system_predictions


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    two_system_predictions.write_shop(tmp_path)
    return tmp_path


def content(annotations=None):
    catalogue = read_catalogue()
    shown = ShownListings(catalogue)
    return threshold_content("halves", load_params(), catalogue, shown, annotations or {}), shown


def test_groups_are_counted_at_some_steps_and_at_the_present_threshold(folder, monkeypatch):
    monkeypatch.setattr(threshold_choice, "N_CLUSTERED", 2)  # the ends
    left, right, score = np.array([0, 0, 1]), np.array([1, 2, 2]), np.array([0.9, 0.8, 0.7])
    counts = count_groups(left, right, score, np.array([0, 1, 2, 3]), 1, load_params(), read_catalogue())
    assert counts == {0: 0, 1: 1, 3: 1}


def test_groups_obey_annotations_as_those_of_the_last_run_do(folder, monkeypatch):
    monkeypatch.setattr(threshold_choice, "N_CLUSTERED", 2)
    (folder / artefacts.LINKS).mkdir(parents=True)
    write_links(artefacts.LINKS / "all.parquet", Links(np.array([[3, 4]]), np.array([[0, 1]])))
    left, right, score = np.array([0]), np.array([1]), np.array([0.9])
    counts = count_groups(left, right, score, np.array([0, 1]), 1, load_params(), read_catalogue())
    assert counts == {0: 1, 1: 1}  # 3 with 4, and never 0 with 1


def test_each_step_counts_the_pairs_listings_and_groups_above_it(folder):
    result, _ = content()
    assert (result["key"], result["current"]) == ("compare.halves.decision.value", 0.61)
    scores = np.cos(np.radians([[10, 20], [30, 60], [30, 30]])).mean(axis=1)  # a1 a2, a1 b1, b1 d1 (no title)
    steps = result["steps"]
    assert [step[0] for step in steps] == sorted(step[0] for step in steps)
    assert 0.61 in [step[0] for step in steps]
    for threshold, n_pairs, n_listings, *_ in steps:
        assert n_pairs == (scores >= threshold).sum()
        assert n_listings <= 2 * n_pairs
    assert steps[0][1:3] == [3, 4]
    assert steps[0][3] == 2  # a1 a2 and b1 d1: one match of four pairs joins no two groups


def test_a_run_that_decided_by_clusters_is_marked(folder):
    path = artefacts.predictions_folder("halves") / "metrics.json"
    metrics = json.loads(path.read_text())
    assert content()[0]["clusters"] is False
    path.write_text(json.dumps(metrics | {"decided_by": {"full": "clusters"}}))
    assert content()[0]["clusters"] is True


def test_pairs_of_the_clerical_review_are_candidates_below_the_threshold(folder):
    two_system_predictions.write_pair_model(folder)
    catalogue = read_catalogue()
    ids = catalogue.listings.posting_id

    def candidates():
        left, right, score = candidate_pairs("pair_model", load_params(), catalogue.listings)
        return {(ids[a], ids[b]): s for a, b, s in zip(left, right, score.round(2), strict=True)}

    matches = {("a1", "a2"): 0.96, ("a1", "a3"): 0.85}
    assert candidates() == matches | {("a2", "a3"): 0.4, ("a1", "c1"): 0.3, ("b1", "d1"): 0.2}
    path = folder / artefacts.PREDICTIONS / "pair_model/metrics.json"
    metrics = json.loads(path.read_text())
    assert metrics["threshold"]["full"] == 0.61
    # Pairs of 0.5 to 0.61 are accepted without a match: no file has them, and what is below them is no candidate.
    path.write_text(json.dumps(metrics | {"clerical_review": {"full": {"accept": 0.5}}}))
    assert candidates() == matches


def test_val_counts_a_pair_for_each_of_its_labelled_val_listings(folder):
    catalogue = read_catalogue()
    row = catalogue.row_of
    pairs = [("b1", "b2"), ("b1", "d1"), ("a1", "a2")]  # right for both; wrong for b1; not of val
    left, right = np.array([[row[a], row[b]] for a, b in pairs]).T
    curve = val_curve(left, right, np.array([0, 1, 2, 3]), catalogue)
    assert curve == [
        [None, 0.0],
        [1.0, 1.0],
        [pytest.approx(2 / 3, abs=1e-4), 1.0],
        [pytest.approx(2 / 3, abs=1e-4), 1.0],
    ]


def test_pairs_around_a_threshold_hide_the_labels_of_test(folder):
    result, shown = content()
    ids = [listing[0] for listing in shown.listings()]
    known = {(ids[a], ids[b]): same for a, b, _, same in result["examples"]}
    assert known == {("a1", "a2"): None, ("a1", "b1"): None, ("b1", "d1"): None}
    scores = [score for *_, score, _ in result["examples"]]
    assert scores == sorted(scores, reverse=True)


def test_annotations_give_a_precision_with_its_interval(folder):
    result, _ = content({("b1", "d1"): Annotation("same", "t")})
    known = [step[6:] for step in result["steps"] if step[6] is not None]
    assert known
    for precision, low, high in known:
        assert low <= precision <= high
    assert all(step[6] is None for step in content()[0]["steps"])
