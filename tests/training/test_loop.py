import json
import math
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from samesku.embedding.encoder import Spec
from samesku.embedding.weights import read_tower
from samesku.errors import InputError
from samesku.training.checkpoint import load_checkpoint, save_checkpoint
from samesku.training.epochs import describe_epochs, has_fallen, is_start_kept
from samesku.training.loop import fit
from samesku.training.trainer import TrainingPlan, warmup_cosine
from tests.conftest import ROOT
from tests.training.fitting import make_run, set_up, train


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_it_learns_and_reports_each_epoch(tmp_path):
    rows, _, _ = train(make_run(learnable_temperature=True), tmp_path)
    assert [row["epoch"] for row in rows] == list(range(7))
    assert [row["step"] for row in rows] == [0, 4, 8, 12, 16, 20, 24]
    assert rows[-1]["loss"] < rows[1]["loss"]
    assert max(rows, key=lambda row: row["val_f1"])["best"] == 1
    assert sum(row["best"] for row in rows) == 1
    assert rows[0]["loss"] is None
    assert all(row["temperature"] > 0 for row in rows[1:])
    assert len({tuple(row) for row in rows}) == 1, "dvc plots draws no rows that differ in keys"
    json.dumps(rows, allow_nan=False)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_it_learns_in_half_precision_on_float32_weights(tmp_path, precision):
    rows, learned, trainer = train(make_run(), tmp_path, precision=precision)
    assert rows[-1]["loss"] < 0.8 * rows[1]["loss"]
    assert {t.dtype for t in learned.values() if t.is_floating_point()} == {torch.float32}
    assert trainer.scaler.is_enabled() == (precision == "fp16")
    # The same as in float32, but for the forward pass.
    single = train(make_run(), tmp_path / "fp32")[0]
    assert rows[1]["loss"] == pytest.approx(single[1]["loss"], rel=0.1)
    assert rows[1]["loss"] != single[1]["loss"]


@pytest.mark.parametrize(
    ("f1s", "best"),
    [([0.1, 0.2, 0.5, 0.5, 0.3], 2), ([0.9, 0.2, 0.5, 0.5, 0.3], 0), ([0.1, 0.2, 0.3, 0.3, 0.4], 4)],
    ids=["the first of equals", "the start", "the last"],
)
def test_the_best_epoch_is_kept(tmp_path, f1s, best):
    states = []

    def watch(tower):
        states.append({key: value.clone() for key, value in tower.learned_state().items()})

    rows, learned, _ = train(make_run(epochs=4), tmp_path, f1s=f1s, watch=watch)
    assert [row["epoch"] for row in rows if row["best"]] == [best]
    assert equal(learned, states[best])


@pytest.mark.parametrize(
    ("f1s", "best", "fell"),
    [([0.4, 0.5, 0.3, 0.2], 1, True), ([0.2, 0.5, 0.3, 0.2], 1, False), ([0.2, 0.3, 0.4, 0.5], 3, False)],
    ids=["below the start", "as the start", "the best"],
)
def test_the_last_epoch_is_kept_where_params_say_so(tmp_path, f1s, best, fell):
    states = []

    def watch(tower):
        states.append({key: value.clone() for key, value in tower.learned_state().items()})

    rows, learned, _ = train(make_run(epochs=3, keep="last"), tmp_path, f1s=f1s, watch=watch)
    assert [row["epoch"] for row in rows if row["best"]] == [best]
    assert [row["epoch"] for row in rows if row["kept"]] == [3]
    assert equal(learned, states[3])
    assert not equal(learned, states[0])
    assert has_fallen(rows) == fell
    # From the checkpoint of the last epoch, too.
    again, learned_again, _ = train(make_run(epochs=3, keep="last"), tmp_path, f1s=f1s)
    assert again == rows
    assert equal(learned_again, learned)


def test_the_summary_names_the_epoch_that_is_kept():
    def rows(kept, best, f1s):
        return [
            {"epoch": i, "step": 4 * i, "val_f1": f1, "best": int(i == best), "kept": int(i == kept)}
            for i, f1 in enumerate(f1s)
        ]

    assert (
        describe_epochs(rows(1, 1, [0.5, 0.75, 0.25]))
        == "8 steps, best epoch 1 of 2, val f1 0.5000 -> 0.7500"
    )
    assert describe_epochs(rows(2, 0, [0.5, 0.4, 0.25])) == (
        "8 steps, last epoch 2 of 2, val f1 0.5000 -> 0.2500 "
        "(the last epoch is shown though training lowered val f1)"
    )
    assert (
        describe_epochs(rows(2, 1, [0.5, 0.75, 0.6])) == "8 steps, last epoch 2 of 2, val f1 0.5000 -> 0.6000"
    )
    assert describe_epochs(rows(1, 1, [None, None])) == "4 steps, best epoch 1 of 1, no val f1"
    assert describe_epochs(rows(0, 0, [0.5, 0.4, 0.25])) == (
        "8 steps, best epoch 0 of 2, val f1 0.5000 -> 0.5000 "
        "(training did not raise val f1, so the towers stay as they were before it)"
    )
    assert not has_fallen([])
    assert not is_start_kept([])


def test_without_a_val_f1_the_last_epoch_is_kept(tmp_path):
    rows, _, _ = train(make_run(epochs=3), tmp_path, f1s=[None] * 4)
    assert [row["best"] for row in rows] == [0, 0, 0, 1]
    assert all(row["val_f1"] is None for row in rows)


def test_it_ends_when_val_gets_no_better(tmp_path):
    rows, _, _ = train(make_run(patience=2), tmp_path / "a", f1s=[0.1, 0.2, 0.5, 0.4, 0.4, 0.6, 0.7])
    assert len(rows) == 5  # two epochs after the second
    # The head's own epochs are no reason to end.
    rows, _, _ = train(
        make_run(patience=2, head_epochs=3), tmp_path / "b", f1s=[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]
    )
    assert len(rows) == 6


def test_max_steps_end_the_last_epoch_early(tmp_path):
    rows, _, _ = train(make_run(max_steps=6), tmp_path)
    assert [row["step"] for row in rows] == [0, 4, 6]
    assert TrainingPlan(4, 3, head_epochs=5).head_steps == 12


def test_the_trunk_waits_for_the_head(tmp_path):
    states = []

    def watch(tower):
        states.append({key: value.clone() for key, value in tower.learned_state().items()})

    train(make_run(max_steps=4), tmp_path, watch=watch)  # one epoch, the head's
    start, end = states
    moved = {key for key in start if not torch.equal(start[key], end[key])}
    assert moved == {"head.0.weight"}


def test_a_run_that_was_stopped_ends_with_the_same_weights(tmp_path):
    rows, learned, _ = train(make_run(), tmp_path / "whole")
    calls = []

    def stop(_):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(make_run(), tmp_path / "stopped", watch=stop)
    state = load_checkpoint(tmp_path / "stopped" / "checkpoint")
    assert [row["epoch"] for row in state["history"]] == [0, 1, 2]
    again, learned_again, _ = train(make_run(), tmp_path / "stopped", workers=2)
    assert again == rows
    assert equal(learned, learned_again)
    # Once more, from a checkpoint at the end: nothing is left to do.
    assert train(make_run(), tmp_path / "stopped")[0] == rows


def test_curves_are_replayed_and_go_on(tmp_path):
    rows, _, _ = train(make_run(epochs=2), tmp_path)
    written = {path.stem: path.read_text().splitlines() for path in (tmp_path / "curves").rglob("*.tsv")}
    assert set(written) == {"loss", "lr", "val_f1", "val_threshold"}
    assert written["loss"][0] == "step\tloss"
    assert [line.split("\t")[0] for line in written["val_f1"][1:]] == ["0", "1", "2"]
    assert float(written["loss"][2].split("\t")[1]) == rows[2]["loss"]
    before = {path: path.read_bytes() for path in (tmp_path / "curves").rglob("*") if path.is_file()}
    train(make_run(epochs=2), tmp_path)  # from the checkpoint, the folder emptied
    assert {path: path.read_bytes() for path in (tmp_path / "curves").rglob("*") if path.is_file()} == before


def test_a_loss_that_is_no_number_stops_the_run_at_its_best_epoch(tmp_path):
    states = []

    def spoil(tower):
        states.append({key: value.clone() for key, value in tower.learned_state().items()})
        if len(states) == 3:  # at the second epoch's end
            with torch.no_grad():
                tower.trunk.blocks[2][0].weight.fill_(math.nan)

    trainer, examples, sampler, validate = set_up(make_run(), watch=spoil, f1s=[0.1, 0.3, 0.2])
    with pytest.raises(
        InputError, match=r"train.tiny: .* nan at step 8, whose batch has .*p\d\d, "
    ) as caught:
        fit(trainer, examples, sampler, validate, tmp_path, tmp_path / "curves", "tiny")
    assert str(caught.value).count("p") > 8
    assert equal(trainer.tower_states()["image"], states[1])
    saved = read_tower(Spec("image", "timm", "tiny", weights=str(tmp_path / "best.safetensors")))
    assert torch.equal(saved.head["0.weight"], states[1]["head.0.weight"])


def test_a_checkpoint_is_replaced_whole(tmp_path):
    assert load_checkpoint(tmp_path) is None
    save_checkpoint(tmp_path, {"a": torch.ones(2), "b": [1, 2.5, None, "c"]})
    save_checkpoint(tmp_path, {"a": torch.zeros(2), "b": []})
    assert load_checkpoint(tmp_path)["a"].tolist() == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_a_checkpoint_of_anything_but_tensors_is_refused(tmp_path):
    torch.save({"a": Path("x")}, tmp_path / "last.pt")
    with pytest.raises(InputError, match=r"last\.pt cannot be read .* remove it"):
        load_checkpoint(tmp_path)


def test_the_rate_rises_and_falls():
    rates = [warmup_cosine(step, 100, 0.1) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1
    assert rates[55] == pytest.approx(0.5)
    assert rates[99] < 0.001
    assert np.all(np.diff(rates[10:]) < 0)
    assert warmup_cosine(0, 1, 0.0) == 1


def launch(folder, weights):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training.fitting", str(folder), str(weights)], cwd=ROOT
    )


def wait_for_an_epoch(process, last):
    """Wait until the checkpoint `last` has been written once more."""
    since = last.stat().st_mtime_ns if last.exists() else 0
    deadline = time.monotonic() + 120
    while not (last.exists() and last.stat().st_mtime_ns > since):
        assert process.poll() is None, "it ended before its next epoch"
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_ctrl_c_ends_it_with_its_workers(tmp_path):
    process = launch(tmp_path, tmp_path / "weights.pt")
    wait_for_an_epoch(process, tmp_path / "checkpoint" / "last.pt")
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    process.send_signal(signal.SIGINT)
    assert process.wait(20) != 0
    assert not psutil.wait_procs(workers, timeout=10)[1]
    assert not (tmp_path / "weights.pt").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_killed_run_ends_with_the_same_weights(tmp_path, kills):
    rows, learned, _ = train(make_run(), tmp_path / "whole")
    last = tmp_path / "killed" / "checkpoint" / "last.pt"
    chance = random.Random(0)
    for kill in range(kills):
        process = launch(tmp_path / "killed", tmp_path / "killed.pt")
        wait_for_an_epoch(process, last)
        time.sleep(chance.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL, kill
    done = len(load_checkpoint(last.parent)["history"])
    assert kills <= done < 7
    rows_after, learned_after, _ = train(make_run(), tmp_path / "killed")
    assert not (tmp_path / "killed.pt").exists()
    assert rows_after == rows
    assert equal(learned_after, learned)
