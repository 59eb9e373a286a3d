"""What each threshold would do, against seven listings that can be followed by hand."""

import numpy as np
import pytest

from samesku.annotations.file import Annotation
from samesku.app.report.catalogue import ShownListings, read_catalogue
from samesku.app.threshold_choice import threshold_content, val_curve
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
