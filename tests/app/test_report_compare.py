"""What changes between two systems, on the seven listings."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from samesku import artefacts
from samesku.app.cli import app
from samesku.app.report.compare import comparison_content, describe_difference, write_comparison
from samesku.evaluation.differences import Difference
from samesku.params import load_params
from tests.app.test_report import Scripts
from tests.fixtures import two_system_predictions

BEFORE = [("a1", "a2"), ("a1", "b1"), ("b1", "d1"), ("b2", "b1")]
AFTER = [("a1", "a2"), ("a1", "a3"), ("a2", "b2"), ("b1", "d1"), ("b1", "c1")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    two_system_predictions.write_shop(tmp_path, matches=BEFORE)
    two_system_predictions.write_system(tmp_path, "changed", [*two_system_predictions.LISTINGS], AFTER)
    for system in ("halves", "changed"):
        queries = {"query": ["a1", "a2"], "split": "test", "gallery": "full", "component": [0, 1]}
        frame = pd.DataFrame(queries | {"f1": [0.5, 0.5 + 0.25 * (system == "changed")]})
        frame.to_parquet(artefacts.PREDICTIONS / system / "queries.parquet")
    return tmp_path


def test_pairs_are_gained_lost_added_removed_or_in_both(folder):
    content = comparison_content("halves", "changed", load_params(), 10)
    ids = [listing[0] for listing in content["gallery"]["listings"]]
    blocks = {ids[block["query"]]: block for block in content["gallery"]["queries"]}
    assert {
        query: [(ids[card["listing"]], card["kind"]) for card in block["cards"]]
        for query, block in blocks.items()
    } == {
        "a1": [("a3", "gained"), ("b1", "wrong_removed"), ("a2", "same")],
        "a2": [("b2", "wrong_added")],
        "b1": [("c1", "wrong_added"), ("d1", "match")],
        "b2": [("b1", "lost")],
    }  # a3, c1 and d1 match nothing before and after
    assert {query: block["f1"] for query, block in blocks.items()} == {
        "a1": [round(4 / 6, 4), 1.0], "a2": [0.5, 0.4], "b1": [0.5, 0.4], "b2": [1.0, round(2 / 3, 4)],
    }  # fmt: skip
    assert blocks["a1"]["views"] == ["all", "better", "gained", "wrong_removed"]
    assert blocks["b2"]["views"] == ["all", "worse", "lost"]
    gained, removed, in_both = blocks["a1"]["cards"]
    assert "score_before" not in gained
    assert gained["score"] == pytest.approx(np.cos(np.radians([20, 40])).mean(), abs=1e-3)
    assert "score" not in removed
    assert in_both["score_before"] == in_both["score"]
    assert content["counts"] == [
        {"split": "test", "queries": 3, "changed": 2, "better": 1, "worse": 1, "equal": 0,
         "gained": 1, "lost": 0, "wrong_added": 1, "wrong_removed": 1, "added": 0, "removed": 0},
        {"split": "val", "queries": 2, "changed": 2, "better": 0, "worse": 2, "equal": 0,
         "gained": 0, "lost": 1, "wrong_added": 1, "wrong_removed": 0, "added": 0, "removed": 0},
        {"split": "train", "queries": 2, "changed": 0, "better": 0, "worse": 0, "equal": 0,
         "gained": 0, "lost": 0, "wrong_added": 0, "wrong_removed": 0, "added": 0, "removed": 0},
    ]  # fmt: skip


def test_without_labels_matches_are_added_or_removed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    two_system_predictions.write_shop(tmp_path, matches=BEFORE, labels=False, pictures=False)
    two_system_predictions.write_system(
        tmp_path, "changed", [*two_system_predictions.LISTINGS], AFTER, labels=False
    )
    content = comparison_content("halves", "changed", load_params(), 10)
    kinds = [card["kind"] for block in content["gallery"]["queries"] for card in block["cards"]]
    assert sorted(kinds) == ["added"] * 3 + ["match"] * 2 + ["removed"] * 2
    assert all("f1" not in block for block in content["gallery"]["queries"])
    write_comparison("halves", "changed", [], tmp_path / "compare.html", 10)


def test_the_command_prints_its_table_and_writes_the_page(folder):
    result = CliRunner().invoke(app, ["compare", "halves", "changed", "--report", "compare.html"])
    assert result.exit_code == 0, result.output
    assert "+0.1250" in result.output
    assert "4 queries whose matches changed" in result.output
    text = (folder / "compare.html").read_text("utf-8")
    assert "+0.1250" in text
    assert re.search(r"halves\s→\schanged", text)
    parser = Scripts()
    parser.feed(text)
    assert len(json.loads(dict(parser.scripts)["picture-data-0"])) == 7
    assert "<script>window.hacked" not in text


def test_without_the_option_no_page_is_written(folder):
    assert CliRunner().invoke(app, ["compare", "halves", "changed"]).exit_code == 0
    assert not list(folder.glob("*.html"))


def test_a_system_without_matches_is_bad_input(folder):
    (artefacts.PREDICTIONS / "changed/matches.parquet").unlink()
    result = CliRunner().invoke(app, ["compare", "halves", "changed", "--report", "compare.html"])
    assert result.exit_code == 2
    assert "matches.parquet is missing" in result.output


@pytest.mark.parametrize(
    ("a", "b", "low", "high", "sentence"),
    [
        (0.5, 0.6, 0.04, 0.16, "Y is better than x by 0.100 F1 (95% interval: +0.040 to +0.160), on 9 test queries, "
         "each searched among all listings. This is shown: the interval excludes 0."),
        (0.6, 0.5, -0.16, -0.04, "X is better than y by 0.100 F1 (95% interval: +0.040 to +0.160), on 9 test queries, "
         "each searched among all listings. This is shown: the interval excludes 0."),
        (0.6, 0.5, -0.16, 0.02, "X is not shown to be better than y: it leads by 0.100 F1 (95% interval: -0.020 to "
         "+0.160), on 9 test queries, each searched among all listings, and the interval includes 0."),
        (0.5, 0.5, 0.0, 0.0, "X and y have the same F1, 0.500, on 9 test queries, each searched among all listings."),
    ],
)  # fmt: skip
def test_a_sentence_says_which_system_is_better_and_whether_that_is_shown(a, b, low, high, sentence):
    rows = [Difference("val", "full", 5, b, a, -high, -low), Difference("test", "full", 9, a, b, low, high)]
    assert describe_difference("x", "y", rows) == sentence
    assert describe_difference("x", "y", rows[:1]).startswith("No test listing has a label")
