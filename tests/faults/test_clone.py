"""A clone without a remote and without a cache; experiments in checkouts of their own."""

import os
import re
import subprocess

import pytest

from tests.faults import broken
from tests.fixtures.small_pipeline import duplicate, dvc

pytestmark = pytest.mark.slow
AUTHOR = os.environ | {f"GIT_{r}_{w}": "s" for r in ("AUTHOR", "COMMITTER") for w in ("NAME", "EMAIL")}
RAN = re.compile(r"Running stage '([^']+)'")


@pytest.fixture
def clone(pipeline, tmp_path):
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(pipeline), str(folder)], check=True)
    assert not (folder / "data/sample/listings.parquet").exists()
    return folder


def test_metrics_without_the_data(pipeline, clone, report):
    assert dvc(clone, "metrics", "show", "--json") == dvc(pipeline, "metrics", "show", "--json")
    assert "test_full" not in dvc(clone, "metrics", "diff")
    changed = clone / "metrics/samesku.json"
    changed.write_text(re.sub(r'"f1": [0-9.]+', '"f1": 0.125', changed.read_text(), count=1))
    shown = dvc(clone, "metrics", "diff", "--md")
    assert "metrics/samesku.json" in shown
    assert "0.125" in shown
    report("again", "a clone without remote and cache: `dvc metrics show`, `dvc metrics diff`", "work")


#: What a machine or its user may have: other instructions, one core and threads, another language, another order.
ANOTHER_MACHINE = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR", "OPENBLAS_CORETYPE": "Prescott",
    "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "FAISS_OPT_LEVEL": "generic",
    "MKL_CBWR": "COMPATIBLE", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    "LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "7",
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("environment", [{}, ANOTHER_MACHINE], ids=["here", "another_machine"])
def test_repro_on_a_clone_gives_every_out_again(pipeline, tmp_path, monkeypatch, environment, report):
    """Twice from clean, with nothing but what is committed: every hash and every metric is the same."""
    clone = tmp_path / "a şop's clone"
    subprocess.run(["git", "clone", "-q", str(pipeline), str(clone)], check=True)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    cores = os.sched_getaffinity(0)
    if environment:
        os.sched_setaffinity(0, {min(cores)})  # of this process and those that it starts
    try:
        output = dvc(clone, "repro")
    finally:
        os.sched_setaffinity(0, cores)
    ran = [name.split(":")[-1] for name in RAN.findall(output)]
    assert sorted(ran) == sorted(stage.name for stage in broken.stages(pipeline))
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True)
    assert changed.stdout == "", "dvc.lock or metrics differ from the first run's"
    outs = [out for stage in broken.stages(pipeline) for out in stage.outs]
    assert broken.digests(clone, outs) == broken.digests(pipeline, outs)
    report(
        "again",
        "`dvc repro` on a clone without remote and cache: the pipeline a second time from clean"
        + (", one core, other instruction sets, a Turkish locale" if environment else ""),
        f"all {len(ran)} stages run; every out's hash and every metric as the first time",
    )


def with_a_change(pipeline, folder, file):
    """A copy of the pipeline where a committed change of the library says from where it is run."""
    copy = duplicate(pipeline, folder)
    with (copy / file).open("a", encoding="utf-8") as code:
        code.write('\nprint("it runs", __file__)\n')
    subprocess.run(["git", "commit", "-qam", "A change of the library"], cwd=copy, check=True, env=AUTHOR)
    return copy


def test_an_experiment_checks_by_the_code_of_its_own_checkout(pipeline, tmp_path):
    """Neither an untracked file nor the library that is installed: a change of samesku/ in the checkout counts."""
    folder = with_a_change(pipeline, tmp_path / "samesku", "samesku/artefacts.py")
    output = dvc(folder, "exp", "run", "--temp", "-S", "decision.value=0.5", "check")
    assert RAN.findall(output) == ["check"]  # whether the checkout has the catalogue
    assert re.search(r"it runs \S*\.dvc/tmp/exps/\S+/samesku/artefacts\.py", output), output


@pytest.mark.long
@pytest.mark.parametrize("how", ["temp", "queue"])
def test_an_experiment_runs_the_code_of_its_own_checkout(pipeline, tmp_path, how, report):
    """As above, to its figures."""
    folder = with_a_change(pipeline, tmp_path / "samesku", "samesku/evaluation/decisions.py")
    given = ["-S", "decision.value=0.5", "-n", "fixed"]
    if how == "temp":
        output = dvc(folder, "exp", "run", "--temp", *given, "evaluate")
        assert RAN.findall(output)[0] == "check"  # whether the checkout has the catalogue
        assert re.search(r"it runs \S*\.dvc/tmp/exps/\S+/samesku/evaluation/decisions\.py", output), output
    else:
        dvc(folder, "exp", "run", "--queue", *given, "evaluate")
        dvc(folder, "exp", "run", "--run-all", "--jobs", "1")
    shown = dvc(folder, "metrics", "diff", "HEAD", "fixed", "--md")
    assert re.search(r"threshold\.full +\| [0-9.]+ +\| 0\.5 ", shown), shown
    report(
        "again",
        f"an experiment in a checkout of its own, `--{how}`",
        "runs the code and data of that checkout",
    )
