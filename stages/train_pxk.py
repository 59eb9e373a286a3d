"""train_pxk: fine-tune towers so that listings of one product lie together; embed every listing with them.

    python -m stages.train_pxk <run>

Reads data/sample/, the weights of the channels that the run starts from, and their arrays where the trunks
stay frozen; writes data/embeddings/<run>_image.npy and <run>_title.npy (no columns where that tower was
not trained), data/models/<run>.safetensors (the towers, for `weights:` of a channel), data/models/<run>/
(epochs.json, one row an epoch; where the towers make an open_clip model, that too) and data/curves/<run>/
(DVCLive).
A run that is killed goes on from data/checkpoints/ when it is started again.

With machine.processes above 1 torchrun starts them here. On several machines that share this
folder it is started on each: torchrun --nnodes … --nproc-per-node … -m stages.train_pxk <run>.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from torch import nn

from samesku import artefacts
from samesku.embedding import device, trained
from samesku.errors import InputError
from samesku.evaluation.training_validation import val_f1
from samesku.params import Channel, Params, load
from samesku.params.train import TrainRun
from samesku.training import dual_encoder, processes
from samesku.training.embedder import Embedder
from samesku.training.key import checkpoint_key
from samesku.training.loop import Row, fit
from samesku.training.losses import ImageText
from samesku.training.machine import Machine
from samesku.training.sample import Sample
from samesku.training.setup import set_up, stays_frozen
from samesku.training.trainer import Diverged

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


def train(
    name: str,
    run: TrainRun,
    channels: Mapping[str, Channel],
    sample: Sample,
    machine: Machine,
    *,
    checkpoints: Path,
    curves: Path,
    zero_shot: Mapping[str, NDArray[np.float32]] | None = None,
) -> Trained:
    """Train run `name` on the sample's train split, choosing the epoch on val.

    Args:
        checkpoints: folder of this very run: of these params, data and code.
        curves: DVCLive folder.
        zero_shot: as set_up.

    Raises:
        InputError: the sample cannot feed the run's batches, or the loss diverged.
    """
    embed = Embedder(sample, machine, name)
    ready = set_up(run, channels, sample, machine, embed, zero_shot)
    towers = ready.trainer.towers
    in_val = sample.split == "val"
    try:
        history = fit(
            ready.trainer,
            ready.listings,
            ready.sampler,
            ready.plan,
            validate=lambda: val_f1(embed(towers, in_val), sample),
            folder=checkpoints,
            curves=curves,
            workers=machine.workers,
            label=f"train {name}",
        )
    except Diverged as error:
        kept = checkpoints / "best.safetensors"
        if machine.processes.first:
            trained.save(kept, {side: tower.encoder for side, tower in towers.items()})
        ids = ", ".join(sample.posting_id[row] for row in ready.listings.rows[error.rows])
        raise InputError(
            f"train.{name}: {error}, whose batch has the posting_ids {ids}; the best epoch before it "
            f"is kept in {kept}; try a lower lr"
        ) from error
    everything = np.ones(len(sample), bool)
    encoders = {side: tower.encoder for side, tower in towers.items()}
    rows = embed(towers, everything, keep=checkpoints / "rows")
    return Trained(encoders, ready.trainer.loss, rows, history)


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
        raise InputError(
            f"run {name!r} is not in params.yaml; allowed: {', '.join(settings.train) or 'none is'}"
        )
    run = settings.train[name]
    if settings.machine.processes > 1 and not processes.started():
        processes.start(settings.machine.processes, "stages.train_pxk", name)
        return f"by {settings.machine.processes} processes of this machine"
    with processes.joined() as together:
        return _train(name, run, settings, together)


def _train(name: str, run: TrainRun, settings: Params, together: processes.Processes) -> str:
    device.set_threads(settings.machine.threads)
    faiss.omp_set_num_threads(settings.machine.threads)
    where = device.resolve(settings.machine.device)
    machine = Machine(
        where,
        device.precision(settings.embed.precision, where),
        settings.embed.batch_size,
        settings.machine.workers,
        together,
    )
    said = artefacts.LINKS / "train.parquet"
    sample = Sample.read(artefacts.LISTINGS, artefacts.IMAGES, said)
    curves = CURVES / name
    if why := sample.lacks(run):
        if together.first:
            shutil.rmtree(curves, ignore_errors=True)
            curves.mkdir(parents=True)
            write(name, None, len(sample))
        return f"skipped: 1 ({why})"
    data = [path for path in (artefacts.LISTINGS, artefacts.IMAGES, said) if path.is_file()]
    folder = CHECKPOINTS / f"{name}-{checkpoint_key(run, settings.channels, machine, data)}"
    found = train(
        name, run, settings.channels, sample, machine,
        checkpoints=folder, curves=curves, zero_shot=zero_shot_rows(run, len(sample)),
    )  # fmt: skip
    if together.first:
        write(name, found, len(sample))
        for old in CHECKPOINTS.glob(f"{name}-*"):
            shutil.rmtree(old)
    together.wait()
    many = f"{together.count} × " if together.count > 1 else ""
    return describe(found.history, many + device.describe(where, machine.precision))


def zero_shot_rows(run: TrainRun, n: int) -> dict[str, NDArray[np.float32]]:
    """By side, the array of the channel that a frozen tower starts from, which saves embedding it again.

    Raises:
        InputError: an array of another sample.
    """
    if not stays_frozen(run):
        return {}
    paths: dict[str, Path] = {side: artefacts.embedding(getattr(run, side)) for side in run.towers}
    found: dict[str, NDArray[np.float32]] = {
        side: np.load(path, mmap_mode="r") for side, path in paths.items() if path.is_file()
    }
    for side, rows in found.items():
        if len(rows) != n:
            raise InputError(
                f"{paths[side]} has {len(rows)} rows for {n} listings; run `dvc repro` to embed them anew"
            )
    return found


def describe(history: list[Row], where: str) -> str:
    """The run in one line."""
    best = next(row for row in history if row["best"])
    start, kept = (row["val_f1"] for row in (history[0], best))
    told = f"val f1 {start:.4f} -> {kept:.4f}" if kept is not None else "no val f1"
    return (
        f"{history[-1]['step']} steps, best epoch {best['epoch']} of {history[-1]['epoch']}, {told}, {where}"
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m stages.train_pxk <run>")
    if int(os.environ.get("RANK", "0")):  # one of several: the first one tells, and its end ends this one
        try:
            main(sys.argv[1])
        except InputError:
            time.sleep(10)
            sys.exit(1)
        except KeyboardInterrupt:
            sys.exit(130)
    else:
        artefacts.run(f"train_pxk@{sys.argv[1]}", lambda: main(sys.argv[1]))
