"""Training noise: which gains `samesku compare` calls larger than it, and the page that says so."""

import numpy as np
import pytest
from typer.testing import CliRunner

from samesku import artefacts
from samesku.app.cli import app
from samesku.app.report.compare import write_comparison
from samesku.app.training_noise import SEEDS, noise_lines, train_fingerprint
from samesku.evaluation.differences import Difference
from samesku.params import load_params
from tests.fixtures import two_system_predictions, val_and_test_copies
from tests.fixtures.small_pipeline import change

SPLITS = ("val", "test", "test_full")


def difference(split, gallery, gain):
    return Difference(split, gallery, 10, 0.5, 0.5 + gain, -1.0, 1.0)


ROWS = [
    difference("val", "split", 0.1), difference("val", "full", 0.9), difference("test", "split", 0.101),
    difference("test", "full", -0.02),
]  # fmt: skip


def write_seeds(**changes):
    content = {
        "sample": artefacts.fingerprint(None, [artefacts.LISTINGS]),
        "train": train_fingerprint(load_params()),
        "seeds": [0, 1, 2],
        "systems": {
            "samesku": {split: {"mean": 0.5, "sd": 0.03} for split in SPLITS},
            "pxk_image": {
                split: {"mean": 0.5, "sd": sd} for split, sd in zip(SPLITS, (0.04, 0.04, 0.0), strict=True)
            },
        },
    }
    artefacts.write_json(SEEDS, content | changes)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    val_and_test_copies.write(tmp_path)
    return tmp_path


def test_a_gain_is_held_against_two_sd_of_the_difference(folder):
    write_seeds()
    assert noise_lines("samesku", "pxk_image", ROWS) == [  # 2 · √(0.03² + 0.04²) = 0.1, and 2 · 0.03 = 0.06
        "val: +0.1000 lies within the noise of training (2 sd = 0.1000 over 3 seeds)",
        "test: +0.1010 lies outside the noise of training (2 sd = 0.1000 over 3 seeds)",
        "test_full: -0.0200 lies within the noise of training (2 sd = 0.0600 over 3 seeds)",
    ]


def test_nothing_is_said_without_figures_of_this_run(folder):
    assert noise_lines("samesku", "pxk_image", ROWS) == []  # no file
    write_seeds()
    assert noise_lines("samesku", "title_only", ROWS) == []  # not trained
    write_seeds(sample="0" * 16)
    assert noise_lines("samesku", "pxk_image", ROWS) == []
    write_seeds()
    change(folder / "params.yaml", lambda params: params["train"]["pxk"].update(seed=7))
    assert len(noise_lines("samesku", "pxk_image", ROWS)) == 3  # a seed alone changes no run
    change(folder / "params.yaml", lambda params: params["train"]["pxk"].update(lr=0.01))
    assert noise_lines("samesku", "pxk_image", ROWS) == []
    artefacts.LISTINGS.unlink()
    assert noise_lines("samesku", "pxk_image", ROWS) == []


def test_the_command_prints_the_lines_below_its_table(folder):
    import pandas as pd

    for system, f1 in (("samesku", 0.5), ("pxk_image", 0.75)):
        queries = {
            "query": ["a", "b"],
            "split": "test",
            "gallery": "full",
            "component": np.arange(2),
            "f1": f1,
        }
        (artefacts.PREDICTIONS / system).mkdir(parents=True)
        pd.DataFrame(queries).to_parquet(artefacts.PREDICTIONS / system / "queries.parquet")
    write_seeds()
    lines = CliRunner().invoke(app, ["compare", "samesku", "pxk_image"]).output.splitlines()
    assert lines[-1] == "test_full: +0.2500 lies outside the noise of training (2 sd = 0.0600 over 3 seeds)"
    assert len(lines) == 3


def test_the_page_shows_the_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    two_system_predictions.write_shop(tmp_path)
    two_system_predictions.write_system(
        tmp_path, "changed", [*two_system_predictions.LISTINGS], [("a1", "a2"), ("a1", "a3")]
    )
    line = "test: +0.0100 lies within the noise of training (2 sd = 0.0200 over 5 seeds)"
    write_comparison("halves", "changed", [ROWS[2]], tmp_path / "page.html", 10, [line])
    assert line in (tmp_path / "page.html").read_text("utf-8")
