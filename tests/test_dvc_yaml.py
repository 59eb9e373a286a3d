"""dvc.yaml against the code: a stage's deps are the files that it imports; ranking stages start without torch."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest
import yaml
from dvc.repo import Repo

from samesku.params.backends import BACKENDS
from tests.conftest import ROOT

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
#: What checks params, writes and keeps files, names types, shares out work: it never changes a result, so it is no dep.
PLUMBING = tuple(
    f"samesku.{name}"
    for name in (
        "params",
        "artefacts",
        "arrays",
        "errors",
        "processor",
        "reading",
        "replacing",
        "scratch",
        "store",
        "workers",
    )
)
#: Other ways to the same result (another machine, another processor): no deps either.
ENGINES = ("samesku.search.cuda", "samesku.search.ray_search", "samesku.embedding.ray_encoder")
RANKING = ("fuse", "index", "evaluate", "compare", "tune")
#: Without a pair reader they need no torch either.
READING = ("train_reader", "rerank")
#: The encoders that a stage can open by the name of their backend, where it cannot open all of them.
OPENED = {
    "train_pxk": {name for name, backend in BACKENDS.items() if backend.trainable},
    "train_reader": {"sentence_transformers"},
    "rerank": {"sentence_transformers"},  # of the pair reader
}


def definition(stage):
    return STAGES[stage].get("do", STAGES[stage])


@pytest.fixture(scope="module")
def imports():
    """The graph of imports of samesku and stages, those under TYPE_CHECKING too."""
    return grimp.build_graph("samesku", "stages", cache_dir=None)


def files_of(imports, stage):
    """The files that decide what a stage writes, relative to the root."""
    modules, queue = set(), [f"stages.{stage}"]
    while queue:
        module = queue.pop()
        if module in modules or module.startswith(PLUMBING + ENGINES):
            continue
        modules.add(module)
        queue += imports.find_modules_directly_imported_by(module)
        if module == "samesku.encoders.registry":  # it imports an encoder by the name of its backend
            queue += [f"samesku.encoders.{name}" for name in OPENED.get(stage, BACKENDS)]
    paths = [Path(*module.split(".")) for module in modules]
    files = [
        p.with_suffix(".py") if (ROOT / p).with_suffix(".py").is_file() else p / "__init__.py" for p in paths
    ]
    return {file for file in files if without_docstring(file)}


def without_docstring(path):
    """A file's text without the docstring at its head: a file of a docstring alone decides nothing."""
    return re.sub(r'\A""".*?"""\s*', "", (ROOT / path).read_text("utf-8"), flags=re.S)


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_the_files_that_a_stage_imports(imports, stage):
    deps = [Path(dep) for dep in definition(stage)["deps"] if dep.startswith(("stages", "samesku"))]
    needed = files_of(imports, stage)
    if any("${item.backend}" in str(dep) for dep in deps):  # a channel depends on its own encoder alone
        deps = [dep for dep in deps if "${item.backend}" not in str(dep)]
        deps += [Path(f"samesku/encoders/{backend}.py") for backend in BACKENDS]
    missing = {path for path in needed if not any(path.is_relative_to(dep) for dep in deps)}
    assert not missing, f"{stage}: deps lack {sorted(map(str, missing))}"
    unused = {dep for dep in deps if not any(path.is_relative_to(dep) for path in needed)}
    assert not unused, f"{stage}: deps name what is not imported: {sorted(map(str, unused))}"


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_described_and_is_the_script_of_its_name(stage):
    assert STAGES[stage].get("desc") or definition(stage).get("desc")
    assert definition(stage)["cmd"].startswith(f"python -m stages.{stage}")
    assert f"stages/{stage}.py" in definition(stage)["deps"]


def test_every_script_is_a_stage():
    assert {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"} == set(STAGES)


def test_an_encoder_knows_nothing_of_the_registry_that_opens_it(imports):
    for backend in BACKENDS:
        upstream = imports.find_upstream_modules(f"samesku.encoders.{backend}")
        assert "samesku.encoders.registry" not in upstream, backend


def test_ranking_stages_start_without_torch_and_pandas():
    names = ", ".join(f"stages.{stage}" for stage in RANKING)
    code = f"import sys, {names}; print(sorted({{'torch', 'transformers', 'pandas'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stdout + done.stderr


def test_stages_of_the_pair_reader_start_without_torch():
    names = ", ".join(f"stages.{stage}" for stage in READING)
    code = f"import sys, {names}; print(sorted({{'torch', 'transformers'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stdout + done.stderr


def test_a_clone_that_would_convert_line_ends_keeps_the_bytes_of_deps(tmp_path):
    """dvc.lock has their hashes; Git for Windows converts by default."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    shutil.copy(ROOT / ".gitattributes", tmp_path)
    (tmp_path / "stage.py").write_bytes(b"one\ntwo\n")
    git = ["git", "-c", "core.autocrlf=true", "-c", "user.name=s", "-c", "user.email=s@localhost"]
    for command in (["add", "-A"], ["commit", "-qm", "x"], ["clone", "-q", ".", "clone"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    assert (tmp_path / "clone/stage.py").read_bytes() == b"one\ntwo\n"


def test_dvc_sees_a_catalogue_that_git_ignores(tmp_path):
    """`dvc add data/raw/mine`: an experiment with --temp fetches it only if DVC finds the .dvc file."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path)
    Repo.init(str(tmp_path)).close()
    (tmp_path / "data/raw/mine").mkdir(parents=True)
    (tmp_path / "data/raw/mine/listings.csv").write_text("posting_id,title\na,Bag\n")
    with Repo(str(tmp_path)) as repo:
        repo.add(str(tmp_path / "data/raw/mine"))
    with Repo(str(tmp_path)) as repo:
        assert [stage.relpath for stage in repo.index.stages] == [
            os.path.relpath(tmp_path / "data/raw/mine.dvc")
        ]
        assert repo.scm.is_ignored(str(tmp_path / "data/raw/mine/listings.csv"))


def test_no_stage_lists_the_params_of_this_machine_and_of_the_app():
    """So a change of them runs nothing again."""
    keys = {key.split(".")[0] for stage in STAGES for key in definition(stage)["params"]}
    assert not keys & {"machine", "app"}
