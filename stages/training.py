"""What a training run reads, how its towers embed and are judged on val, and what decides its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from stages.catalogue.images import PackedImages
from stages.embedding import load_encoder, runner
from stages.embedding.shards import Shards
from stages.judging import links
from stages.matching import decisions, fusion, neighbours
from stages.pxk import sampler as samplers
from stages.pxk.augment import Pictures
from stages.pxk.batches import Listings
from stages.pxk.links import joined
from stages.pxk.loop import Plan
from stages.pxk.losses import make_loss
from stages.pxk.processes import ALONE, Processes
from stages.pxk.towers import Tower
from stages.pxk.trainer import Trainer
from stages.scoring import sweep, truth
from stages.settings import Channel, Refused
from stages.settings.train import TrainRun

CODE = ("stages/train_pxk.py", "stages/training.py", "stages/pxk", "stages/embedding", "stages/encoders")


@dataclass(frozen=True)
class Sample:
    """What training needs of data/sample/.

    Attributes:
        posting_id, title, split: (N,). product: int (N,), −1 where unlabelled.
        present: by side, bool (N,), the listings that have it. images: N pictures, or none at all.
    """

    posting_id: list[str]
    title: list[str]
    split: NDArray[np.str_]
    product: NDArray[np.int64]
    present: Mapping[str, NDArray[np.bool_]]
    images: PackedImages

    def __len__(self) -> int:
        return len(self.posting_id)

    @classmethod
    def read(cls, listings: Path, images: Path, said: Path | None = None) -> Sample:
        """Read the sample; `said` are links within train, which join and part its products."""
        table = pd.read_parquet(
            listings, columns=["posting_id", "title", "label_group", "split", "has_image"]
        )
        product = pd.factorize(table["label_group"])[0].astype(np.int64)
        split = table["split"].to_numpy(str)
        train = split == "train"
        if said is not None:
            own = links.read(said).within(train)
            product = np.where(train, joined(product, own.same, own.different), product)
        return cls(
            posting_id=table["posting_id"].tolist(),
            title=table["title"].tolist(),
            split=split,
            product=product,
            present={
                "image": table["has_image"].to_numpy(bool),
                "title": (table["title"] != "").to_numpy(bool),
            },
            images=PackedImages(images),
        )

    def rows(self, run: TrainRun) -> NDArray[np.int64]:
        """The rows to train on: labelled, in train, with all that the towers need."""
        chosen = (self.split == "train") & (self.product >= 0)
        for side in run.towers:
            chosen &= self.present[side]
        return np.flatnonzero(chosen)

    def lacks(self, run: TrainRun) -> str | None:
        """Why the run does not apply to this catalogue; None where it does."""
        if (self.product < 0).all():
            return "no listing has a label_group"
        missing = [side for side in run.towers if not self.present[side].any()]
        return f"no listing has {' and '.join(missing)}" if missing else None


@dataclass(frozen=True)
class Machine:
    """Where and how fast: nothing of it but the precision moves a result, and that in the third decimal."""

    device: torch.device
    precision: str
    batch_size: int = 64
    workers: int = 0
    processes: Processes = ALONE


class Embedder:
    """Embeds listings with the towers as they are; a wholly frozen trunk reads each listing once."""

    def __init__(self, sample: Sample, machine: Machine, label: str) -> None:
        self.sample, self.machine, self.label = sample, machine, label
        self.features: dict[str, NDArray[np.float32]] = {}

    def trunk(
        self, encoder: Any, side: str, chosen: NDArray[np.bool_], shards: Shards | None = None
    ) -> NDArray[np.float32]:
        """float32 (N, dim), rows of norm 1, zero where a listing lacks the side or is not chosen."""
        size, label = self.machine.batch_size, f"{self.label} {side}"
        processes, rows = self.machine.processes, np.flatnonzero(chosen & self.sample.present[side])
        own = np.zeros(len(chosen), bool)
        own[rows[processes.rank :: processes.count]] = True
        if side == "image":
            found = runner.embed_images(
                encoder, self.sample.images, batch_size=size, workers=self.machine.workers, label=label,
                present=own, shards=shards, quiet=not processes.first,
            )  # fmt: skip
        else:
            titles = [title if is_in else "" for title, is_in in zip(self.sample.title, own, strict=True)]
            found = runner.embed_titles(
                encoder, titles, batch_size=size, label=label, shards=shards, quiet=not processes.first
            )
        return processes.sum(found)

    def __call__(
        self, towers: Mapping[str, Tower], chosen: NDArray[np.bool_], keep: Path | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """By side, as `trunk`, with the head; in folder `keep`, of these very towers, rows as they come."""
        found = {}
        for side, tower in towers.items():
            tower.eval()
            if side not in self.features:
                shards = Shards(keep / self._part(side)) if keep else None
                found[side] = self.trunk(tower.encoder, side, chosen, shards)
                continue
            found[side] = np.zeros((len(self.sample), tower.dim), np.float32)
            rows = np.flatnonzero(chosen & self.sample.present[side])
            with torch.inference_mode():
                for at in np.array_split(rows, max(1, len(rows) // 4096)):
                    found[side][at] = tower(torch.from_numpy(self.features[side][at])).cpu().numpy()
        return found

    def _part(self, side: str) -> str:
        processes = self.machine.processes
        return side if processes.count == 1 else f"{side}-{processes.rank}-of-{processes.count}"


def val_f1(embeddings: Mapping[str, NDArray[np.float32]], sample: Sample) -> dict[str, float] | None:
    """Mean row-wise F1 of val in val at its best static threshold; None where val has no labelled listing.

    Two towers are fused half and half. The neighbours reach as far as val's largest product, at least 50.
    """
    rows = np.flatnonzero(sample.split == "val").astype(np.int32)
    sizes = np.bincount(sample.product[rows][sample.product[rows] >= 0], minlength=1)
    if not sizes.any():
        return None
    fused = fusion.concatenate(embeddings, dict.fromkeys(embeddings, 1 / len(embeddings)))
    found = neighbours.search(fused, rows, max(50, int(sizes.max()) - 1))
    labelled = sample.product[found.query] >= 0
    relevant = truth.relevant(sample.product, found.query, found.neighbour)[labelled]
    to_find = truth.to_find(sample.product, found.query, rows)[labelled]
    curve = sweep.f1_curve(decisions.static(found)[labelled], relevant, to_find)
    cut = sweep.best_cut(curve)
    return {"f1": float(curve.f1[curve.at(cut)]), "threshold": cut}


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
        Refused: the sample cannot feed the run's batches, or the towers do not fit the run.
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
        raise Refused(f"a batch has {batch_size} listings for {processes} processes; give fewer processes")
    if processes > 1 and run.batch_norm == "train":
        raise Refused(
            f"batch_norm is 'train' with {processes} processes, whose norms would see their own share alone; "
            "allowed there: frozen"
        )


def _same_width(run: TrainRun, towers: Mapping[str, Tower]) -> None:
    widths = {side: tower.dim for side, tower in towers.items()}
    if len(set(widths.values())) > 1 and (run.cross_modal or run.loss in ("image_text", "arcface")):
        told = " and ".join(f"{side} {width}" for side, width in widths.items())
        raise Refused(f"the towers must share one space, but have {told} columns; give a head_dim")


def checkpoint_key(
    run: TrainRun, channels: Mapping[str, Channel], machine: Machine, data: Iterable[Path]
) -> str:
    """A name for what decides a run's result: its params, the files of `data`, the weights, and the code."""
    digest = hashlib.sha256()
    starts = {side: channels[getattr(run, side)].model_dump() for side in run.towers}
    settled = [run.model_dump(), starts, machine.device.type, machine.precision, machine.batch_size]
    settled.append(torch.__version__)
    settled += [machine.processes.count] if machine.processes.count > 1 else []
    digest.update(json.dumps(settled, sort_keys=True).encode())
    code = [file for path in map(Path, CODE) for file in ([path] if path.is_file() else path.rglob("*.py"))]
    local = [Path(start["weights"]) for start in starts.values() if Path(start["weights"] or "").is_file()]
    for path in (*data, *local, *sorted(code)):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
