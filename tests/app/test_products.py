"""Groups as products, against seven listings that can be followed by hand."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from samesku import artefacts
from samesku.app.evidence_names import N_COLOURS, name_evidence
from samesku.app.products import centre_scores, describe_contradictions, product_content, read_groups
from samesku.app.report.catalogue import ShownListings, read_catalogue
from samesku.errors import InputError
from samesku.params import load_params, read_params
from samesku.params.load import parse_params
from tests.conftest import ROOT
from tests.fixtures import two_system_predictions
from tests.fixtures.shops import number_shops


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    two_system_predictions.write_shop(tmp_path)
    return tmp_path


def write_groups(system, *groups):
    rows = [(name, i) for i, group in enumerate(groups) for name in group]
    ids, numbers = zip(*rows, strict=True)
    path = artefacts.PREDICTIONS / system / "groups.parquet"
    pq.write_table(pa.table({"posting_id": ids, "group": pa.array(numbers, pa.int32())}), path)


def content(system):
    """The products of a system, with ids in the place of numbers."""
    catalogue = read_catalogue()
    shown = ShownListings(catalogue)
    result = product_content(system, load_params(), catalogue, shown)
    ids = [listing[0] for listing in shown.listings()]
    return result | {"groups": [[[ids[i] for i in group[0]], *group[1:]] for group in result["groups"]]}


def test_a_score_is_the_mean_score_with_the_others_of_the_group(folder):
    write_groups("halves", ["a1", "a2", "b1"], ["a3"], ["b2", "c1"], ["d1"])
    cos = np.cos(np.radians(np.arange(0, 130, 10)))
    a1a2, a1b1, a2b1 = (
        (cos[1] + cos[2]) / 2,
        (cos[3] + cos[6]) / 2,
        (cos[2] + cos[4]) / 2,
    )  # a2 and b1 do not match
    groups = content("halves")["groups"]
    assert groups[0][0] == ["a2", "a1", "b1"]
    expected = [(a1a2 + a2b1) / 2, (a1a2 + a1b1) / 2, (a1b1 + a2b1) / 2]
    assert groups[0][1] == pytest.approx(expected, abs=1e-3)
    assert [group[0] for group in groups[1:]] == [["b2", "c1"], ["a3"], ["d1"]]  # the largest first
    assert len(groups[2]) == 1  # nothing to compare a single listing with


def test_a_pair_that_the_pair_model_does_not_match_scores_zero(folder):
    two_system_predictions.write_pair_model(folder)
    write_groups("pair_model", ["a1", "a2", "a3"], ["b1", "b2", "c1", "d1"])
    result = content("pair_model")
    cos = np.cos(np.radians([10, 20, 40]))
    a1a2, a1a3 = (cos[0] + cos[1]) / 2, (cos[1] + cos[2]) / 2
    scores = dict(zip(*result["groups"][1][:2], strict=True))
    assert scores == pytest.approx({"a1": (a1a2 + a1a3) / 2, "a2": a1a2 / 2, "a3": a1a3 / 2}, abs=1e-3)
    assert result["threshold"] == pytest.approx(a1a3, abs=1e-4)  # the lowest score of a match


def test_titles_that_contradict_each_other_are_told_in_words(folder):
    write_groups("halves", ["a1", "a2", "a3"], ["b1", "b2"], ["c1"], ["d1"])
    groups = content("halves")["groups"]
    listings, _, contradictions = groups[0]
    assert [({listings[a], listings[b]}, text) for a, b, text in contradictions] == [
        ({"a1", "a2"}, "500 ml ≠ 250 ml")
    ]
    assert groups[1][2][0][2] == "A-12 ≠ A13"
    assert len(groups[2]) == 1


def test_prices_and_shops_that_speak_against_one_product(folder):
    catalogue = read_catalogue()
    shops = number_shops("across", np.zeros(7))
    across = replace(catalogue, listings=replace(catalogue.listings, allowed=shops))
    notes = [
        {"text": "price 10 ↔ 16 (× 1.6)", "equal": False, "ratio": 1.6},
        {"text": "price 10 ↔ 40 (× 4.0)", "equal": False, "ratio": 4.0},
        {"text": "brand A ↔ B", "equal": False},
        {"text": "equal MPN x", "equal": True},
    ]
    assert describe_contradictions(catalogue, 5, 6, notes) == ["price 10 ↔ 40 (× 4.0)", "brand A ↔ B"]
    assert describe_contradictions(across, 5, 6, []) == ["twice in one shop"]


def test_groups_that_are_missing_name_the_way_out(folder):
    (artefacts.PREDICTIONS / "halves/groups.parquet").unlink()
    with pytest.raises(InputError, match=r"halves/groups\.parquet is missing; run `dvc repro`"):
        read_groups("halves", read_catalogue())


def test_a_listing_without_others_has_no_score():
    scores = centre_scores(np.array([0, 0, 1]), np.array([1, 2, 2]), np.array([0.9, 0.5, 0.1]), 4)
    assert scores[:3].tolist() == pytest.approx([0.7, 0.5, 0.3])
    assert np.isnan(scores[3])


def test_evidence_has_words_and_a_colour_of_its_own(folder):
    names = name_evidence(parse_params(read_params(ROOT / "params.yaml")))
    assert {name: names[name]["label"] for name in ("pxk_image", "cnn", "phash", "sbert", "tfidf", "words")} == {
        "pxk_image": "Picture (trained)", "cnn": "Picture", "phash": "Exact picture",
        "sbert": "Meaning of the title", "tfidf": "Words", "words": "Words",
    }  # fmt: skip
    assert names["words"]["colour"] == names["tfidf"]["colour"]
    main = ("pxk_image", "cnn", "phash", "sbert", "tfidf", "pxk_title")
    assert len({names[name]["colour"] for name in main}) == len(main)
    assert all(0 <= name["colour"] < N_COLOURS for name in names.values())
    assert names["siamese_image"]["label"] == "Picture (trained), siamese_image"  # a second one of its kind
