"""The table of systems: those of params.yaml, measured on the sample that is here; the README has the last run's."""

import json
import re
import shutil

import pytest
from typer.testing import CliRunner

from samesku import artefacts
from samesku.app.cli import app
from samesku.app.systems import describe_fallen, describe_without_figures, split_systems
from samesku.app.text import systems_table
from samesku.params import list_systems, load_params
from stages import compare, evaluate, fuse, index
from tests.conftest import ROOT
from tests.fixtures import val_and_test_copies


def test_rows_are_lowest_first_with_their_gain_over_the_floor_and_systems_without_figures_have_none(
    tmp_path,
):
    (tmp_path / "compare").mkdir()
    (tmp_path / "learned_fusion").mkdir()
    for name, content in {
        "samesku": {
            "val": {"f1": 0.5},
            "test": {"f1": 0.75, "precision": 0.875, "recall": 0.5, "micro_f1": 0.5},
            "test_full": {"f1": 0.25},
        },
        "self_only": {"val": {"f1": 0.4}, "test": {"f1": 0.625}, "test_full": {"f1": 0.375}},
        "compare/worse": {"test": {"f1": 0.5}},
        "learned_fusion/skipped": {"skipped": 1},
        "compare/unlabelled": {"threshold": {"full": 0.6}},
        "compare/removed": {"test": {"f1": 0.9}},
    }.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    systems = ["samesku", "self_only", "worse", "skipped", "unlabelled", "without_a_file"]
    assert systems_table(tmp_path, systems).splitlines() == [
        "| system | val f1 | test f1 | gain | precision | recall | micro_f1 | test_full f1 | gain |",
        "|---|---|---|---|---|---|---|---|---|",
        "| worse |  | 0.5000 | -0.1250 |  |  |  |  |  |",
        "| self_only | 0.4000 | 0.6250 | +0.0000 |  |  |  | 0.3750 | +0.0000 |",
        "| samesku | 0.5000 | 0.7500 | +0.1250 | 0.8750 | 0.5000 | 0.5000 | 0.2500 | -0.1250 |",
    ]

    assert describe_without_figures(tmp_path, systems).splitlines() == [
        "skipped, since the catalogue lacks the labels or the channels that they need: skipped",
        "without figures, since no listing of val or test has a label: unlabelled",
    ]
    assert describe_without_figures(tmp_path, ["samesku", "self_only"]) == ""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_two_systems(folder):
    val_and_test_copies.write(folder, params={"fusion.alpha": 0.5}, compare=["image_only"])
    for stage in (fuse, index, evaluate, compare):
        stage.main()


def test_figures_of_another_sample_are_not_shown_as_those_of_this_one(folder):
    run_two_systems(folder)
    params = load_params()
    assert split_systems(params)[0] == ["samesku", "self_only", "image_only"]
    artefacts.LISTINGS.write_bytes(artefacts.LISTINGS.read_bytes() + b" ")  # as another catalogue would
    assert split_systems(params) == ([], list_systems(params))
    done = CliRunner().invoke(app, ["table"])
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "no figures: F1 needs a run of `dvc repro` on this sample, with labels (label_group) in val or test"
    ]
    assert "left out, since they were not run on this sample: samesku, self_only, " in done.stderr


def test_a_clone_without_data_shows_the_figures_of_its_commit(folder):
    run_two_systems(folder)
    shutil.rmtree("data")
    assert split_systems(load_params())[1] == []
    rows = CliRunner().invoke(app, ["table"]).stdout.splitlines()[2:]
    assert sorted(row.split(" | ")[0] for row in rows) == ["| image_only", "| samesku", "| self_only"]


def test_figures_of_another_catalogue_are_named_as_such(folder):
    run_two_systems(folder)
    artefacts.SOURCE.write_text(f"{load_params().data.source}\n")
    assert "these figures are of" not in CliRunner().invoke(app, ["table"]).stderr
    artefacts.SOURCE.write_text("data/raw/before\n")  # `samesku init` has run, and the pipeline has not
    sentence = rf"these figures are of data/raw/before; params\.yaml has {load_params().data.source} now"
    assert re.search(sentence, CliRunner().invoke(app, ["table"]).stderr)


def test_a_skipped_system_is_of_this_run(folder):
    val_and_test_copies.write(folder, labels=False, compare=["image_only"])
    compare.main()
    assert split_systems(load_params())[0] == ["image_only"]


def test_a_row_that_training_made_worse_says_so(folder):
    run_two_systems(folder)
    params = load_params(ROOT / "params.yaml")  # as shipped: siamese has `keep: last`, frozen_head has not
    epochs = [{"epoch": 0, "val_f1": 0.5, "kept": 0}, {"epoch": 1, "val_f1": 0.25, "kept": 1}]
    for run in ("siamese", "frozen_head"):
        artefacts.write_json(artefacts.MODELS / run / "epochs.json", epochs)
    systems = ["samesku", "siamese", "frozen_head", "image_only"]
    note = "siamese: the last epoch is shown though training lowered val f1"
    assert describe_fallen(params, systems) == note
    assert describe_fallen(params, ["frozen_head"]) == ""
    artefacts.write_json(artefacts.METRICS / "compare/siamese.json", {"skipped": 1})
    artefacts.write_skipped(artefacts.PREDICTIONS / "compare/siamese", "of this run")
    val_and_test_copies.write_params(folder)
    assert CliRunner().invoke(app, ["table"]).stdout.splitlines()[-1] == note
    epochs[1]["val_f1"] = 0.5
    artefacts.write_json(artefacts.MODELS / "siamese/epochs.json", epochs)
    assert describe_fallen(params, systems) == ""


def test_the_readme_shows_the_table_of_the_last_run():
    systems = list_systems(load_params(ROOT / "params.yaml"))
    assert systems_table(ROOT / "metrics", systems) in (ROOT / "README.md").read_text("utf-8")
