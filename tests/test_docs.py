"""README.md and docs/: every command is run, every link leads somewhere, every example is as it says."""

import json
import os
import re
import shlex
import subprocess
import sys
import zipfile

import pytest
import yaml

from tests.conftest import ROOT
from tests.fixtures import doc_commands, small_pipeline

PAGES = {str(page.relative_to(ROOT)): page for page in doc_commands.pages()}
# Its .zip is Kaggle's, its weights are the hub's: tests/test_profile.py runs the profile on tiny checkpoints.
ELSEWHERE = {"docs/shopee.md"}


@pytest.fixture
def copy(pipeline, tmp_path):
    """A copy of the small pipeline and its cache, for commands that change them."""
    return small_pipeline.duplicate(pipeline, tmp_path / "samesku")


def catalogue_of_ones_own(folder):
    """The demo's listings as a user's folder."""
    with zipfile.ZipFile(folder / "data/demo/catalogue.zip") as demo:
        demo.extractall(folder / "data/raw/mine")


def pictures(folder):
    """Two pictures and a table of new listings, under the names that the README gives them."""
    with zipfile.ZipFile(folder / "data/demo/catalogue.zip") as demo:
        names = [name for name in demo.namelist() if name.endswith(".jpg")]
        for letter, name in zip("abq", names, strict=False):
            (folder / f"{letter}.jpg").write_bytes(demo.read(name))
    (folder / "new.csv").write_text("posting_id,title,image\nnew_1,A title,a.jpg\n")


def feed(folder):
    """A product feed of two listings without pictures: no page's commands need a network."""
    items = "".join(f"<item><g:id>{i}</g:id><title>Oil {i} ml</title></item>" for i in (500, 1000))
    (folder / "feed.xml").write_text(f"<rss><channel>{items}</channel></rss>")


#: What a page's commands expect to find.
NEEDS = {
    "README.md": [pictures, catalogue_of_ones_own],
    "docs/add-a-channel.md": [pictures],
    "docs/own-catalogue.md": [catalogue_of_ones_own, feed],
}


#: Pages whose commands run the whole pipeline, a queue of experiments, or what README.md shows too.
LONG = {"docs/experiments.md", "docs/own-catalogue.md", "docs/review.md"}
TO_RUN = [name for name in PAGES if name not in ELSEWHERE and doc_commands.commands(PAGES[name])]


def printed(output, command):
    """What one command of a page printed, of all output."""
    return output.split(f"\n+ {command}\n", 1)[1].split("\n+ ", 1)[0]


def of_the_readme(output, folder):
    """An experiment runs what the README says, and is in the table of docs/experiments.md.

    The table fits 100 columns, with a param that other stages read.
    """
    first = printed(output, "dvc exp run -S fusion.alpha=0.4")
    assert re.findall(r"Running stage '([^']+)'", first) == ["fuse", "index", "evaluate"]
    git = ["git", "for-each-ref", "--format=%(refname)", "refs/exps/*/*/*"]
    refs = subprocess.run(git, cwd=folder, check=True, capture_output=True, text=True).stdout.split()
    assert len(refs) == 2
    for ref in refs:
        diff = ["git", "diff", "HEAD", ref, "--numstat", "--", "params.yaml"]
        changed = subprocess.run(diff, cwd=folder, check=True, capture_output=True, text=True).stdout
        assert changed == "1\t1\tparams.yaml\n"
    # In the row of the workspace.
    small_pipeline.change(folder / "params.yaml", lambda params: params["index"].update(effort=32))
    text = (ROOT / "docs/experiments.md").read_text("utf-8")
    command = re.search(r"^dvc (exp show .*--drop .*)$", text, re.M)[1]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("COLUMNS", "100")
        shown = small_pipeline.dvc(folder, *shlex.split(command))
    for ref in refs:
        assert ref.rpartition("/")[2] in shown
    assert max(map(len, shown.splitlines())) <= 100
    for column in ("metrics/samesku.json:val.f1", "fusion.alpha", "index.effort"):
        assert column in shown
    assert {"0.3", "0.4", "32"} <= set(shown.split())
    assert "…" not in shown


def of_add_a_channel(output, folder):
    """No other channel is embedded again."""
    assert set(re.findall(r"Running stage '(?:embed_zero_shot|train_pxk)@(\w+)'", output)) == {"colour"}


#: What a page says of its commands, beyond that they run.
SAYS = {"README.md": of_the_readme, "docs/add-a-channel.md": of_add_a_channel}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if name in LONG else ()) for name in TO_RUN]
)
def test_every_command_runs(name, copy, tmp_path):
    run_commands(name, copy, tmp_path, short=name == "README.md")


@pytest.mark.slow
@pytest.mark.long
def test_every_command_of_the_readme_runs_as_it_stands(copy, tmp_path):
    run_commands("README.md", copy, tmp_path, short=False)


def run_commands(name, copy, tmp_path, short):
    for prepare in NEEDS.get(name, []):
        prepare(copy)
    output = doc_commands.run(PAGES[name], copy, tmp_path / "bin", short)
    if name in SAYS:
        SAYS[name](output, copy)


#: Examples of the Python API, in the order of the pages.
EXAMPLES = [
    body
    for page in PAGES.values()
    for kind, body in doc_commands.blocks(page)
    if kind == "python" and "import samesku\n" in body
]


@pytest.mark.slow
def test_every_example_in_python_runs(pipeline):
    """Each with names of its own, in one process: most of its seconds are imports."""
    code = "import json, sys; [exec(example, {}) for example in json.load(sys.stdin)]"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=pipeline,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        input=json.dumps(EXAMPLES),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= len(EXAMPLES) > 0


@pytest.mark.parametrize("name", PAGES)
def test_every_block_says_what_it_holds(name):
    for kind, body in doc_commands.blocks(PAGES[name]):
        assert kind in doc_commands.KINDS, (
            f"{name}: a block is marked {kind!r}; allowed: {doc_commands.KINDS}"
        )
        if kind != "sh":
            hidden = [line for line in body.splitlines() if re.match(r"\$ |(dvc|samesku|make) [a-z]", line)]
            assert not hidden, f"{name}: commands in a block that is not run: {hidden}"


def test_what_the_prose_names_a_block_runs():
    run = {" ".join(c.split()) for page in PAGES.values() for c in doc_commands.commands(page)}
    for name, page in PAGES.items():
        for command in doc_commands.named(page):
            known = any(one == command or one.startswith(f"{command} ") for one in run)
            assert known or doc_commands.cannot(command), f"{name} names `{command}`, which no block runs"


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_file(name):
    page = PAGES[name]
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), f"{name}: {target}"


def test_the_readme_links_every_page():
    text = (ROOT / "README.md").read_text("utf-8")
    for name in PAGES.keys() - {"README.md"}:
        assert f"({name})" in text, name


def test_every_example_of_yaml_is_yaml():
    for page in PAGES.values():
        for kind, body in doc_commands.blocks(page):
            if kind == "yaml":
                assert yaml.safe_load(body) is not None, page
