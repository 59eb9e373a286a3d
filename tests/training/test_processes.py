"""Two processes that torchrun starts train as one does: the same loss, the same weights."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import torch

from samesku.training.processes import SINGLE_PROCESS, Processes
from tests.conftest import ROOT
from tests.training.fitting import make_run, train

#: Trains without dropout, which differs from process to process.
PROGRAM = """
import sys
from pathlib import Path
import torch
from samesku.training.processes import join_processes
from tests.training.fitting import make_run, train
folder, runs, options = Path(sys.argv[1]), *map(eval, sys.argv[2:])
with join_processes() as processes:
    results = folder / str(processes.rank)
    (results / "joined").touch()
    for i, changes in enumerate(runs):
        rows, learned, trainer = train(
            make_run(**changes), results / str(i), dropout=False, processes=processes,
            checkpoint=folder / f"checkpoint{i}", **options
        )
        result = {"rows": rows, "learned": learned, "loss": trainer.loss.state_dict()}
        torch.save(result, results / f"learned{i}.pt")
"""


def torchrun(folder, runs, count=2, **options):
    """The command that trains runs of these changes in turn, by `count` processes."""
    script = folder / "program.py"
    script.write_text(PROGRAM)
    for rank in range(count):
        (folder / str(rank)).mkdir(exist_ok=True)
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    return [sys.executable, *launcher, str(script), str(folder), repr(runs), repr(options)]


ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_shares_are_a_partition_of_similar_parts():
    for n, count in ((64, 2), (3, 2), (7, 3), (5, 5)):
        shares = [Processes(rank, count).share(n) for rank in range(count)]
        assert [i for share in shares for i in range(n)[share]] == list(range(n))
        lengths = [share.stop - share.start for share in shares]
        assert max(lengths) - min(lengths) <= 1
    assert SINGLE_PROCESS.share(9) == slice(0, 9)


LOSSES = [
    {"learnable_temperature": True},  # of infonce
    {"loss": "triplet", "P": 3, "K": 3},  # nine listings: the shares are uneven
    {"loss": "arcface", "ema": 0.5, "start_share": 0.3},
]


def test_two_processes_learn_what_one_learns(tmp_path):
    runs = [{"batch_norm": "frozen", "epochs": 3, **changes} for changes in LOSSES]
    f1s = [0.1 * n for n in range(9)]  # the last epoch is the best
    (tmp_path / "two").mkdir()
    done = subprocess.run(
        torchrun(tmp_path / "two", runs, f1s=f1s), env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for i, changes in enumerate(runs):
        single = train(make_run(**changes), tmp_path / f"single{i}", dropout=False, f1s=f1s)
        assert_close(single, [torch.load(tmp_path / f"two/{rank}/learned{i}.pt") for rank in "01"])
        # The tolerance is small against what two more epochs change.
        short = make_run(**changes | {"epochs": 1})
        after_one, learned = train(short, tmp_path / f"short{i}", dropout=False, f1s=f1s)[1], single[1]
        assert any(not torch.allclose(after_one[key], learned[key], atol=1e-3) for key in learned)


def assert_close(single, results):
    rows, learned, trainer = single
    for result in results:
        assert result["learned"].keys() == learned.keys()
        for key, tensor in learned.items():
            torch.testing.assert_close(result["learned"][key], tensor, atol=2e-5, rtol=1e-4)
        for key, tensor in trainer.loss.state_dict().items():
            torch.testing.assert_close(result["loss"][key], tensor, atol=2e-5, rtol=1e-4)
        for expected, row in zip(rows, result["rows"], strict=True):
            assert row["loss"] == pytest.approx(expected["loss"], abs=1e-4)
    assert all(torch.equal(results[0]["learned"][key], results[1]["learned"][key]) for key in learned)


@pytest.mark.long
def test_a_killed_process_ends_all_and_the_run_goes_on(tmp_path):
    changes = {"batch_norm": "frozen", "epochs": 4}
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    subprocess.run(torchrun(tmp_path / "whole", [changes]), env=ENVIRONMENT, check=True, capture_output=True)
    command = torchrun(tmp_path / "killed", [changes], pause=0.5)
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "killed/checkpoint0/last.pt").exists():
        assert process.poll() is None
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    worker = next(p for p in family if "program.py" in " ".join(p.cmdline()))
    worker.send_signal(signal.SIGKILL)
    assert process.wait(60) != 0
    assert not psutil.wait_procs(family, 20)[1], "a process outlives the run"
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(tmp_path / name / "0/learned0.pt")["learned"] for name in ("whole", "killed"))
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.long
def test_processes_go_when_torchrun_is_killed(tmp_path):
    command = torchrun(tmp_path, [{"batch_norm": "frozen", "epochs": 6}], pause=5.0)
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not all((tmp_path / rank / "joined").exists() for rank in "01"):
        assert process.poll() is None
        time.sleep(0.1)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2
    process.kill()
    process.wait()
    assert not psutil.wait_procs(family, 20)[1]
