"""One optimiser step, and everything that steps change."""

import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from samesku.arrays import Int64, Ints
from samesku.embedding.device import autocast
from samesku.embedding.network import ImageEncoder, TitleEncoder
from samesku.params import TrainRun
from samesku.training.augment import draw_seed
from samesku.training.average import WeightAverage
from samesku.training.batches import TrainingBatch
from samesku.training.losses import batch_loss
from samesku.training.processes import ComputeConfig
from samesku.training.towers import FeatureTower, Tower, parameter_groups


class DivergenceError(ArithmeticError):
    """The loss or its gradient is not finite, at a step (from 0) on a batch of training rows, int (B,)."""

    def __init__(self, step: int, rows: Int64, value: float) -> None:
        super().__init__(f"the loss or its gradient is {value} at step {step}")
        self.step, self.rows = step, rows


@dataclass(frozen=True)
class TrainingPlan:
    """The steps of a run: `epochs` of `steps_per_epoch` steps, `max_steps` at most."""

    steps_per_epoch: int
    epochs: int
    head_epochs: int = 0
    max_steps: int | None = None

    @property
    def steps(self) -> int:
        return min(self.epochs * self.steps_per_epoch, self.max_steps or sys.maxsize)

    @property
    def head_steps(self) -> int:
        """The steps at the start in which the heads learn alone."""
        return min(self.head_epochs * self.steps_per_epoch, self.steps)

    def end_of(self, epoch: int) -> int:
        """The number of steps done at the end of `epoch`, 1 or later."""
        return min(epoch * self.steps_per_epoch, self.steps)


class Trainer:
    """AdamW on towers and loss. Learning rates and all randomness are functions of the step."""

    def __init__(
        self,
        run: TrainRun,
        towers: Mapping[str, FeatureTower],
        loss: nn.Module,
        products: Ints,
        steps_per_epoch: int,
        compute: ComputeConfig,
    ) -> None:
        """
        Args:
            run: its learning rates, weights and epochs are used here.
            products: int (n,), the product of each training row, from 0; −1 for none.
            compute: its precision is that of the forward pass; weights and loss stay float32. Each of its
                processes must call `step` for every batch.
        """
        self.plan = TrainingPlan(steps_per_epoch, run.epochs, run.head_epochs, run.max_steps)
        self.compute, self.processes = compute, compute.processes
        self.run, self.towers, self.loss = run, towers, loss.to(compute.device)
        self.products = torch.from_numpy(np.asarray(products, np.int64))
        groups = parameter_groups(towers, loss, lr=run.lr, head_lr=run.head_lr, weight_decay=run.weight_decay)
        self.optimizer = torch.optim.AdamW(groups)
        self.scaler = torch.amp.GradScaler(compute.device.type, enabled=compute.precision == "fp16")
        averages = run.ema or run.start_share
        self.average = WeightAverage(towers, run.ema or 0.0, run.start_share) if averages else None

    @property
    def encoders(self) -> dict[str, ImageEncoder | TitleEncoder]:
        """By modality, what the towers train; not of a tower that is a head alone."""
        return {name: tower.encoder for name, tower in self.towers.items() if isinstance(tower, Tower)}

    def begin_epoch(self, step: int) -> None:
        """Training mode, in which what learns from `step` on is unfrozen."""
        for tower in self.towers.values():
            tower.freeze() if step < self.plan.head_steps else tower.unfreeze()
            tower.train()

    def step(self, batch: TrainingBatch) -> float:
        """Forward, backward, clip, update; gives the loss.

        Raises:
            DivergenceError: loss or gradient is not finite; nothing was updated.
        """
        torch.manual_seed(draw_seed(self.run.seed, batch.step, 2 + self.processes.rank))  # dropout
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_lr"] * self.learning_rate_share(batch.step, group["part"])
        loss = self.compute_loss(batch)
        value = loss.item()
        if not np.isfinite(value):
            raise DivergenceError(batch.step, batch.rows, value)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        # The loss's parameters already have the whole batch's gradient in every process.
        self.processes.sum_gradients(p for tower in self.towers.values() for p in tower.parameters())
        self.scaler.unscale_(self.optimizer)
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, self.run.clip_norm).item()
        if not np.isfinite(norm) and not self.scaler.is_enabled():  # an enabled scaler skips such a step
            raise DivergenceError(batch.step, batch.rows, norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average:
            self.average.update()
        return value

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """As long as the context lasts, the towers hold what is measured and written: by `ema` and `start_share`."""
        if self.average is None:
            yield
            return
        weights = self.tower_states()
        self.load_tower_states(self.average.with_start())
        yield
        self.load_tower_states(weights)

    def compute_loss(self, batch: TrainingBatch) -> Tensor:
        """The loss of the whole batch, a scalar."""
        with autocast(self.compute.device, self.compute.precision):
            share = {modality: tower(batch.inputs[modality]) for modality, tower in self.towers.items()}
        embeddings = {
            modality: self.processes.gather(rows, len(batch.rows)) for modality, rows in share.items()
        }
        labels = self.products[torch.from_numpy(batch.rows)].to(self.compute.device)
        return batch_loss(self.loss, embeddings, labels, self.run.cross_modal)

    def learning_rate_share(self, step: int, part: str) -> float:
        """Share of its full rate that trunk or head has; the trunk's schedule starts when it is unfrozen."""
        start = self.plan.head_steps if part == "trunk" else 0
        if step < start:
            return 0.0
        return warmup_cosine(step - start, max(1, self.plan.steps - start), self.run.warmup)

    def state(self) -> dict[str, Any]:
        """Everything that steps have changed, as tensors and plain values."""
        average = {"average": self.average.states} if self.average else {}
        return average | {
            "towers": self.tower_states(),
            "loss": self.loss.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.load_tower_states(state["towers"])
        self.loss.load_state_dict(state["loss"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if self.average:
            self.average.load(state["average"])

    def tower_states(self) -> dict[str, dict[str, Tensor]]:
        """What the towers have learned, by modality; copies on the CPU."""
        return {
            modality: {name: tensor.to("cpu", copy=True) for name, tensor in tower.learned_state().items()}
            for modality, tower in self.towers.items()
        }

    def load_tower_states(self, states: dict[str, dict[str, Tensor]]) -> None:
        for modality, tower in self.towers.items():
            tower.load_learned_state(states[modality])


def warmup_cosine(step: int, total: int, warmup: float) -> float:
    """Share of the full learning rate at `step` of 0 … total − 1: a linear rise, then half a cosine to 0.

    Args:
        warmup: share of the steps in which the rate rises; the last of them has the full rate.
    """
    rising = round(total * warmup)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, total - rising)))
