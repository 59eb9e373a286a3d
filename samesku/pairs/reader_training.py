"""How a pair reader learns: binary cross-entropy on labelled pairs of titles, drawn anew for each epoch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from samesku.arrays import Float32
from samesku.embedding.device import autocast
from samesku.embedding.network import TitleEncoder
from samesku.errors import InputError
from samesku.evaluation.metrics import average_precision
from samesku.pairs.reader import PairReader, show_progress
from samesku.pairs.reader_pairs import LabelledPairs
from samesku.params.schema import Reader
from samesku.training.augment import draw_seed
from samesku.training.processes import ComputeConfig
from samesku.training.towers import Tower, parameter_groups
from samesku.training.trainer import warmup_cosine

HEAD_LR, WEIGHT_DECAY, WARMUP, CLIP_NORM = 1e-3, 0.01, 0.1, 1.0  # as TrainRun has them by default

#: One row of epochs.json.
Epoch = dict[str, Any]


class ReaderTrainer:
    """AdamW on a sentence encoder with a new head of one column, which becomes the reader."""

    def __init__(self, encoder: TitleEncoder, spec: Reader, n_pairs: int, compute: ComputeConfig) -> None:
        """
        Args:
            n_pairs: of all epochs, over which the learning rate rises and falls.

        Raises:
            InputError: the encoder has fewer blocks than shall learn, or a head already.
        """
        self.tower = Tower(encoder, head_dim=1, unfreeze_blocks=spec.unfreeze_blocks, seed=spec.seed)
        self.reader = PairReader(encoder, spec.max_length)
        self.spec, self.compute, self.step = spec, compute, 0
        self.n_steps = -(-n_pairs // spec.batch_size)
        groups = parameter_groups(
            {"title": self.tower}, nn.Identity(), lr=spec.lr, head_lr=HEAD_LR, weight_decay=WEIGHT_DECAY
        )
        self.optimizer = torch.optim.AdamW(groups)
        self.scaler = torch.amp.GradScaler(compute.device.type, enabled=compute.precision == "fp16")

    def train_epoch(self, titles: Sequence[str], pairs: LabelledPairs) -> float:
        """Learn from the pairs in their order; the mean loss. InputError: the loss is not finite."""
        tokens = self.reader.tokenize(
            [titles[row] for row in pairs.left], [titles[row] for row in pairs.right]
        )
        self.tower.unfreeze()
        self.tower.train()
        losses = []
        with show_progress("train reader", len(pairs), "pair") as bar:
            for start in range(0, len(pairs), self.spec.batch_size):
                batch = np.arange(start, min(start + self.spec.batch_size, len(pairs)))
                inputs = self.reader.pad(tokens, batch, self.reader.max_length)
                losses.append(self._step(inputs, torch.from_numpy(pairs.same_product[batch])))
                bar.update(len(batch))
        self.tower.eval()
        return float(np.mean(losses))

    def _step(self, inputs: dict[str, Tensor], same_product: Tensor) -> float:
        torch.manual_seed(draw_seed(self.spec.seed, self.step, 2))  # dropout
        share = warmup_cosine(self.step, self.n_steps, WARMUP)
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_lr"] * share
        with autocast(self.compute.device, self.compute.precision):
            log_odds = self.tower.embed_tokens(inputs)[:, 0]
        target = same_product.to(log_odds.device, torch.float32)
        loss = nn.functional.binary_cross_entropy_with_logits(log_odds.float(), target)
        value = loss.item()
        if not np.isfinite(value):
            raise InputError(f"reader: the loss is {value} at step {self.step}; try a lower reader.lr")
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]], CLIP_NORM)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1
        return value


def train_reader(
    trainer: ReaderTrainer, titles: Sequence[str], epochs: Sequence[LabelledPairs], val: LabelledPairs
) -> list[Epoch]:
    """Train, and leave the reader as it was at the epoch with the highest average precision on val's pairs.

    Where val has no pairs, the last epoch stays.

    Args:
        epochs: the pairs of each epoch.

    Returns:
        One row an epoch: epoch, pairs, loss, val_average_precision (null without pairs of val), kept (1 or 0).
    """
    history: list[Epoch] = []
    best: dict[str, Tensor] = {}
    for number, pairs in enumerate(epochs, 1):
        loss = trainer.train_epoch(titles, pairs)
        precision = measure_reader(trainer.reader, titles, val)
        history.append(
            {"epoch": number, "pairs": len(pairs), "loss": loss, "val_average_precision": precision}
        )
        scores = [row["val_average_precision"] or 0.0 for row in history]
        if precision is None or scores.index(max(scores)) == number - 1:
            best = {name: tensor.clone() for name, tensor in trainer.tower.learned_state().items()}
            kept = number
    trainer.tower.load_learned_state(best)
    return [row | {"kept": int(row["epoch"] == kept)} for row in history]


def measure_reader(reader: PairReader, titles: Sequence[str], pairs: LabelledPairs) -> float | None:
    """Average precision of the reader's scores over labelled pairs; None where none is of one product."""
    if not pairs.same_product.any():
        return None
    scores: Float32 = reader.score([titles[row] for row in pairs.left], [titles[row] for row in pairs.right])
    relevant = pairs.same_product[np.argsort(-scores, kind="stable")]
    return float(average_precision(relevant[None], relevant.sum(keepdims=True))[0])
