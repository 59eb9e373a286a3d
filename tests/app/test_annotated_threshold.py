"""samesku threshold by annotations: the sampled pairs, what is printed, and what is missing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from samesku import artefacts
from samesku.annotations.file import Annotation, format_annotations
from samesku.app.annotated_threshold import annotated_threshold, read_pair_sample
from samesku.app.cli import app
from samesku.app.text import annotated_table
from samesku.catalogue.listings import read_listings
from samesku.errors import InputError
from samesku.params import load_params, read_params
from samesku.search.neighbours import Neighbours, write_neighbours
from tests.conftest import ROOT

N = 400  # listings in a ring; listing i and the next one score 1 − i / 1000


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(read_params(ROOT / "params.yaml")))


def write(labels=None, split="train", **more):
    ids = [f"p{i:03}" for i in range(N)]
    columns = {"posting_id": ids, "label_group": labels or [None] * N, "component": range(N), "split": split}
    columns |= more
    table = pd.DataFrame(columns).astype({"label_group": "string", "component": "int32"})
    artefacts.SAMPLE.mkdir(parents=True)
    table.to_parquet(artefacts.LISTINGS)
    rows = np.arange(N, dtype=np.int32)
    neighbour = np.stack([(rows - 1) % N, (rows + 1) % N], axis=1).astype(np.int32)
    score = (1 - np.stack([(rows - 1) % N, rows], axis=1) / 1000).astype(np.float32)
    neighbour[0], score[0] = neighbour[0, ::-1], score[0, ::-1]  # the nearest first
    write_neighbours(artefacts.NEIGHBOURS / "full.parquet", Neighbours(rows, neighbour, score))


def annotate(n_same):
    """Annotate every pair: the best `n_same` are the same product."""
    ids = read_listings(artefacts.LISTINGS).posting_id
    annotations = {
        tuple(sorted((ids[i], ids[(i + 1) % N]))): Annotation("same" if i < n_same else "different", "t")
        for i in range(N)
    }
    artefacts.ANNOTATIONS.write_bytes(format_annotations(annotations))


def judge(precision):
    return annotated_threshold("samesku", precision, load_params(), read_listings(artefacts.LISTINGS))


def test_every_pair_of_the_neighbours_is_in_the_sample_once():
    write()
    sample = read_pair_sample("samesku", load_params(), read_listings(artefacts.LISTINGS))
    assert len(sample) == N
    pairs = {
        (int(a), int(b)): round(s, 6) for a, b, s in zip(sample.left, sample.right, sample.score, strict=True)
    }
    assert pairs == {(min(i, (i + 1) % N), max(i, (i + 1) % N)): round(1 - i / 1000, 6) for i in range(N)}


def sample_with(**match):
    path = Path("params.yaml")
    values = yaml.safe_load(path.read_text())
    values["match"] |= match
    path.write_text(yaml.safe_dump(values))
    params = load_params()
    sample = read_pair_sample("samesku", params, read_listings(artefacts.LISTINGS, params.match))
    return {
        (int(a), int(b)): round(s, 6) for a, b, s in zip(sample.left, sample.right, sample.score, strict=True)
    }


def test_pairs_that_rules_decide_are_in_the_sample_as_the_run_decides_them():
    gtin = ["4006381333931", "0012345678905", *[""] * (N - 2)]
    gtin[200] = gtin[0]
    write(gtin=gtin)
    pairs = sample_with(rules=True)
    assert (0, 1) not in pairs  # of two GTINs
    assert pairs[0, 200] == 1  # of one GTIN; no neighbours
    assert len(pairs) == N


def test_with_one_to_one_the_sample_has_the_mutual_best_alone():
    write(source=["a", "b"] * (N // 2))  # 0 and 1 are each other's best; 2 is nearer to 1, 3 to 2, and so on
    assert sample_with(link="across", one_to_one=True) == {(0, 1): 1.0}


@pytest.mark.parametrize("label_of_test", ["x", None])
def test_where_val_has_labels_pairs_of_test_are_left_out_labelled_or_not(label_of_test):
    write(labels=[label_of_test, "y"] + [None] * (N - 2), split=["test"] + ["val"] * (N - 1))
    sample = read_pair_sample("samesku", load_params(), read_listings(artefacts.LISTINGS))
    assert len(sample) == N - 2  # p000 is of test; its two pairs are gone
    assert 0 not in sample.left


def test_without_labels_pairs_of_test_are_asked_too():
    write(split="test")
    assert len(read_pair_sample("samesku", load_params(), read_listings(artefacts.LISTINGS))) == N


def test_where_every_pair_is_annotated_the_threshold_is_exact():
    write()
    annotate(200)
    result = judge(0.9)
    # 200 of 222 are 0.9009, 200 of 223 are 0.897: the threshold is the score of the 222nd pair.
    assert result.reached
    assert result.curve.n_pairs[result.position] == 222
    assert result.curve.threshold[result.position] == pytest.approx(1 - 221 / 1000)
    assert result.recall == (1, 1, 1)
    assert result.needed == 0


def test_an_unknown_share_has_no_interval():
    write()
    annotate(200)
    lines = annotated_table("samesku", "", replace(judge(0.9), recall=(np.nan, 0.1, 0.4)))
    assert "  which share of the true candidate pairs they are is unknown" in lines
    assert "40.0%" not in lines


def test_the_command_prints_the_threshold_its_estimates_and_how_to_adopt_it():
    write()
    annotate(200)
    done = CliRunner().invoke(app, ["threshold", "--precision", "0.9"])
    assert done.output.splitlines() == [
        "samesku: threshold 0.779",
        "  222 pairs reach it; 90.1% of them are correct (95% interval 90.1% to 90.1%)",
        "  they are 100.0% of the true candidate pairs (95% interval 100.0% to 100.0%)",
        "  estimated from 400 annotated pairs of 400",
        "adopt it: dvc exp run -S decision.value=0.779",
    ]


def test_too_few_annotations_are_one_sentence_with_their_number():
    write()
    with pytest.raises(
        InputError,
        match=r"too few annotated pairs for precision 0.95: 0 of 0 are of .*; about \d+ more settle it",
    ):
        judge(0.95)
    done = CliRunner().invoke(app, ["threshold", "--precision", "0.95"])
    assert done.exit_code == 2
    assert "the page Pairs of `samesku serve` asks" in done.output


def test_a_precision_that_no_threshold_reaches_is_one_sentence():
    write()
    annotate(0)
    with pytest.raises(InputError, match=r"no threshold of samesku reaches precision 0.9 .* ask for less"):
        judge(0.9)


def test_with_labels_of_val_annotations_are_used_only_where_they_are_asked_for():
    write(labels=[f"{i // 2}" for i in range(N)], split=["val"] * N)
    annotate(200)
    done = CliRunner().invoke(app, ["threshold", "--precision", "0.9", "--annotations"])
    assert done.output.startswith("samesku: threshold 0.779")
    done = CliRunner().invoke(app, ["threshold", "--precision", "0.9"])
    assert "matches.parquet is missing" in done.output  # the labels need the matches
