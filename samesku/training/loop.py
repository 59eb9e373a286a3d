"""The training loop: epochs, validation, the best epoch, checkpoints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from samesku.training import checkpoint
from samesku.training.batches import Listings, stream
from samesku.training.curves import Curves
from samesku.training.losses import ImageText
from samesku.training.sampler import Sampler
from samesku.training.trainer import Trainer

Row = dict[str, Any]
#: Scores the towers as they are: f1 and threshold on val; None where val has nothing to score.
Validate = Callable[[], dict[str, float] | None]


@dataclass(frozen=True)
class Plan:
    """The steps of a run: `epochs` of `steps_per_epoch`, the last cut short where `max_steps` says so."""

    steps_per_epoch: int
    epochs: int
    head_epochs: int = 0
    max_steps: int | None = None

    @property
    def steps(self) -> int:
        return min(self.epochs * self.steps_per_epoch, self.max_steps or sys.maxsize)

    @property
    def head_steps(self) -> int:
        return min(self.head_epochs * self.steps_per_epoch, self.steps)

    def end(self, epoch: int) -> int:
        """The number of steps done at the end of `epoch`, 1 …"""
        return min(epoch * self.steps_per_epoch, self.steps)


def fit(
    trainer: Trainer,
    listings: Listings,
    sampler: Sampler,
    plan: Plan,
    *,
    validate: Validate,
    folder: Path,
    curves: Path,
    workers: int,
    label: str = "train",
) -> list[Row]:
    """Train, and leave the towers as they were at their best epoch.

    The best epoch is that of highest val f1, the first of equals; without a val f1, the last. Epoch 0, the
    start, stands for election too, except with image_text, whose towers share no space before they are
    trained.

    Args:
        folder: of the checkpoint. A run that finds one there goes on from it, and ends with the weights that
            it would have had without the interruption; at most one epoch is done twice.
        curves: DVCLive folder.

    Returns:
        One row an epoch, the start first: epoch, step, loss (mean of the epoch), lr (at its end), val_f1,
        val_threshold, temperature (where it is learned), best (1 for the epoch that was kept, else 0).

    Raises:
        Diverged: as Trainer.step; the towers are left as they were at the best epoch so far.
    """
    state = checkpoint.load(folder)
    if state is None:
        state = {"history": [_row(0, 0, validate())], "best": _best(trainer, 0)}
    else:
        trainer.load(state["trainer"])
    live = Curves(curves, state["history"]) if trainer.processes.first else None
    try:
        _epochs(trainer, listings, sampler, plan, state, live, validate, folder, workers, label)
    finally:
        trainer.load_learned(state["best"]["towers"])
        if live:
            live.end()
    kept = state["best"]["epoch"]
    return [row | {"best": int(row["epoch"] == kept)} for row in state["history"]]


def _epochs(
    trainer: Trainer,
    listings: Listings,
    sampler: Sampler,
    plan: Plan,
    state: dict[str, Any],
    live: Curves | None,
    validate: Validate,
    folder: Path,
    workers: int,
    label: str,
) -> None:
    """Go on from `state` to the end, keeping `state` and the checkpoint up to date."""
    history: list[Row] = state["history"]
    start = history[-1]["step"]
    if start >= plan.steps or _is_over(trainer, plan, state):
        return
    processes = trainer.processes
    batches = stream(listings, sampler, start, plan.steps, workers, processes)
    pace = 0.2 if sys.stderr.isatty() else 10.0
    with tqdm(total=plan.steps * sampler.batch_size, initial=start * sampler.batch_size, desc=label,
              unit="listing", mininterval=pace, smoothing=0.1,
              disable=not processes.first) as bar:  # fmt: skip
        while history[-1]["step"] < plan.steps and not _is_over(trainer, plan, state):
            epoch, first = len(history), history[-1]["step"]
            trainer.begin(first)
            losses = []
            for _ in range(first, plan.end(epoch)):
                losses.append(trainer.step(next(batches)))
                bar.update(sampler.batch_size)
                bar.set_postfix(epoch=epoch, loss=f"{losses[-1]:.3f}", refresh=False)
            for tower in trainer.towers.values():
                tower.eval()
            row = _row(epoch, plan.end(epoch), validate(), float(np.mean(losses)), trainer)
            history.append(row)
            if _is_better(row, history[state["best"]["epoch"]], trainer):
                state["best"] = _best(trainer, epoch)
            if processes.first:
                checkpoint.save(folder, state | {"trainer": trainer.state()})
            if live:
                live.add(row)


def _row(
    epoch: int,
    step: int,
    scored: dict[str, float] | None,
    loss: float | None = None,
    trainer: Trainer | None = None,
) -> Row:
    """Every row has every key, null where there is nothing: `dvc plots` draws no rows that differ in keys."""
    row: Row = {"epoch": epoch, "step": step, "loss": loss, "lr": None}
    row |= {"val_f1": None, "val_threshold": None, "temperature": None}
    if scored:
        row |= {"val_f1": scored["f1"], "val_threshold": scored["threshold"]}
    if trainer:
        row["lr"] = max(group["lr"] for group in trainer.optimizer.param_groups)
        if trainer.run.learnable_temperature:
            scale = next(p for p in trainer.loss.parameters() if p.ndim == 0)
            row["temperature"] = 1 / scale.detach().exp().item()
    return row


def _best(trainer: Trainer, epoch: int) -> dict[str, Any]:
    return {"epoch": epoch, "towers": trainer.learned()}


def _is_better(row: Row, best: Row, trainer: Trainer) -> bool:
    if row["val_f1"] is None or (best["epoch"] == 0 and isinstance(trainer.loss, ImageText)):
        return True
    return row["val_f1"] > best["val_f1"]


def _is_over(trainer: Trainer, plan: Plan, state: dict[str, Any]) -> bool:
    """Whether `patience` epochs, the heads' own not counted, have passed without a better one."""
    patience, last = trainer.run.patience, state["history"][-1]
    since = last["epoch"] - max(state["best"]["epoch"], min(plan.head_epochs, last["epoch"]))
    return patience is not None and last["val_f1"] is not None and since >= patience
