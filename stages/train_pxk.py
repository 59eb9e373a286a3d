"""train_pxk: fine-tune towers so that listings of one product lie together; embed every listing with them.

    python -m stages.train_pxk <run>

Reads data/sample/ and the weights of the channels that the run starts from; writes
data/embeddings/<run>_image.npy and <run>_title.npy (no columns where that tower was not trained),
data/models/<run>.safetensors (the towers, for `weights:` of a channel), data/models/<run>/ (epochs.json, one
row an epoch; where the towers make an open_clip model, that too) and data/curves/<run>/ (DVCLive).
A run that is killed goes on from data/checkpoints/ when it is started again.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from torch import nn

from stages import artefacts
from stages.encoders import device, load_encoder, trained
from stages.pxk import dual_encoder
from stages.pxk import sampler as samplers
from stages.pxk.augment import Pictures
from stages.pxk.batches import Listings
from stages.pxk.loop import Plan, Row, fit
from stages.pxk.losses import ImageText, make_loss
from stages.pxk.towers import Tower
from stages.pxk.trainer import Diverged, Trainer
from stages.settings import Channel, Refused, load
from stages.settings.train import TrainRun
from stages.training import Embedder, Machine, Sample, checkpoint_key, val_f1

SIDES = ("image", "title")
CURVES = Path("data/curves")
CHECKPOINTS = Path("data/checkpoints")


@dataclass(frozen=True)
class Trained:
    """What a run gives, all at its best epoch.

    Attributes:
        encoders: by side, the trained towers. loss: with the parameters that it learned.
        embeddings: by side, float32 (N, dim) of every listing. history: a row for each epoch.
    """

    encoders: dict[str, Any]
    loss: nn.Module
    embeddings: dict[str, NDArray[np.float32]]
    history: list[Row]


def make_sampler(run: TrainRun, products: NDArray[np.int64]) -> samplers.Sampler:
    """The run's sampler over training rows of these products."""
    match run.sampler:
        case "pk":
            return samplers.PKSampler(products, run.P, run.K, run.seed)
        case "pairs":
            return samplers.PairSampler(products, run.seed)
        case _:
            return samplers.ListingSampler(len(products), run.batch_size or 2, run.seed)


def train(
    name: str,
    run: TrainRun,
    channels: Mapping[str, Channel],
    sample: Sample,
    machine: Machine,
    *,
    checkpoints: Path,
    curves: Path,
) -> Trained:
    """Train run `name` on the sample's train split, choosing the epoch on val.

    Args:
        checkpoints: folder of this very run: of these params, data and code.
        curves: DVCLive folder.

    Raises:
        Refused: the sample cannot feed the run's batches, or the loss diverged.
    """
    rows = sample.rows(run)
    products = np.unique(sample.product[rows], return_inverse=True)[1]
    sampler = make_sampler(run, products)
    embed = Embedder(sample, machine, name)
    towers: dict[str, Tower] = {}
    for side in run.towers:
        spec = channels[getattr(run, side)]
        encoder: Any = load_encoder(
            getattr(run, side), spec, device=machine.device, precision=machine.precision
        )
        if run.unfreeze_blocks == 0 and run.augment is None:
            embed.features[side] = embed.trunk(encoder, side, sample.present[side])
        towers[side] = Tower(
            encoder,
            head_dim=run.head_dim,
            blocks=run.unfreeze_blocks,
            train_batch_norm=run.batch_norm == "train",
            seed=run.seed,
        )
    _same_width(run, towers)
    plan = Plan(sampler.steps_per_epoch, run.epochs, run.head_epochs, run.max_steps)
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
    )
    in_val = sample.split == "val"
    try:
        history = fit(
            trainer,
            _drawn(run, rows, sample, towers, embed.features),
            sampler,
            plan,
            validate=lambda: val_f1(embed(towers, in_val), sample),
            folder=checkpoints,
            curves=curves,
            workers=machine.workers,
            label=f"train {name}",
        )
    except Diverged as error:
        kept = checkpoints / "best.safetensors"
        trained.save(kept, {side: tower.encoder for side, tower in towers.items()})
        ids = ", ".join(sample.posting_id[row] for row in rows[error.rows])
        raise Refused(
            f"train.{name}: {error}, whose batch has the posting_ids {ids}; the best epoch before it "
            f"is kept in {kept}; try a lower lr"
        ) from error
    everything = np.ones(len(sample), bool)
    return Trained(
        {side: tower.encoder for side, tower in towers.items()}, loss, embed(towers, everything), history
    )


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


def _same_width(run: TrainRun, towers: Mapping[str, Tower]) -> None:
    widths = {side: tower.dim for side, tower in towers.items()}
    if len(set(widths.values())) > 1 and (run.cross_modal or run.loss in ("image_text", "arcface")):
        told = " and ".join(f"{side} {width}" for side, width in widths.items())
        raise Refused(f"the towers must share one space, but have {told} columns; give a head_dim")


def write(name: str, found: Trained | None, n: int) -> None:
    """Write the outs but the curves; without a result they are empty, and an array has no columns."""
    for side in SIDES:
        rows = found.embeddings.get(side) if found else None
        with artefacts.replacing(artefacts.embedding(f"{name}_{side}")) as beside, beside.open("wb") as file:
            np.save(file, np.zeros((n, 0), np.float32) if rows is None else rows)
    with artefacts.replacing(artefacts.MODELS / f"{name}.safetensors") as beside:
        trained.save(beside, found.encoders if found else {})
    with artefacts.replacing(artefacts.MODELS / name) as folder:
        folder.mkdir()
        artefacts.write_json(folder / "epochs.json", found.history if found else [])
        if found and isinstance(found.loss, ImageText) and dual_encoder.is_dual_encoder(**found.encoders):
            dual_encoder.save(folder, **found.encoders, logit_scale=found.loss.logit_scale)


def main(name: str) -> str:
    settings = load()
    if name not in settings.train:
        raise Refused(
            f"run {name!r} is not in params.yaml; allowed: {', '.join(settings.train) or 'none is'}"
        )
    run = settings.train[name]
    device.set_threads(settings.machine.threads)
    faiss.omp_set_num_threads(settings.machine.threads)
    where = device.resolve(settings.machine.device)
    machine = Machine(
        where,
        device.precision(settings.embed.precision, where),
        settings.embed.batch_size,
        settings.machine.workers,
    )
    sample = Sample.read(artefacts.LISTINGS, artefacts.IMAGES)
    curves = CURVES / name
    if why := sample.lacks(run):
        shutil.rmtree(curves, ignore_errors=True)
        curves.mkdir(parents=True)
        write(name, None, len(sample))
        return f"skipped: 1 ({why})"
    folder = (
        CHECKPOINTS
        / f"{name}-{checkpoint_key(run, settings.channels, machine, (artefacts.LISTINGS, artefacts.IMAGES))}"
    )
    found = train(name, run, settings.channels, sample, machine, checkpoints=folder, curves=curves)
    write(name, found, len(sample))
    for old in CHECKPOINTS.glob(f"{name}-*"):
        shutil.rmtree(old)
    return describe(found.history, device.describe(where, machine.precision))


def describe(history: list[Row], where: str) -> str:
    """The run in one line."""
    best = next(row for row in history if row["best"])
    start, kept = (row.get("val_f1") for row in (history[0], best))
    told = f"val f1 {start:.4f} -> {kept:.4f}" if kept is not None else "no val f1"
    return (
        f"{history[-1]['step']} steps, best epoch {best['epoch']} of {history[-1]['epoch']}, {told}, {where}"
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m stages.train_pxk <run>")
    artefacts.run(f"train_pxk@{sys.argv[1]}", lambda: main(sys.argv[1]))
