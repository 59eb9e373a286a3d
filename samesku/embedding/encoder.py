"""What every backend has in common: an encoder of titles, pictures or hashes. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samesku.arrays import Bools, Float32
from samesku.catalogue.images import Jpegs, PackedImages
from samesku.store import Store

BLOCK = 4096  # listings that a backend without batches of its own embeds at a time


@dataclass(frozen=True)
class Spec:
    """The encoder of a channel, by the keys of `channels.<name>` in params.yaml.

    Attributes:
        model: name of the model in the backend's library; "" for a backend without weights.
        weights: None (the hub, by `model`), "hub:<repository>", "package:<import name>", or a local path; the
            path may be a file that training wrote.
        revision: commit of the hub's repository.
        sha256: of the weights file; checked before it is read.
        pooling: how a sentence_transformers model makes one vector of its tokens; None: as the model says.
        dim: columns of a row, where the backend leaves the choice.
        views: 2 embeds a picture as the mean of the picture and its mirror image; 1: the picture alone.
    """

    modality: str
    backend: str
    model: str = ""
    weights: str | None = None
    revision: str | None = None
    sha256: str | None = None
    pooling: str | None = None
    dim: int | None = None
    views: int = 1

    @classmethod
    def of(cls, channel: Any) -> Spec:
        """Take the fields from a channel of params.yaml, which has further ones."""
        if isinstance(channel, cls):
            return channel
        values = {field.name: getattr(channel, field.name) for field in fields(cls)}
        return cls(**{key: value for key, value in values.items() if value is not None})


@dataclass(frozen=True)
class Content:
    """What N listings can be embedded by, as in a listing's columns: "" or None where a listing lacks it.

    Where listings have several pictures, pictures and hashes are N + M: the first of each listing, then the others.

    has_image: bool (N,) or (N + M,), where it is known; None: the pictures are looked through.
    """

    title: Sequence[str]
    image: Sequence[Image.Image | None]
    image_phash: Sequence[str]
    has_image: Bools | None = None

    def __len__(self) -> int:
        return len(self.title)

    def column(self, name: str) -> Sequence[Any]:
        """The titles, pictures or hashes, by the name of their column."""
        return getattr(self, name)

    def present(self, name: str) -> Bools:
        """bool (N,): the listings that have a title, a picture or a hash."""
        if name != "image":
            return np.array([bool(value) for value in self.column(name)], bool)
        if self.has_image is not None:
            return self.has_image
        if isinstance(self.image, Jpegs):  # indexing it would decode the picture
            return np.array([self.image.jpeg(row) is not None for row in range(len(self.image))], bool)
        return np.array([picture is not None for picture in self.image], bool)


def take(column: Sequence[Any], rows: Sequence[int]) -> Sequence[Any]:
    """The titles, pictures or hashes of some listings; packed pictures stay packed until they are read."""
    if isinstance(column, PackedImages):
        return column.some(list(rows))
    return [column[row] for row in rows]


@dataclass(frozen=True)
class RunInfo:
    """How an encoder computes its rows.

    Attributes:
        record: model, engine and weights, for the channel's record; empty for a backend without weights.
        processor: what the last bits of a row depend on: number format, device, versions.
        summary: processor and number format, for people.
    """

    record: dict[str, Any] = field(default_factory=dict)
    processor: list[str] = field(default_factory=list)
    summary: str = "cpu"


@dataclass(kw_only=True)
class Encoder:
    """One channel's encoder. A backend's module, encoders/<backend>.py, has `load(spec) -> Encoder`.

    A backend without weights gives `encode`; one that learns from the catalogue, `fit`, `save` and `restore`
    too. Networks share a subclass, samesku.embedding.network. `dim` is the number of columns of a row.
    """

    spec: Spec
    dim: int
    #: Titles or pictures that the last `embed` computed; the others were in the store, or came twice.
    n_embedded: int = 0

    def fit(self, column: Sequence[Any], rows: Sequence[int]) -> None:
        """Learn from the listings `rows` of `column`; most backends learn nothing."""

    def save(self, folder: Path) -> None:
        """Write to `folder` what `fit` learned."""

    def restore(self, folder: Path) -> None:
        """Read what `save` wrote; FileNotFoundError where nothing was saved."""

    def encode(self, column: Sequence[Any]) -> Float32:
        """Embed a block of listings: (B, dim) float32, rows of norm 1, or zero as in `embed`."""
        raise NotImplementedError

    def embed(
        self,
        column: Sequence[Any],
        *,
        present: Bools | None = None,
        store: Path | None = None,
        label: str | None = None,
    ) -> Float32:
        """Embed listings.

        Args:
            column: N titles, pictures or hashes, as BACKENDS says for the backend.
            present: bool (N,), the listings that have something to embed, where that is known. A network
                reads no others, and their rows are zero.
            store: the folder of the embedding store; a network embeds nothing again that is there.
            label: name of a network's progress bar; None: no bar.

        Returns:
            (N, dim) float32, rows of norm 1, or zero where a listing has nothing to embed.
        """
        rows = np.zeros((len(column), self.dim), np.float32)
        for start in range(0, len(column), BLOCK):
            block = range(start, min(start + BLOCK, len(column)))
            rows[start : start + BLOCK] = self.encode(take(column, block))
        self.n_embedded = len(column) if present is None else int(present.sum())
        return rows

    def identity(self) -> str:
        """All that decides a row beside the content that it is computed from; only networks have one."""
        raise NotImplementedError

    def open_store(self, root: Path | None) -> Store | None:
        """This encoder's rows in the embedding store; None without a store."""
        return None if root is None else Store(root / f"{self.spec.modality}-{self.identity()}")

    def run_info(self) -> RunInfo:
        return RunInfo()


def scramble(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A fixed pseudo-random number for each of `z`, by SplitMix64 (Steele et al. 2014); uint64, same shape.

    A library's generator may change with its version; rows must not.
    """
    z = (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
