"""params.yaml is changed by one command at a time, and not while DVC runs a stage with it."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from samesku.errors import InputError
from samesku.params import change
from samesku.params.change import change_params
from tests.conftest import ROOT


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "params.yaml"
    file.write_bytes((ROOT / "params.yaml").read_bytes())
    return file


def append(line):
    def edit(text):
        time.sleep(0.01)  # as long as another one would need to read the same text
        return f"{text}# {line}\n"

    return edit


def test_of_several_changes_at_once_none_is_lost(path):
    before = path.read_text("utf-8")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: change_params(path, append(number)), range(24)))
    lines = path.read_text("utf-8").removeprefix(before).splitlines()
    assert sorted(lines) == sorted(f"# {number}" for number in range(24))


def test_a_change_that_is_no_params_leaves_the_file(path):
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"/params\.yaml: index\.k is 0"):
        change_params(path, lambda text: text.replace("k: 50", "k: 0", 1))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["params.yaml"]


def write_rwlock(path, content):
    file = path.parent / change.RWLOCK
    file.parent.mkdir(parents=True)
    file.write_text(content)


def test_a_run_that_was_killed_is_none(path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write_rwlock(path, json.dumps({"read": {str(path): [{"pid": gone.pid, "cmd": "dvc repro"}]}}))
    change_params(path, append("a"))


def test_half_of_a_rwlock_is_none(path, monkeypatch):
    monkeypatch.setattr(change, "_TRIES", 2)
    write_rwlock(path, '{"read": {"')
    change_params(path, append("a"))


def test_a_stage_that_dvc_runs(path):
    """What DVC itself writes, not what this test thinks that it writes."""
    folder, before = path.parent, path.read_bytes()
    wait = "import pathlib, time; pathlib.Path('began').touch()\nwhile pathlib.Path('began').exists(): time.sleep(0.05)"
    (folder / "wait.py").write_text(wait)
    (folder / "dvc.yaml").write_text(
        f"stages: {{wait: {{cmd: '{sys.executable} wait.py', params: [index.k], deps: [wait.py]}}}}"
    )
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "-q", "--no-scm"], cwd=folder, check=True)
    run = subprocess.Popen([*dvc, "repro", "-q"], cwd=folder)
    try:
        deadline = time.monotonic() + 60
        while not (folder / "began").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with pytest.raises(InputError, match=rf"repro.*process {run.pid}\) runs a stage with it; wait"):
            change_params(path, append("a"))
        assert path.read_bytes() == before
        (folder / "began").unlink()
        assert run.wait(60) == 0
    finally:
        run.kill()
        run.wait()
    change_params(path, append("a"))
    assert path.read_bytes() != before
