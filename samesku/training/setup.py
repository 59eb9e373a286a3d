"""A run as params.yaml has it -> towers, loss, batches and steps, ready to be fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from samesku.embedding import load_encoder
from samesku.errors import InputError
from samesku.params import Channel
from samesku.params.train import TrainRun
from samesku.training import sampler as samplers
from samesku.training.augment import Pictures
from samesku.training.batches import Listings
from samesku.training.embedder import Embedder
from samesku.training.loop import Plan
from samesku.training.losses import make_loss
from samesku.training.machine import Machine
from samesku.training.sample import Sample
from samesku.training.towers import Tower
from samesku.training.trainer import Trainer


@dataclass(frozen=True)
class Ready:
    """A run that is ready to be fitted."""

    trainer: Trainer
    listings: Listings
    sampler: samplers.Sampler
    plan: Plan


def stays_frozen(run: TrainRun) -> bool:
    """Whether the trunks never learn, and see each listing as it is: their features are zero-shot rows."""
    return run.unfreeze_blocks == 0 and run.augment is None


def set_up(
    run: TrainRun,
    channels: Mapping[str, Channel],
    sample: Sample,
    machine: Machine,
    embed: Embedder,
    zero_shot: Mapping[str, NDArray[np.float32]] | None = None,
) -> Ready:
    """Load the towers and lay out the run; the features of trunks that stay frozen are put into `embed`.

    Args:
        zero_shot: by side, float32 (N, dim), rows of the channel that the tower starts from, if they are at
            hand. That they have norm 1 moves nothing: the head has no bias, and its rows are normalised.

    Raises:
        InputError: the sample cannot feed the run's batches, or the towers do not fit the run.
    """
    rows = sample.rows(run)
    products = np.unique(sample.product[rows], return_inverse=True)[1]
    sampler = _sampler(run, products)
    _fits(run, sampler.batch_size, machine.processes.count)
    towers: dict[str, Tower] = {}
    for side in run.towers:
        start = getattr(run, side)
        encoder: Any = load_encoder(
            start, channels[start], device=machine.device, precision=machine.precision
        )
        if stays_frozen(run):
            rows_of = zero_shot or {}
            embed.features[side] = (
                rows_of[side] if side in rows_of else embed.trunk(encoder, side, sample.present[side])
            )
        towers[side] = Tower(
            encoder,
            head_dim=run.head_dim,
            blocks=run.unfreeze_blocks,
            train_batch_norm=run.batch_norm == "train",
            seed=run.seed,
        )
    _same_width(run, towers)
    plan = Plan(sampler.steps_per_epoch, run.epochs, run.head_epochs, run.max_steps)
    torch.manual_seed(run.seed)  # arcface's class rows
    loss = make_loss(
        run.loss,
        dim=next(iter(towers.values())).dim,
        classes=int(products.max()) + 1,
        temperature=run.temperature,
        learnable_temperature=run.learnable_temperature,
        margin=run.margin,
        scale=run.scale,
        one_pair_each=run.sampler == "pairs",
    )
    trainer = Trainer(
        run,
        towers,
        loss,
        products,
        steps=plan.steps,
        head_steps=plan.head_steps,
        precision=machine.precision,
        processes=machine.processes,
    )
    return Ready(trainer, _drawn(run, rows, sample, towers, embed.features), sampler, plan)


def _sampler(run: TrainRun, products: NDArray[np.int64]) -> samplers.Sampler:
    """The run's sampler over training rows of these products."""
    match run.sampler:
        case "pk":
            return samplers.PKSampler(products, run.P, run.K, run.seed)
        case "pairs":
            return samplers.PairSampler(products, run.seed)
        case _:
            return samplers.ListingSampler(len(products), run.batch_size or 2, run.seed)


def _drawn(
    run: TrainRun,
    rows: NDArray[np.int64],
    sample: Sample,
    towers: Mapping[str, Tower],
    features: dict[str, NDArray[np.float32]],
) -> Listings:
    """The training listings as the towers take them."""
    raw = [side for side in run.towers if side not in features]
    prepare: Any = towers["image"].encoder.prepare if "image" in raw else None
    change = run.augment
    return Listings(
        rows=rows,
        seed=run.seed,
        images=sample.images if "image" in raw else None,
        titles=sample.title if "title" in raw else None,
        prepare=prepare,
        pictures=Pictures(prepare.size, change.crop, change.flip, change.jitter, change.hue)
        if change and prepare
        else None,
        words=change.words if change else 0.0,
        features=features,
    )


def _fits(run: TrainRun, batch_size: int, processes: int) -> None:
    """Refuse what several processes cannot do as one would."""
    if processes > batch_size:
        raise InputError(f"a batch has {batch_size} listings for {processes} processes; give fewer processes")
    if processes > 1 and run.batch_norm == "train":
        raise InputError(
            f"batch_norm is 'train' with {processes} processes, whose norms would see their own share alone; "
            "allowed there: frozen"
        )


def _same_width(run: TrainRun, towers: Mapping[str, Tower]) -> None:
    widths = {side: tower.dim for side, tower in towers.items()}
    if len(set(widths.values())) > 1 and (run.cross_modal or run.loss in ("image_text", "arcface")):
        told = " and ".join(f"{side} {width}" for side, width in widths.items())
        raise InputError(f"the towers must share one space, but have {told} columns; give a head_dim")
