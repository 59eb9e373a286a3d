"""What guards a change: the check of dvc.lock, the summary, the workflow, the hooks of a commit."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, SLOWEST

WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]


@pytest.fixture
def clone(pipeline, tmp_path):
    """What CI has: git's files alone, no data, no cache."""
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", pipeline, folder], check=True)
    return folder


def call(folder, *command, **env):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path} | env, capture_output=True, text=True
    )


def edit(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


@pytest.mark.slow
def test_a_fresh_lock_passes_and_every_kind_of_stale_one_fails(clone):
    done = call(clone, ".ci/fresh")
    assert (done.returncode, done.stdout) == (0, "dvc.lock is fresh\n"), done.stderr
    stale = {
        "params.yaml": ("k: 50\n", "k: 40\n", "stage 'index' would run: params.yaml index"),
        "metrics/self_only.json": ('"leaks": ', '"leaks": 1', "stage 'evaluate' would run"),
        "samesku/evaluation/metrics.py": ("import", "\nimport", "stage 'evaluate' would run"),
    }
    for file, (old, new, said) in stale.items():
        edit(clone / file, old, new)
        done = call(clone, ".ci/fresh")
        assert done.returncode == 1, file
        assert said in done.stderr
        assert "dvc.lock is stale: run `dvc repro`" in done.stderr
        subprocess.run(["git", "checkout", "-q", file], cwd=clone, check=True)


@pytest.mark.slow
def test_a_pipeline_that_dvc_cannot_read_is_not_fresh(clone):
    edit(clone / "dvc.yaml", "stages:", "stages: [")
    done = call(clone, ".ci/fresh")
    assert done.returncode == 1
    assert "dvc.yaml" in done.stderr


@pytest.mark.slow
def test_the_summary_shows_what_a_change_does(clone):
    edit(clone / "params.yaml", "k: 50\n", "k: 40\n")
    edit(clone / "metrics/self_only.json", '"leaks": ', '"leaks": 1')
    done = call(clone, ".ci/summary", "HEAD")
    assert done.returncode == 0, done.stderr
    assert re.search(r"\| params.yaml \| index.k +\| 50 +\| 40 ", done.stdout)
    assert re.search(r"\| metrics/self_only.json \| leaks +\|", done.stdout)


def test_the_workflow_may_read_alone_and_pins_what_it_uses():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    steps = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
    assert not any("permissions" in job for job in WORKFLOW["jobs"].values())
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in used)
    run = "\n".join(step.get("run", "") for step in steps)
    for script in re.findall(r"\.ci/\w+", run):
        assert os.access(ROOT / script, os.X_OK), script
    assert "${{" not in run  # what a pull request is called never reaches a shell
    assert {".ci/run", ".ci/summary"} <= set(re.findall(r"\.ci/\w+", run))
    assert ".ci/fresh" in (ROOT / ".ci/run").read_text("utf-8")


@pytest.mark.slow
def test_the_hooks_pass_on_what_is_committed_and_stop_a_large_file(clone, tmp_path):
    home = {"PRE_COMMIT_HOME": str(tmp_path / "home"), "SKIP": "dvc-pre-commit"}
    call(clone, "git", "add", "-A")
    done = call(clone, "pre-commit", "run", "--all-files", **home)
    assert done.returncode == 0, done.stdout
    (clone / "large.bin").write_bytes(bytes(600_000))
    (clone / "stages/wrong.py").write_text("import os\n")
    call(clone, "git", "add", "-A")
    done = call(clone, "pre-commit", "run", **home)
    assert done.returncode == 1
    assert "large.bin (586 KB) exceeds 500 KB" in done.stdout
    assert "stages/wrong.py" in done.stdout


def test_the_hooks_are_ruff_and_dvcs_own():
    entries = {hook["id"]: hook["entry"] for repo in HOOKS for hook in repo["hooks"]}
    for name in ("pre-commit", "pre-push", "post-checkout"):
        assert f"dvc git-hook {name}" in entries[f"dvc-{name}"]
    assert entries["ruff-check"].startswith("ruff check")


def test_whatever_installs_from_the_lock_asks_for_hashes():
    recipe = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    commands = re.findall(r"pip install [^&|\n]*--requirement", recipe)
    assert len(commands) == 3  # uv by pip, all by uv, all by pip
    assert all("--require-hashes" in command for command in commands)


def test_the_files_that_are_run_first_are_there():
    assert set(SLOWEST) <= {file.name for file in (ROOT / "tests").rglob("test_*.py")}


def test_the_lock_has_the_versions_of_the_constraints_and_a_hash_of_each_file():
    text = (ROOT / "requirements.lock").read_text("utf-8").replace("\\\n", " ")
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text("utf-8"), re.M))
    locked = {line.split("==")[0]: line.split() for line in text.splitlines()}
    versions = {name: words[0].split("==")[1] for name, words in locked.items()}

    def plain(names):
        return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in names.items()}

    assert plain(pins).items() <= plain(versions).items()
    for name, words in locked.items():
        assert any(re.fullmatch("--hash=sha256:[0-9a-f]{64}", word) for word in words), name
    assert "://" not in text  # the file names no index
