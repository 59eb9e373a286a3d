"""Two processes that train as one, started by torchrun over gloo: the same loss, the same weights."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import torch

from samesku.training.processes import ALONE, Processes
from tests.conftest import ROOT
from tests.training.fitting import run_of, train

#: The trunk without dropout, whose draws are each process's own.
PROGRAM = """
import sys
from pathlib import Path
import torch
from samesku.training import processes
from tests.training.fitting import run_of, train
folder, runs, how = Path(sys.argv[1]), *map(eval, sys.argv[2:])
with processes.joined() as together:
    own = folder / str(together.rank)
    (own / "joined").touch()
    for at, changes in enumerate(runs):
        rows, learned, trainer = train(
            run_of(**changes), own / str(at), still=True, processes=together,
            checkpoint=folder / f"checkpoint{at}", **how
        )
        found = {"rows": rows, "learned": learned, "loss": trainer.loss.state_dict()}
        torch.save(found, own / f"learned{at}.pt")
"""


def several(folder, runs, count=2, **how):
    """The command that trains runs of these changes, one after the other, by `count` processes."""
    script = folder / "program.py"
    script.write_text(PROGRAM)
    for rank in range(count):
        (folder / str(rank)).mkdir(exist_ok=True)
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    return [sys.executable, *launcher, str(script), str(folder), repr(runs), repr(how)]


ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_shares_are_a_partition_and_alike():
    for n, count in ((64, 2), (3, 2), (7, 3), (5, 5)):
        shares = [Processes(rank, count).share(n) for rank in range(count)]
        assert [i for share in shares for i in range(n)[share]] == list(range(n))
        lengths = [share.stop - share.start for share in shares]
        assert max(lengths) - min(lengths) <= 1
    assert ALONE.share(9) == slice(0, 9)


LOSSES = [
    {"learnable_temperature": True},  # of infonce
    {"loss": "triplet", "P": 3, "K": 3},  # nine listings: the shares are uneven
    {"loss": "arcface"},
]


def test_two_processes_learn_what_one_learns(tmp_path):
    runs = [{"batch_norm": "frozen", "epochs": 3, **changes} for changes in LOSSES]
    scores = [0.1 * n for n in range(9)]  # the last epoch is the best
    (tmp_path / "two").mkdir()
    done = subprocess.run(
        several(tmp_path / "two", runs, scores=scores), env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for at, changes in enumerate(runs):
        one = train(run_of(**changes), tmp_path / f"one{at}", still=True, scores=scores)
        held_to_be_the_same(one, [torch.load(tmp_path / f"two/{rank}/learned{at}.pt") for rank in "01"])
        less = run_of(**changes | {"epochs": 1})
        moved, learned = train(less, tmp_path / f"less{at}", still=True, scores=scores)[1], one[1]
        assert any(not torch.allclose(moved[key], learned[key], atol=1e-3) for key in learned)


def held_to_be_the_same(one, both):
    rows, learned, trainer = one
    for found in both:
        assert found["learned"].keys() == learned.keys()
        for key, tensor in learned.items():
            torch.testing.assert_close(found["learned"][key], tensor, atol=2e-5, rtol=1e-4)
        for key, tensor in trainer.loss.state_dict().items():
            torch.testing.assert_close(found["loss"][key], tensor, atol=2e-5, rtol=1e-4)
        for own, row in zip(rows, found["rows"], strict=True):
            assert row["loss"] == pytest.approx(own["loss"], abs=1e-4)
    assert all(torch.equal(both[0]["learned"][key], both[1]["learned"][key]) for key in learned)


def test_one_that_is_killed_ends_all_and_the_run_goes_on(tmp_path):
    changes = {"batch_norm": "frozen", "epochs": 4}
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    subprocess.run(several(tmp_path / "whole", [changes]), env=ENVIRONMENT, check=True, capture_output=True)
    command = several(tmp_path / "killed", [changes], pause=0.5)
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "killed/checkpoint0/last.pt").exists():
        assert process.poll() is None
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    one = next(p for p in family if "program.py" in " ".join(p.cmdline()))
    one.send_signal(signal.SIGKILL)
    assert process.wait(60) != 0
    assert not psutil.wait_procs(family, 20)[1], "a process outlives the run"
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(tmp_path / name / "0/learned0.pt")["learned"] for name in ("whole", "killed"))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_processes_go_when_torchrun_is_killed(tmp_path):
    command = several(tmp_path, [{"batch_norm": "frozen", "epochs": 6}], pause=5.0)
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not all((tmp_path / rank / "joined").exists() for rank in "01"):
        assert process.poll() is None
        time.sleep(0.1)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2
    process.kill()
    process.wait()
    assert not psutil.wait_procs(family, 20)[1]
