"""One optimiser step, and everything that steps change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from samesku.embedding.device import autocast
from samesku.training.augment import draw_seed
from samesku.training.batches import Batch
from samesku.training.objective import objective
from samesku.training.processes import ALONE, Processes
from samesku.training.schedule import rate
from samesku.training.towers import Tower, parameter_groups

if TYPE_CHECKING:
    from samesku.params.train import TrainRun


class Diverged(ArithmeticError):
    """The loss or its gradient is not a number.

    Attributes:
        step: 0-based. rows: int (B,), the training rows of the batch.
    """

    def __init__(self, step: int, rows: np.ndarray, value: float) -> None:
        super().__init__(f"the loss or its gradient is {value} at step {step}")
        self.step, self.rows, self.value = step, rows, value


class Trainer:
    """AdamW on towers and loss; rates and all randomness are functions of the step."""

    def __init__(
        self,
        run: TrainRun,
        towers: dict[str, Tower],
        loss: nn.Module,
        products: np.ndarray,
        *,
        steps: int,
        head_steps: int,
        precision: str,
        processes: Processes = ALONE,
    ) -> None:
        """
        Args:
            run: the run's rates and weights.
            products: int (n,), the product of each training row, 0 …; −1 for none.
            steps: of the whole run; head_steps: those at its start in which the heads learn alone.
            precision: fp32, bf16 or fp16, of the forward pass; weights and loss stay float32.
            processes: that train together; each step is then met by all of them.
        """
        self.processes = processes
        self.device = next(iter(towers.values())).encoder.device
        self.run, self.towers, self.loss, self.precision = run, towers, loss.to(self.device), precision
        self.products = torch.from_numpy(np.asarray(products, np.int64))
        self.steps, self.head_steps = steps, head_steps
        groups = parameter_groups(towers, loss, lr=run.lr, head_lr=run.head_lr, weight_decay=run.weight_decay)
        self.optimizer = torch.optim.AdamW(groups)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=precision == "fp16")

    def begin(self, step: int) -> None:
        """Training mode, with what learns at `step` set free."""
        for tower in self.towers.values():
            tower.freeze() if step < self.head_steps else tower.free()
            tower.train()

    def step(self, batch: Batch) -> float:
        """Forward, backward, clip, update; gives the loss.

        Raises:
            Diverged: loss or gradient is not finite; nothing was updated.
        """
        torch.manual_seed(draw_seed(self.run.seed, batch.step, 2 + self.processes.rank))  # dropout
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * self.share(batch.step, group["part"])
        loss = self.compute(batch)
        value = loss.item()
        if not np.isfinite(value):
            raise Diverged(batch.step, batch.rows, value)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        # Those of the loss's own parameters are the whole batch's in every process.
        self.processes.sum_gradients(p for tower in self.towers.values() for p in tower.parameters())
        self.scaler.unscale_(self.optimizer)
        learning = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(learning, self.run.clip_norm).item()
        if not np.isfinite(norm) and not self.scaler.is_enabled():  # the scaler skips such a step by itself
            raise Diverged(batch.step, batch.rows, norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return value

    def compute(self, batch: Batch) -> Tensor:
        """The loss of a batch."""
        with autocast(self.device, self.precision):
            own = {name: tower(batch.inputs[name]) for name, tower in self.towers.items()}
        rows = {name: self.processes.whole(part, len(batch.rows)) for name, part in own.items()}
        labels = self.products[torch.from_numpy(batch.rows)].to(self.device)
        return objective(self.loss, rows, labels, self.run.cross_modal)

    def share(self, step: int, part: str) -> float:
        """Share of its full rate that a part has at `step`; the trunk's schedule starts when it is free."""
        start = self.head_steps if part == "trunk" else 0
        return rate(step - start, max(1, self.steps - start), self.run.warmup) if step >= start else 0.0

    def state(self) -> dict[str, Any]:
        """Everything that steps have changed, as tensors and plain values."""
        return {
            "towers": self.learned(),
            "loss": self.loss.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        self.load_learned(state["towers"])
        self.loss.load_state_dict(state["loss"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])

    def learned(self) -> dict[str, dict[str, Tensor]]:
        """What the towers learned, by tower; copies."""
        return {
            name: {key: t.to("cpu", copy=True) for key, t in tower.learned().items()}
            for name, tower in self.towers.items()
        }

    def load_learned(self, state: dict[str, dict[str, Tensor]]) -> None:
        for name, tower in self.towers.items():
            tower.load_learned(state[name])
