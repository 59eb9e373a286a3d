"""`samesku diff` and `samesku store`."""

import csv
import shutil
import subprocess

import pytest
import yaml
from typer.testing import CliRunner

from samesku import artefacts
from samesku.app.cli import app
from samesku.params import read_params
from samesku.store import Store, content_key
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments, status=0):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == status, done.output
    return done.output


def write_groups(folder, names):
    """ "ab c" -> groups.parquet with a and b in group 0, c in group 1, and x in none."""
    pairs = [(name, number) for number, part in enumerate(names.split()) for name in part] + [("x", -1)]
    folder.mkdir(parents=True, exist_ok=True)
    numbers = artefacts.np.array([number for _, number in pairs], "int32")
    artefacts.write_table(
        folder / "groups.parquet", {"posting_id": [name for name, _ in pairs], "group": numbers}
    )


def test_diff_of_a_copy_and_the_workspace(tmp_path):
    write_groups(tmp_path / "before", "ab cd e")
    write_groups(artefacts.PREDICTIONS / "samesku", "abcd ef")
    assert run("diff", "before") == "1 merged, 1 added; changes.csv\n"
    with (tmp_path / "changes.csv").open() as file:
        assert list(csv.reader(file)) == [
            ["change", "posting_id", "before", "after", "listings_before", "listings_after"],
            ["merged", "", "a c", "a", "4", "4"],
            ["added", "f", "", "e", "0", "2"],
        ]
    assert run("diff", "before", "before", "--out", "none.csv") == "no change; none.csv\n"
    assert (tmp_path / "none.csv").read_text().count("\n") == 1


def test_diff_of_what_is_not_there(tmp_path):
    write_groups(tmp_path / "before", "ab")
    message = run("diff", "before", status=2)
    assert "samesku diff: data/predictions/samesku/groups.parquet is missing; run `dvc repro`" in message
    message = run("diff", "nowhere", status=2)
    assert (
        "nowhere is no commit of git, and no folder; allowed: a commit such as HEAD~1, or a folder" in message
    )


@pytest.mark.slow
def test_diff_of_a_commit_reads_the_cache_of_dvc(tmp_path):
    def call(*command):
        subprocess.run(command, check=True, capture_output=True)

    git = ("git", "-c", "user.name=s", "-c", "user.email=s@localhost")
    call("git", "init", "-q")
    call("python", "-m", "dvc", "init", "-q")
    for names in ("ab c", "abc"):
        write_groups(artefacts.PREDICTIONS / "samesku", names)
        call("python", "-m", "dvc", "add", "-q", "data/predictions/samesku")
        call(*git, "add", "-A")
        call(*git, "commit", "-qm", names)
    assert run("diff", "HEAD~1") == "1 joined; changes.csv\n"
    assert run("diff", "HEAD") == "no change; changes.csv\n"
    message = run("diff", "HEAD~1", "--system", "rerank", status=2)
    assert "data/predictions/rerank/groups.parquet of the commit HEAD~1 is not in DVC's cache" in message
    shutil.rmtree(tmp_path / ".dvc/cache")  # as in a clone in which that commit has not run
    message = run("diff", "HEAD~1", status=2)
    assert "data/predictions/samesku/groups.parquet of the commit HEAD~1 is not in DVC's cache" in message
    assert "damaged" not in message


def write_params(**machine):
    params = read_params(ROOT / "params.yaml")
    params["machine"] |= machine
    artefacts.Path("params.yaml").write_text(yaml.safe_dump(params))


def test_store_shows_its_folders_and_makes_itself_smaller(tmp_path):
    write_params()
    for name in ("image-1", "title-2"):
        opened = Store(tmp_path / "data/store" / name)
        for number in range(3):
            opened.add(content_key(bytes([number])), bytes(400_000))
        opened.flush()
    lines = run("store").splitlines()
    assert lines == [
        "image-1: 3 values, 1.2 MB", "title-2: 3 values, 1.2 MB", "data/store: 0.002 GB of 20",
    ]  # fmt: skip
    assert run("store", "--prune").startswith("0 files removed\nimage-1: 3 values")
    assert run("store", "--prune", "--gb", "0.002").startswith("1 files removed\n")
    assert run("store", "--prune", "--gb", "0").endswith("data/store: 0.000 GB of 20\n")


def test_a_store_that_is_switched_off_is_said_to_be():
    write_params(store=None)
    assert "machine.store is null, so nothing is kept; allowed: a folder" in run("store", status=2)
    write_params()
    assert "--gb is given without --prune; allowed: both" in run("store", "--gb", "1", status=2)
