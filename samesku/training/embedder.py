"""Listings by the towers as they are, at the end of an epoch or of the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from samesku.embedding import runner
from samesku.embedding.shards import Shards
from samesku.training.machine import Machine
from samesku.training.sample import Sample
from samesku.training.towers import Tower


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
