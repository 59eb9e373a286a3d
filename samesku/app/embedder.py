"""Embeds new listings by the channels of the main system, with the weights that the pipeline left.

Only channels that carry weight are loaded, and torch only where one of them is a network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samesku import artefacts
from samesku.errors import InputError
from samesku.params import Params
from samesku.params.schema import Channel

Rows = NDArray[np.float32]
Images = Sequence[Image.Image | None]


@dataclass(frozen=True)
class Batch:
    """N new listings: titles and hashes of 16 hex digits ("" for none), pictures (None for none)."""

    titles: Sequence[str]
    images: Images
    hashes: Sequence[str]

    def __len__(self) -> int:
        return len(self.titles)


class Embedder:
    """The channels of `names`, each loaded when it is first used."""

    def __init__(self, names: Sequence[str], settings: Params) -> None:
        self.names, self.settings = list(names), settings
        self._embed: dict[str, Callable[[Batch], Rows]] = {}

    def __call__(self, batch: Batch, widths: dict[str, int] | None = None) -> dict[str, Rows]:
        """Each channel's rows, float32 (N, d), of norm 1, or zero where a listing lacks the channel.

        Args:
            widths: columns of each channel; with them, a channel that no listing of the batch has is not
                even loaded.
        """
        found = {}
        for name in self.names:
            if widths and not self._anybody(name, batch):
                found[name] = np.zeros((len(batch), widths[name]), np.float32)
            else:
                found[name] = self.channel(name)(batch)
        return found

    def channel(self, name: str) -> Callable[[Batch], Rows]:
        """The function that embeds by channel `name`.

        Raises:
            InputError: its weights or its model are not there.
        """
        if name not in self._embed:
            own = self.settings.channels.get(name)
            make = {"phash": self._phash, "tfidf": self._tfidf}.get(own.backend if own else "", self._network)
            self._embed[name] = make(name)
        return self._embed[name]

    def _anybody(self, name: str, batch: Batch) -> bool:
        own = self.settings.channels.get(name)
        if own is not None and own.backend == "phash":
            return any(batch.hashes)
        if self.settings.modality_of()[name] == "title":
            return any(batch.titles)
        return any(image is not None for image in batch.images)

    def _phash(self, name: str) -> Callable[[Batch], Rows]:
        encode, dim = (
            import_module("samesku.embedding.encoders.phash").encode,
            self.settings.channels[name].dim,
        )

        def embed(batch: Batch) -> Rows:
            hashes = np.array([int(digits or "0", 16) for digits in batch.hashes], np.uint64)
            return encode(hashes, np.array([bool(digits) for digits in batch.hashes]), dim)

        return embed

    def _tfidf(self, name: str) -> Callable[[Batch], Rows]:
        folder = artefacts.MODELS / name
        if not (folder / "tfidf.json").is_file():
            raise InputError(f"{folder}/tfidf.json is missing; run `dvc repro embed_zero_shot@{name}`")
        fitted = import_module("samesku.embedding.encoders.tfidf").load(folder)
        return lambda batch: fitted.encode(list(batch.titles))

    def _network(self, name: str) -> Callable[[Batch], Rows]:
        from samesku.embedding import device, load_encoder, runner

        machine, embed = self.settings.machine, self.settings.embed
        device.set_threads(machine.threads)
        where = device.resolve(machine.device)
        precision = device.precision(embed.precision, where)
        label, spec = self._spec(name)
        encoder: Any = load_encoder(label, spec, device=where, precision=precision, engine=self._engine(name))
        size = embed.batch_size
        if spec.modality == "title":
            return lambda batch: runner.embed_titles(
                encoder, batch.titles, batch_size=size, label=name, quiet=len(batch) <= size
            )
        return lambda batch: runner.embed_images(
            encoder,
            batch.images,
            batch_size=size,
            workers=machine.workers,
            label=name,
            quiet=len(batch) <= size,
        )

    def _engine(self, name: str) -> str:
        """What the catalogue's rows were computed with, by their record; a training run's by torch."""
        record = artefacts.MODELS / name / "channel.json"
        return artefacts.read_json(record).get("engine", "torch") if record.is_file() else "torch"

    def _spec(self, name: str) -> tuple[str, Channel]:
        """The channel to load, and its name; of a training run, the one it started from, with its weights."""
        if name in self.settings.channels:
            return name, self.settings.channels[name]
        run, _, side = name.rpartition("_")
        start: str = getattr(self.settings.train[run], side)
        weights = artefacts.MODELS / f"{run}.safetensors"
        if not weights.is_file():
            raise InputError(f"{weights} is missing; run `dvc repro train_pxk@{run}`")
        plain = {"weights": weights.as_posix(), "revision": None, "sha256": None}
        return name, self.settings.channels[start].model_copy(update=plain)
