"""The batches of a run, read and augmented in worker processes, the same whatever their number."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from samesku.embedding.preprocess import Preprocess, stack
from samesku.training.augment import Pictures, draw_seed, leave_out_words
from samesku.training.processes import ALONE, Processes
from samesku.training.sampler import Sampler

Key = tuple[int, int]  # the listing's row, the number of the draw
Item = dict[str, Any]


@dataclass(frozen=True)
class Listings(Dataset[Item]):
    """Training listings, drawn by (row, number of the draw).

    Attributes:
        rows: int (n,): place in `images` and `titles` of each training row.
        images: pictures by place, readable from any process; None without an image tower.
        titles: likewise; None without a title tower.
        prepare: what makes pixels of a picture where `pictures` is None, which is then not augmented.
        words: share of a title's words left out.
        features: by tower, float32 (N, d): what a wholly frozen trunk made of each listing, given in place of
            its picture or title.
    """

    rows: np.ndarray
    seed: int
    images: Sequence[Image.Image | None] | None = None
    titles: Sequence[str] | None = None
    prepare: Preprocess | None = None
    pictures: Pictures | None = None
    words: float = 0.0
    features: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Key) -> Item:
        row, draw = key
        place = int(self.rows[row])
        item: Item = {side: torch.from_numpy(rows[place].copy()) for side, rows in self.features.items()}
        if self.images is not None:
            image = self.images[place]
            if image is None or self.prepare is None:
                raise ValueError(f"listing {place} has no picture to train on")
            if self.pictures is None:
                item["image"] = self.prepare.pixels(image)
            else:
                item["image"] = self.pictures(image, draw_seed(self.seed, draw, 0))
        if self.titles is not None:
            item["title"] = leave_out_words(self.titles[place], self.words, draw_seed(self.seed, draw, 1))
        return item


@dataclass(frozen=True)
class Batch:
    """One step's listings: `rows`, int64 (B,) of the training rows, and by tower what they hold.

    `inputs["image"]`: uint8 (b, 3, size, size); `inputs["title"]`: b strings; or float32 features (b, d); of
    the b rows that are this process's share, without others all B.
    """

    step: int
    rows: np.ndarray
    inputs: dict[str, Any]


def stream(
    listings: Listings,
    sampler: Sampler,
    start: int,
    end: int,
    workers: int,
    processes: Processes = ALONE,
) -> Iterator[Batch]:
    """The batches of steps start … end − 1, a few ahead of use; this process reads its share of each."""
    plan = list(islice(iter(sampler), start, end))
    keys = [
        [(int(row), (start + at) * len(rows) + place) for place, row in enumerate(rows)][
            processes.share(len(rows))
        ]
        for at, rows in enumerate(plan)
    ]
    workers = 0 if listings.images is None else workers  # features and titles are at hand
    loader = DataLoader(
        listings,
        batch_sampler=keys,
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=_start_worker,
        generator=torch.Generator(),  # or it would draw from the global one
        pin_memory=torch.cuda.is_available(),
    )
    for at, inputs in enumerate(loader):
        yield Batch(start + at, plan[at], inputs)


def _collate(items: list[Item]) -> dict[str, Any]:
    columns = {name: [item[name] for item in items] for name in items[0]}
    return {name: _together(own) for name, own in columns.items()}


def _together(own: list[Any]) -> Any:
    """Pictures and features as one tensor, titles as a list."""
    if isinstance(own[0], str):
        return own
    return stack(own) if own[0].dim() == 3 else torch.stack(own)


def _start_worker(_: int) -> None:
    """Ctrl-C is the main process's to answer; it ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
