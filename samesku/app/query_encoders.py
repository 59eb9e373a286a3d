"""The encoders that embed new listings as the catalogue was embedded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from samesku import artefacts
from samesku.arrays import Float32
from samesku.embedding.encoder import Content, Encoder
from samesku.encoders.registry import find_channel, load_channel, needed_column
from samesku.errors import InputError
from samesku.params import Channel, Params
from samesku.search.fusion import Fused, Owner


class QueryEncoders:
    """The encoders of the channels `names`, each loaded when it is first needed.

    Args:
        root: the folder of params.yaml, in which data/models/ and local weights are.
    """

    def __init__(self, names: Sequence[str], params: Params, root: Path = Path()) -> None:
        self.params, self.models = params, root / artefacts.MODELS
        self.channels = {
            name: _in_folder(find_channel(name, params, artefacts.MODELS), root) for name in names
        }
        self._encoders: dict[str, Encoder] = {}
        self.root = root
        self.stamp = self._stamp()

    def _stamp(self) -> tuple[Any, ...]:
        """Changes whenever a stage writes the catalogue, or what an encoder learned from it."""
        paths = [self.root / artefacts.LISTINGS, self.root / artefacts.FUSED, *sorted(self.models.glob("*"))]
        return tuple(
            (str(path), path.stat().st_ino, path.stat().st_mtime_ns) for path in paths if path.exists()
        )

    def embed(self, content: Content, widths: dict[str, int] | None = None) -> dict[str, Float32]:
        """Each channel's rows, float32 (N, dim), of norm 1, or zero where a listing lacks the channel.

        Of pictures (N + M, dim), where the listings have M further ones.

        Args:
            widths: columns of each channel; with them, a channel that no listing has is not even loaded.
        """
        embeddings = {}
        for name, channel in self.channels.items():
            column = needed_column(channel)
            present = content.present(column)
            if widths and not present.any():
                embeddings[name] = np.zeros((len(present), widths[name]), np.float32)
                continue
            label = name if len(present) > self.params.embed.batch_size else None
            encoder = self.encoder(name)
            embeddings[name] = encoder.embed(content.column(column), present=present, label=label)
        return embeddings

    def share(self, others: "QueryEncoders") -> None:
        """Load each encoder once for two systems of one run."""
        self._encoders = others._encoders

    def encoder(self, name: str) -> Encoder:
        """The encoder of channel `name`.

        Raises:
            InputError: its weights, or what it learned from the catalogue, are not there.
        """
        if name not in self._encoders:
            channel, params = self.channels[name], self.params
            if name not in params.channels and not Path(channel.weights or "").is_file():
                run = name.rpartition("_")[0]
                raise InputError(f"{channel.weights} is missing; run `dvc repro train_pxk@{run}`")
            try:
                encoder = load_channel(name, channel, params.embed, params.machine, self.models / name)
            except FileNotFoundError as error:
                raise InputError(
                    f"{error.filename} is missing; run `dvc repro embed_zero_shot@{name}`"
                ) from None
            if self._stamp() != self.stamp:
                raise InputError(
                    "the pipeline has run since this catalogue was opened; start samesku again, to ask the new one"
                )
            self._encoders[name] = encoder
        return self._encoders[name]


@dataclass(frozen=True)
class QueryRows:
    """N new listings, embedded: the rows of each channel, the fused rows, the listing of each picture's row."""

    channels: dict[str, Float32]
    fused: Fused
    owner: Owner = None

    def __len__(self) -> int:
        return len(self.fused)


def _in_folder(channel: Channel, root: Path) -> Channel:
    """The channel with its local files as seen from here; `root` is the folder from which it names them."""
    weights, model = channel.weights, channel.model
    if weights and not weights.startswith(("hub:", "package:")):
        weights = (root / weights).as_posix()
    if model and (root / model).is_file():
        model = (root / model).as_posix()
    return channel.model_copy(update={"weights": weights, "model": model})
