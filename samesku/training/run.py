"""What a training run works with: the listings of a catalogue, the towers, embedding with the towers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from samesku.annotations.products import products_to_train
from samesku.arrays import Bools, Float32, Int64
from samesku.catalogue.listings import Links, Listings
from samesku.embedding.encoder import Content
from samesku.embedding.network import ImageEncoder, NetworkEncoder
from samesku.encoders.registry import load_encoder
from samesku.errors import InputError
from samesku.params import Channel, TrainRun
from samesku.reading import read_array
from samesku.training.augment import PictureAugmentation
from samesku.training.batches import TrainingExamples
from samesku.training.processes import ComputeConfig
from samesku.training.sampler import fit_batches
from samesku.training.towers import Tower

BLOCK = 4096  # features that go through a head at once


@dataclass(frozen=True)
class TrainingSet:
    """A catalogue of N listings as training sees it: their ids and splits, titles and pictures, and products.

    product: int64 (N,), by the labels, and in train by the annotations too; −1 where there is none.
    """

    listings: Listings
    content: Content
    product: Int64

    @classmethod
    def annotated(cls, listings: Listings, content: Content, links: Links) -> TrainingSet:
        """The products of train joined by its must-links, and parted by its cannot-links."""
        return cls(listings, content, products_to_train(listings, links))

    def __len__(self) -> int:
        return len(self.listings)

    def reason_to_skip(self, run: TrainRun) -> str | None:
        """Why the run does not apply to this catalogue; None where it does."""
        if run.loss != "image_text" and (self.product < 0).all():
            return "no listing has a label_group"
        missing = [modality for modality in run.towers if not self.content.present(modality).any()]
        if missing:
            return f"no listing has {' and '.join(missing)}"
        try:
            fit_batches(run, self.select(run)[1])
        except InputError as error:
            return str(error)
        return None

    def select(self, run: TrainRun) -> tuple[Int64, Int64]:
        """Rows of train with a product and all that the towers need, (n,); their products, numbered from 0, (n,).

        The loss image_text needs no product: listings without one count too, as one product.
        """
        chosen = (self.listings.split == "train") & ((self.product >= 0) | (run.loss == "image_text"))
        for modality in run.towers:
            chosen &= self.content.present(modality)[: len(self)]  # batches hold first pictures
        rows = np.flatnonzero(chosen)
        return rows, np.unique(self.product[rows], return_inverse=True)[1]

    def rows_of(self, modality: str, chosen: Bools) -> Bools:
        """The rows of a modality that the chosen listings, bool (N,), have: bool (N,), or (N + M,) of pictures."""
        present = self.content.present(modality)
        return present & (chosen if len(present) == len(chosen) else chosen[self.listings.owner])


class TowerEmbedder:
    """Embeds listings with the towers as they are; each process embeds its share.

    features: by modality, float32 (N, d): what a frozen trunk gives for every listing, embedded once.
    """

    def __init__(self, training_set: TrainingSet, compute: ComputeConfig, label: str) -> None:
        self.training_set, self.compute, self.label = training_set, compute, label
        self.features: dict[str, Float32] = {}

    def embed(
        self, towers: Mapping[str, Tower], chosen: Bools, store: Path | None = None
    ) -> dict[str, Float32]:
        """By modality, float32 (N, dim): rows of norm 1, zero where a listing lacks it or is not `chosen`.

        Pictures have M rows more where listings have M further pictures. `store` is that of `Encoder.embed`.
        """
        embeddings = {}
        for modality, tower in towers.items():
            tower.eval()
            if modality in self.features:
                embeddings[modality] = self._embed_features(tower, modality, chosen)
            else:
                embeddings[modality] = self.embed_content(tower.encoder, modality, chosen, store)
        return embeddings

    def embed_content(
        self, encoder: NetworkEncoder, modality: str, chosen: Bools, store: Path | None = None
    ) -> Float32:
        """As `embed`, of one encoder."""
        content, processes = self.training_set.content, self.compute.processes
        wanted = self.training_set.rows_of(modality, chosen)
        rows = np.flatnonzero(wanted)
        share = np.zeros(len(wanted), bool)
        share[rows[processes.rank :: processes.count]] = True
        embeddings = encoder.embed(
            content.column(modality),
            present=share,
            store=store,
            label=f"{self.label} {modality}" if processes.is_first else None,
        )
        return processes.sum_array(embeddings)

    @torch.inference_mode()
    def _embed_features(self, tower: Tower, modality: str, chosen: Bools) -> Float32:
        wanted = self.training_set.rows_of(modality, chosen)
        embeddings = np.zeros((len(wanted), tower.dim), np.float32)
        rows = np.flatnonzero(wanted)
        for block in np.array_split(rows, max(1, len(rows) // BLOCK)):
            features = torch.from_numpy(self.features[modality][block])
            embeddings[block] = tower(features).cpu().numpy()
        return embeddings


def load_towers(
    run: TrainRun, channels: Mapping[str, Channel], embedder: TowerEmbedder, path_of: Callable[[str], Path]
) -> dict[str, Tower]:
    """The towers by modality, as their channels start them; features of frozen trunks go into `embedder`.

    Args:
        path_of: name of a channel -> its array. Where it exists, a frozen trunk does not embed the listings again.

    Raises:
        InputError: the weights cannot be loaded, or the towers do not fit the run.
    """
    compute = embedder.compute
    towers: dict[str, Tower] = {}
    for modality in run.towers:
        start = getattr(run, modality)
        encoder = load_encoder(
            start,
            channels[start],
            device=compute.device,
            precision=compute.precision,
            batch_size=compute.batch_size,
            workers=compute.workers,
        )
        file: Path | None = path_of(start)
        if modality == "image" and run.views and run.views != encoder.spec.views:
            encoder.spec, file = replace(encoder.spec, views=run.views), None
        if run.unfreeze_blocks == 0 and run.augment is None:  # the trunk gives the same features every time
            embedder.features[modality] = _frozen_features(encoder, modality, embedder, file)
        elif modality == "image" and run.image_size:
            _check_size(encoder, run.image_size)
        towers[modality] = Tower(
            encoder,
            head_dim=run.head_dim,
            unfreeze_blocks=run.unfreeze_blocks,
            train_batch_norm=run.batch_norm == "train",
            seed=run.seed,
        )
    dims = {modality: tower.dim for modality, tower in towers.items()}
    if len(set(dims.values())) > 1 and (run.cross_modal or run.loss in ("image_text", "arcface")):
        columns = " and ".join(f"{modality} {dim}" for modality, dim in dims.items())
        raise InputError(f"the towers must share one space, but have {columns} columns; give a head_dim")
    return towers


def load_start(
    run: TrainRun, channels: Mapping[str, Channel], compute: ComputeConfig, path_of: Callable[[str], Path]
) -> tuple[dict[str, NetworkEncoder], dict[str, Float32]]:
    """The encoders that the towers of a run start from, and every listing's rows by them, both by modality.

    A run that cannot train leaves these: its channels are then those that it starts from.
    """
    starts: dict[str, str] = {side: getattr(run, side) for side in run.towers}
    rows: dict[str, Float32] = {side: read_array(path_of(name)) for side, name in starts.items()}
    starts = {side: name for side, name in starts.items() if rows[side].shape[1]}
    encoders = {
        side: load_encoder(name, channels[name], device=compute.device) for side, name in starts.items()
    }
    return encoders, rows


def _check_size(encoder: ImageEncoder, size: int) -> None:
    """InputError where the network does not take pictures of `size` pixels."""
    try:
        with torch.inference_mode():
            encoder.forward(torch.zeros(1, 3, size, size, device=encoder.device))
    except Exception as error:
        raise InputError(
            f"image_size is {size}, which {encoder.spec.backend} model {encoder.spec.model} does not take; "
            f"allowed: {encoder.prepare.size}, or null"
        ) from error


def _frozen_features(
    encoder: NetworkEncoder, modality: str, embedder: TowerEmbedder, file: Path | None
) -> Float32:
    """float32 (N, d): what the encoder, still without the tower's head, gives for every listing.

    Args:
        file: the rows of the encoder, where they may be read in place of embedding the listings again.

    That these rows have norm 1 changes nothing: the head has no bias, and its rows are normalised.

    Raises:
        InputError: the file has the rows of another sample.
    """
    every = np.ones(len(embedder.training_set), bool)
    if file is None or not file.is_file():
        return embedder.embed_content(encoder, modality, every)
    features = np.load(file, mmap_mode="r")
    if len(features) != len(embedder.training_set.rows_of(modality, every)):
        raise InputError(
            f"{file} has {len(features)} rows for {len(every)} listings; run `dvc repro` to embed them anew"
        )
    return features


def make_examples(
    run: TrainRun, rows: Int64, towers: Mapping[str, Tower], embedder: TowerEmbedder
) -> TrainingExamples:
    """The training listings `rows` as the towers take them: augmented, or as features of frozen trunks."""
    content, features, augment = embedder.training_set.content, embedder.features, run.augment
    reads = [modality for modality in run.towers if modality not in features]
    prepare: Any = towers["image"].encoder.prepare if "image" in reads else None
    if prepare and run.image_size:
        prepare = replace(prepare, size=run.image_size)
    augmentation = None
    if augment and prepare:
        augmentation = PictureAugmentation(
            prepare.size, augment.crop, augment.flip, augment.jitter, augment.hue
        )
    return TrainingExamples(
        rows=rows,
        posting_ids=embedder.training_set.listings.posting_id[rows],
        seed=run.seed,
        images=content.image if "image" in reads else None,
        titles=content.title if "title" in reads else None,
        prepare=prepare,
        augmentation=augmentation,
        word_dropout=augment.word_dropout if augment else 0.0,
        features=features,
    )
