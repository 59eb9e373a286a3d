"""samesku compare: the paired difference of two systems."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from samesku import artefacts
from samesku.app.cli import app
from samesku.evaluation.differences import differences


def write(system, f1, query=None):
    folder = artefacts.PREDICTIONS / system
    folder.mkdir(parents=True)
    n = len(f1)
    pd.DataFrame(
        {
            "query": query or [f"q{i}" for i in range(n)],
            "split": "test",
            "gallery": "full",
            "component": np.arange(n, dtype=np.int32),
            "f1": f1,
        }
    ).to_parquet(folder / "queries.parquet")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_steady_gain_is_better_though_the_systems_vary_widely():
    base = np.random.default_rng(0).random(200) * 0.9
    write("a", base)
    write("b", base + 0.02)
    (row,) = differences(*(artefacts.PREDICTIONS / s / "queries.parquet" for s in "ab"))
    assert (row.gain, row.low, row.high) == pytest.approx((0.02, 0.02, 0.02))
    assert row.result == "better"


def test_a_gain_within_the_noise_is_none():
    generator = np.random.default_rng(0)
    write("a", generator.random(200))
    write("b", generator.random(200))
    assert "no difference shown" in CliRunner().invoke(app, ["compare", "a", "b"]).output


def test_other_queries_and_unknown_systems_are_bad_input():
    write("a", np.ones(2))
    write("b", np.ones(2), query=["q0", "q9"])
    result = CliRunner().invoke(app, ["compare", "a", "b"])
    assert result.exit_code == 2
    assert "hold different queries" in result.output
    assert CliRunner().invoke(app, ["compare", "a", "none"]).exit_code == 2


@pytest.mark.parametrize(
    ("systems", "message"),
    [
        (
            ("self_only", "a"),
            "self_only is the F1 of every listing matched with itself alone, and has no queries to",
        ),
        (("a", "skipped"), "skipped was skipped in the last run, so there is nothing to compare: no labels"),
    ],
)
def test_a_system_without_queries_is_one_sentence(systems, message):
    write("a", np.ones(2))
    artefacts.write_skipped(artefacts.PREDICTIONS / "skipped", "no labels")
    result = CliRunner().invoke(app, ["compare", *systems])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"samesku compare: {message}")
    assert result.stderr.count("\n") == 1
