"""`samesku check`: what stands between the numbers of this machine and those of dvc.lock."""

import pytest
from typer.testing import CliRunner

from samesku.app import check
from samesku.app.cli import app
from samesku.params import load_params
from tests.conftest import ROOT


@pytest.fixture
def params():
    return load_params(ROOT / "params.yaml")


def fast(params):
    return params.model_copy(update={"embed": params.embed.model_copy(update={"reproducible": False})})


def lock(folder, reproducible):
    (folder / "dvc.lock").write_text(
        f"stages:\n  embed:\n    params:\n      params.yaml:\n        embed:\n          reproducible: {reproducible}\n"
    )


def test_nothing_stands_between_them_as_shipped(params, tmp_path):
    lock(tmp_path, "true")
    assert check.find_differences(params, tmp_path) == []


def test_annotations_at_which_a_run_would_stop_are_named(params, tmp_path):
    lock(tmp_path, "true")
    lines = ["left,right,annotation,time", "a,b,same,t", "b,c,same,t", "a,c,different,t"]
    (tmp_path / "data").mkdir()
    (tmp_path / "data/annotations.csv").write_text("\n".join(lines) + "\n")
    assert check.find_differences(params, tmp_path) == []  # they are not used
    data = params.data.model_copy(update={"annotations": "data/annotations.csv"})
    (fault,) = check.find_differences(params.model_copy(update={"data": data}), tmp_path)
    assert fault == (
        "data/annotations.csv contradicts itself: a and c are different, but a is b, b is c; "
        "change one annotation of each"
    )


def test_lifted_caps_are_a_difference_here_and_in_the_lock(params, tmp_path):
    lock(tmp_path, "false")
    (here,) = check.find_differences(fast(params), tmp_path)
    assert here.startswith("embed.reproducible is false: ")
    assert "dvc repro" in here
    (recorded,) = check.find_differences(params, tmp_path)
    assert recorded.startswith("the outs of dvc.lock were computed with embed.reproducible: false")


def test_another_version_of_a_library_is_named(params, tmp_path):
    (tmp_path / "constraints.txt").write_text(
        "# pinned\nnumpy==1.2.3\nopen_clip_torch==0.0.1\nrequests==1.0\n"
    )
    numpy, clip = sorted(check.find_differences(params, tmp_path))
    assert numpy.startswith("numpy is ")
    assert "with 1.2.3 (constraints.txt)" in numpy
    assert clip.startswith("open-clip-torch is ")


def test_another_kind_of_processor_is_named(params, tmp_path, monkeypatch):
    monkeypatch.setattr(check.platform, "machine", lambda: "aarch64")
    (sentence,) = check.find_differences(params, tmp_path)
    assert "aarch64" in sentence


def test_the_exit_status_says_it_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "params.yaml").read_text("utf-8")
    (tmp_path / "params.yaml").write_text(text, "utf-8")
    right = CliRunner().invoke(app, ["check"])
    assert (right.exit_code, right.output.count("\n")) == (0, 1)
    (tmp_path / "params.yaml").write_text(text.replace("reproducible: true", "reproducible: false"), "utf-8")
    assert CliRunner().invoke(app, ["check"]).exit_code == 1
    (tmp_path / "params.yaml").write_text(text.replace("reproducible: true", "reproducible: maybe"), "utf-8")
    refused = CliRunner().invoke(app, ["check"])
    assert refused.exit_code == 2
    assert "embed.reproducible" in refused.output
