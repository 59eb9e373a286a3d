"""Embeds new listings by the channels of the main system, with what the pipeline left of each of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from samesku.artefacts import MODELS
from samesku.embedding.encoder import Content, Encoder, Rows
from samesku.encoders.registry import find_channel, load_channel, needed_column
from samesku.errors import InputError
from samesku.params import Params


class QueryEncoders:
    """The encoders of the channels `names`, each loaded when it is first needed."""

    def __init__(self, names: Sequence[str], params: Params) -> None:
        self.params = params
        self.channels = {name: find_channel(name, params, MODELS) for name in names}
        self._encoders: dict[str, Encoder] = {}

    def embed(self, content: Content, widths: dict[str, int] | None = None) -> dict[str, Rows]:
        """Each channel's rows, float32 (N, dim), of norm 1, or zero where a listing lacks the channel.

        Args:
            widths: columns of each channel; with them, a channel that no listing has is not even loaded.
        """
        embeddings = {}
        for name, channel in self.channels.items():
            column = needed_column(channel)
            present = content.present(column)
            if widths and not present.any():
                embeddings[name] = np.zeros((len(content), widths[name]), np.float32)
                continue
            label = name if len(content) > self.params.embed.batch_size else None
            encoder = self.encoder(name)
            embeddings[name] = encoder.embed(content.column(column), present=present, label=label)
        return embeddings

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
                encoder = load_channel(name, channel, params.embed, params.machine, MODELS / name)
            except FileNotFoundError as error:
                raise InputError(
                    f"{error.filename} is missing; run `dvc repro embed_zero_shot@{name}`"
                ) from None
            self._encoders[name] = encoder
        return self._encoders[name]
