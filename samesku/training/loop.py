"""The training loop: epochs, validation, the epoch that is kept, checkpoints, curves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from dvclive import Live
from tqdm import tqdm

from samesku.embedding.weights import save_towers
from samesku.errors import InputError
from samesku.training.batches import TrainingExamples, read_batches
from samesku.training.checkpoint import load_checkpoint, save_checkpoint
from samesku.training.epochs import Epoch
from samesku.training.losses import ImageText
from samesku.training.sampler import Sampler
from samesku.training.trainer import DivergenceError, Trainer

#: Measures the towers as they are: `f1` and `threshold` on val; None where val has no labels.
Validate = Callable[[], dict[str, float] | None]


def fit(
    trainer: Trainer,
    examples: TrainingExamples,
    sampler: Sampler,
    validate: Validate,
    folder: Path | None,
    curves: Path | None,
    name: str,
    group: str = "train",
) -> list[Epoch]:
    """Train, and leave the towers as they were at their best epoch, or with `keep: last` at the last one.

    The best epoch has the highest val F1, the first of equals; without val F1 it is the last. Epoch 0, the
    start, can be the best one too, except with image_text, whose towers share no space before training.

    Args:
        folder: of the checkpoint. A run that finds a checkpoint there goes on from it, and ends with the same
            weights as a run that was never interrupted; at most one epoch is repeated. None: a run of seconds has none.
        curves: DVCLive folder, or None. name, group: of the run in params.yaml.

    Returns:
        One row an epoch, the start first: epoch, step, loss (mean of the epoch), lr (at its end), val_f1,
        val_threshold, temperature (where it is learned), best and kept (1 for the best epoch and for the one whose
        towers are left, else 0).

    Raises:
        InputError: the loss diverged. The towers are left as they were at the best epoch so far, and saved.
    """
    state = load_checkpoint(folder) if folder else None
    if state is None:
        state = {
            "history": [_epoch(0, 0, validate())],
            "best": {"epoch": 0, "towers": trainer.tower_states()},
        }
    else:
        trainer.load_state(state["trainer"])
    # DVC empties a stage's outs before it runs: those of a checkpoint, too.
    live = _open_curves(curves if trainer.processes.is_first else None, state["history"])
    try:
        _train_epochs(trainer, examples, sampler, validate, state, live, folder, name)
    except DivergenceError as error:
        trainer.load_tower_states(state["best"]["towers"])
        file = folder / "best.safetensors" if folder else None
        if file and trainer.processes.is_first:
            file.parent.mkdir(parents=True, exist_ok=True)
            save_towers(file, trainer.encoders)
        saved = f"the best epoch before it is kept in {file}; " if file else ""
        ids = ", ".join(examples.posting_ids[row] for row in error.rows)
        raise InputError(
            f"{group}.{name}: {error}, whose batch has the posting_ids {ids}; {saved}try a lower lr"
        ) from error
    finally:
        if live:
            live.end()
    best = kept = state["best"]["epoch"]
    if trainer.run.keep == "last":
        kept = state["history"][-1]["epoch"]  # whose towers these are
        if trainer.average:
            trainer.load_tower_states(trainer.average.with_start())
    else:
        trainer.load_tower_states(state["best"]["towers"])
    return [
        epoch | {"best": int(epoch["epoch"] == best), "kept": int(epoch["epoch"] == kept)}
        for epoch in state["history"]
    ]


def _train_epochs(
    trainer: Trainer,
    examples: TrainingExamples,
    sampler: Sampler,
    validate: Validate,
    state: dict[str, Any],
    live: Live | None,
    folder: Path | None,
    name: str,
) -> None:
    """Go on from `state` to the end, and keep `state` and the checkpoint up to date."""
    history: list[Epoch] = state["history"]
    plan, processes, batch_size = trainer.plan, trainer.processes, sampler.batch_size
    start = history[-1]["step"]
    if start >= plan.steps or _out_of_patience(trainer, state):
        return
    batches = read_batches(examples, sampler, start, plan.steps, trainer.compute.workers, processes)
    interval = 0.2 if sys.stderr.isatty() else 10.0
    with tqdm(
        total=plan.steps * batch_size, initial=start * batch_size, desc=f"train {name}", unit="listing",
        mininterval=interval, smoothing=0.1, disable=not processes.is_first,
    ) as bar:  # fmt: skip
        while history[-1]["step"] < plan.steps and not _out_of_patience(trainer, state):
            number, first_step = len(history), history[-1]["step"]
            trainer.begin_epoch(first_step)
            losses = []
            for _ in range(first_step, plan.end_of(number)):
                losses.append(trainer.step(next(batches)))
                bar.update(batch_size)
                bar.set_postfix(epoch=number, loss=f"{losses[-1]:.3f}", refresh=False)
            for tower in trainer.towers.values():
                tower.eval()
            with trainer.averaged():
                epoch = _epoch(number, plan.end_of(number), validate(), float(np.mean(losses)), trainer)
                history.append(epoch)
                if _is_better(epoch, history[state["best"]["epoch"]], trainer):
                    state["best"] = {"epoch": number, "towers": trainer.tower_states()}
            if folder and processes.is_first:
                save_checkpoint(folder, state | {"trainer": trainer.state()})
            _write_epoch(live, epoch)


def _epoch(
    number: int,
    step: int,
    score: dict[str, float] | None,
    loss: float | None = None,
    trainer: Trainer | None = None,
) -> Epoch:
    """Every epoch has every key, null without a value: `dvc plots` draws no rows whose keys differ."""
    epoch: Epoch = {"epoch": number, "step": step, "loss": loss, "lr": None}
    epoch |= {"val_f1": None, "val_threshold": None, "temperature": None}
    if score:
        epoch |= {"val_f1": score["f1"], "val_threshold": score["threshold"]}
    if trainer:
        epoch["lr"] = max(group["lr"] for group in trainer.optimizer.param_groups)
        if trainer.run.learnable_temperature:
            scale = next(p for p in trainer.loss.parameters() if p.ndim == 0)
            epoch["temperature"] = 1 / scale.detach().exp().item()
    return epoch


def _is_better(epoch: Epoch, best: Epoch, trainer: Trainer) -> bool:
    if epoch["val_f1"] is None or (best["epoch"] == 0 and isinstance(trainer.loss, ImageText)):
        return True
    return epoch["val_f1"] > best["val_f1"]


def _out_of_patience(trainer: Trainer, state: dict[str, Any]) -> bool:
    """Whether `patience` epochs have passed without a better one; the epochs of the heads do not count."""
    patience, last = trainer.run.patience, state["history"][-1]
    since = last["epoch"] - max(state["best"]["epoch"], min(trainer.plan.head_epochs, last["epoch"]))
    return patience is not None and last["val_f1"] is not None and since >= patience


def write_curves(folder: Path, history: list[Epoch]) -> None:
    """Write the DVCLive folder of a finished run: its curves, an epoch after the other."""
    if live := _open_curves(folder, history):
        live.end()


def _open_curves(folder: Path | None, history: list[Epoch]) -> Live | None:
    """A DVCLive folder with the epochs so far, to be ended; None without a folder."""
    live = Live(str(folder), save_dvc_exp=False, dvcyaml=None) if folder else None
    for epoch in history:
        _write_epoch(live, epoch)
    return live


def _write_epoch(live: Live | None, epoch: Epoch) -> None:
    """Write the figures of one epoch but the nulls to a DVCLive folder, which `dvc plots` and editors draw."""
    if live is None:
        return
    live.step = epoch["epoch"]
    for name, value in epoch.items():
        if name not in ("epoch", "step", "best", "kept") and value is not None:
            live.log_metric(name, value)
    live.make_summary()
