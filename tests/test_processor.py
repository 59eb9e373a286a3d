"""Equal numbers on every machine: the caps are set where work starts, before NumPy, and nowhere else."""

import json
import os
import subprocess
import sys

import pytest

from samesku.processor import CAPS, THREADS, are_capped
from tests.conftest import ROOT

REPORT = """
import json, os, sys
was_imported = "numpy" in sys.modules
{start}
import numpy as np
from numpy._core._multiarray_umath import __cpu_features__, __cpu_dispatch__
print(json.dumps({{
    "early": not was_imported,
    "caps": {{name: os.environ.get(name) for name in {names}}},
    "wide": [name for name in __cpu_dispatch__ if __cpu_features__[name] and name != "X86_V3"],
}}))
"""


def report(start, folder=ROOT, **environment):
    """What a new process has of the caps after `start`."""
    code = REPORT.format(start=start, names=list(CAPS))
    clean = {name: value for name, value in os.environ.items() if name not in CAPS}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True,
        env=clean | {"PYTHONPATH": str(ROOT)} | environment,
    )  # fmt: skip
    return json.loads(ran.stdout.splitlines()[-1])


def folder_with(tmp_path, embed):
    (tmp_path / "params.yaml").write_text(f"embed:\n{embed}\n", "utf-8")
    return tmp_path


@pytest.mark.parametrize("start", ["import stages.fuse", "import data.demo", "import benchmarks"])
def test_every_script_caps_the_instructions_before_numpy_is_imported(start):
    seen = report(start)
    assert seen == {"early": True, "caps": CAPS, "wide": []}


def test_the_command_line_caps_them():
    command = (
        "import sys; from samesku.app.__main__ import main; sys.argv[1:] = ['--help']\n"
        "try: main()\nexcept SystemExit: print()"
    )
    assert report(command)["caps"] == CAPS


def test_the_tests_are_capped():
    assert are_capped()


def test_the_library_alone_changes_no_process():
    start = "import samesku, samesku.params, samesku.errors, samesku.app.cli"
    assert report(start)["caps"] == dict.fromkeys(CAPS)


def test_what_the_environment_says_otherwise_is_replaced():
    assert report("import stages", OPENBLAS_CORETYPE="Prescott", MKL_CBWR="COMPATIBLE")["caps"] == CAPS


def test_the_param_lifts_the_caps_that_a_process_has_inherited(tmp_path):
    folder = folder_with(tmp_path, "  reproducible: false")
    assert report("import stages", folder, **CAPS)["caps"] == dict.fromkeys(CAPS)
    assert report("import stages", folder, OPENBLAS_CORETYPE="Zen")["caps"]["OPENBLAS_CORETYPE"] == "Zen"


@pytest.mark.parametrize(
    "text",
    ["embed: {reproducible: false}", "embed:\n  precision: fp32\n  'reproducible': false # not everywhere"],
)
def test_the_param_may_be_written_in_any_way(tmp_path, text):
    (tmp_path / "params.yaml").write_text(text, "utf-8")
    assert report("import stages", tmp_path)["caps"] == dict.fromkeys(CAPS)


@pytest.mark.parametrize(
    "text", ["  reproducible: true", "  reproducible: 0", "  precision: fp32", "  [", ""]
)
def test_anything_but_false_keeps_them(tmp_path, text):
    assert report("import stages", folder_with(tmp_path, text))["caps"] == CAPS


@pytest.mark.parametrize("cores", ["1", "4"])
def test_as_many_threads_share_a_sum_on_every_machine(tmp_path, cores):
    code = (
        "import stages, threadpoolctl\nfrom samesku.artefacts import run_stage\n"
        "def main():\n"
        "    pools = threadpoolctl.threadpool_info()\n"
        "    return repr({pool['num_threads'] for pool in pools if pool['user_api'] == 'blas'})\n"
        "run_stage('s', main)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": cores},
    )  # fmt: skip
    assert ran.stdout.startswith(f"s: {{{THREADS}}}, ")
