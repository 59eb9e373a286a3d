"""A clone without a remote and without a cache; experiments in checkouts of their own."""

import re
import shutil
import subprocess

import pytest

from tests.faults import broken
from tests.fixtures.small_pipeline import dvc

pytestmark = pytest.mark.slow
RAN = re.compile(r"Running stage '([^']+)'")


@pytest.fixture
def clone(pipeline, tmp_path):
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(pipeline), str(folder)], check=True)
    assert not (folder / "data/sample/listings.parquet").exists()
    return folder


def test_metrics_without_the_data(pipeline, clone, told):
    assert dvc(clone, "metrics", "show", "--json") == dvc(pipeline, "metrics", "show", "--json")
    assert "test_full" not in dvc(clone, "metrics", "diff")
    changed = clone / "metrics/samesku.json"
    changed.write_text(re.sub(r'"f1": [0-9.]+', '"f1": 0.125', changed.read_text(), count=1))
    shown = dvc(clone, "metrics", "diff", "--md")
    assert "metrics/samesku.json" in shown
    assert "0.125" in shown
    told("again", "a clone without remote and cache: `dvc metrics show`, `dvc metrics diff`", "work")


@pytest.mark.long
def test_repro_on_a_clone_gives_every_out_again(pipeline, clone, told):
    """Twice from clean, with nothing but what is committed: every hash and every metric is the same."""
    output = dvc(clone, "repro")
    ran = [name.split(":")[-1] for name in RAN.findall(output)]
    assert sorted(ran) == sorted(stage.name for stage in broken.stages(pipeline))
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True)
    assert changed.stdout == "", "dvc.lock or metrics differ from the first run's"
    outs = [out for stage in broken.stages(pipeline) for out in stage.outs]
    assert broken.digests(clone, outs) == broken.digests(pipeline, outs)
    told(
        "again",
        "`dvc repro` on a clone without remote and cache: the pipeline a second time from clean",
        f"all {len(ran)} stages run; every out's hash and every metric as the first time",
    )


@pytest.mark.parametrize("how", ["temp", "queue"])
def test_an_experiment_needs_no_untracked_file(pipeline, tmp_path, how, told):
    folder = tmp_path / "samesku"
    shutil.copytree(pipeline, folder, symlinks=True)
    given = ["-S", "decision.value=0.5", "-n", "fixed"]
    if how == "temp":
        output = dvc(folder, "exp", "run", "--temp", *given)
        assert RAN.findall(output) == ["evaluate", "sweep_alpha"]
    else:
        dvc(folder, "exp", "run", "--queue", *given)
        dvc(folder, "exp", "run", "--run-all", "--jobs", "1")
    shown = dvc(folder, "metrics", "diff", "HEAD", "fixed", "--md")
    assert "threshold.full" in shown
    assert re.search(r"threshold\.full +\| [0-9.]+ +\| 0\.5 ", shown), shown
    told("again", f"an experiment in a checkout of its own, `--{how}`", "works without any untracked file")
