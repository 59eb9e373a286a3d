"""What changed between two systems, on the seven listings."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from samesku import artefacts
from samesku.app.cli import app
from samesku.app.report import compare as report_compare
from samesku.params import load_params
from tests.app.test_report import Scripts
from tests.fixtures import two_system_predictions

THEN = [("a1", "a2"), ("a1", "b1"), ("b1", "d1"), ("b2", "b1")]
NOW = [("a1", "a2"), ("a1", "a3"), ("a2", "b2"), ("b1", "d1"), ("b1", "c1")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    two_system_predictions.write(tmp_path, matches=THEN)
    two_system_predictions.system(tmp_path, "now", [*two_system_predictions.SEVEN], NOW)
    for system in ("mix", "now"):
        queries = {"query": ["a1", "a2"], "split": "test", "gallery": "full", "component": [0, 1]}
        frame = pd.DataFrame(queries | {"f1": [0.5, 0.5 + 0.25 * (system == "now")]})
        frame.to_parquet(artefacts.PREDICTIONS / system / "queries.parquet")
    return tmp_path


def test_pairs_are_won_lost_added_dropped_or_kept(folder):
    found = report_compare.content("mix", "now", load_params(), 10)
    shown = found["gallery"]
    name = [listing[0] for listing in shown["listings"]]
    blocks = {name[block["query"]]: block for block in shown["queries"]}
    assert {
        query: [(name[card["other"]], card["kind"]) for card in block["cards"]]
        for query, block in blocks.items()
    } == {
        "a1": [("a3", "won"), ("b1", "mended"), ("a2", "same")],
        "a2": [("b2", "wrong")],
        "b1": [("c1", "wrong"), ("d1", "match")],
        "b2": [("b1", "lost")],
    }  # a3, c1 and d1 match nothing before and after
    assert {query: block["f1"] for query, block in blocks.items()} == {
        "a1": [round(4 / 6, 4), 1.0], "a2": [0.5, 0.4], "b1": [0.5, 0.4], "b2": [1.0, round(2 / 3, 4)],
    }  # fmt: skip
    assert blocks["a1"]["flags"] == ["all", "better", "won", "mended"]
    assert blocks["b2"]["flags"] == ["all", "worse", "lost"]
    won, dropped, kept = blocks["a1"]["cards"]
    assert "before" not in won
    assert won["score"] == pytest.approx(np.cos(np.radians([20, 40])).mean(), abs=1e-3)
    assert "score" not in dropped
    assert kept["before"] == kept["score"]
    assert found["counts"] == [
        {"split": "test", "queries": 3, "changed": 2, "better": 1, "worse": 1, "even": 0,
         "won": 1, "lost": 0, "wrong": 1, "mended": 1, "new": 0, "gone": 0},
        {"split": "val", "queries": 2, "changed": 2, "better": 0, "worse": 2, "even": 0,
         "won": 0, "lost": 1, "wrong": 1, "mended": 0, "new": 0, "gone": 0},
        {"split": "train", "queries": 2, "changed": 0, "better": 0, "worse": 0, "even": 0,
         "won": 0, "lost": 0, "wrong": 0, "mended": 0, "new": 0, "gone": 0},
    ]  # fmt: skip


def test_without_labels_matches_are_new_or_gone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    two_system_predictions.write(tmp_path, matches=THEN, labels=False, pictures=False)
    two_system_predictions.system(tmp_path, "now", [*two_system_predictions.SEVEN], NOW, labels=False)
    found = report_compare.content("mix", "now", load_params(), 10)
    kinds = [card["kind"] for block in found["gallery"]["queries"] for card in block["cards"]]
    assert sorted(kinds) == ["gone"] * 2 + ["match"] * 2 + ["new"] * 3
    assert all("f1" not in block for block in found["gallery"]["queries"])
    report_compare.write("mix", "now", [], tmp_path / "compare.html", 10)


def test_the_command_prints_its_table_and_writes_the_page(folder):
    result = CliRunner().invoke(app, ["compare", "mix", "now", "--report", "compare.html"])
    assert result.exit_code == 0, result.output
    assert "+0.1250" in result.output
    assert "4 queries whose matches changed" in result.output
    text = (folder / "compare.html").read_text("utf-8")
    assert "+0.1250" in text
    assert re.search(r"mix\s→\snow", text)
    page = Scripts()
    page.feed(text)
    assert len(json.loads(dict(page.valid)["picture-data"])) == 7
    assert "<script>window.hacked" not in text


def test_without_the_option_no_page_is_written(folder):
    assert CliRunner().invoke(app, ["compare", "mix", "now"]).exit_code == 0
    assert not list(folder.glob("*.html"))


def test_a_system_without_matches_is_bad_input(folder):
    (artefacts.PREDICTIONS / "now/matches.parquet").unlink()
    result = CliRunner().invoke(app, ["compare", "mix", "now", "--report", "compare.html"])
    assert result.exit_code == 2
    assert "matches.parquet is missing" in result.output
