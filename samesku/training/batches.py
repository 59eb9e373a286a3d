"""The batches of a run, read and augmented in worker processes; the same whatever their number."""

import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from samesku.arrays import Float32, Int64
from samesku.embedding.preprocess import Preprocess, stack
from samesku.training.augment import PictureAugmentation, draw_seed, drop_words
from samesku.training.processes import SINGLE_PROCESS, Processes
from samesku.training.sampler import Sampler

DrawKey = tuple[int, int]  # a training row, and the index of the draw
Example = dict[str, Any]


@dataclass(frozen=True)
class TrainingExamples(Dataset[Example]):
    """What the towers take of each training listing, augmented anew in each draw.

    Attributes:
        rows: int (n,), the listing of each training row, an index of `images`, `titles` and `features`.
        posting_ids: (n,), for messages. seed: of the run.
        images, titles: None without a tower for them; readable from any process.
        prepare: resizes a picture where there is no `augmentation`. word_dropout: share of words that are dropped.
        features: by modality, float32 (N, d): what a frozen trunk gives for each listing, in place of its
            picture or title.
    """

    rows: Int64
    posting_ids: Sequence[str] | NDArray[np.object_]
    seed: int
    images: Sequence[Image.Image | None] | None = None
    titles: Sequence[str] | None = None
    prepare: Preprocess | None = None
    augmentation: PictureAugmentation | None = None
    word_dropout: float = 0.0
    features: Mapping[str, Float32] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: DrawKey) -> Example:
        row, draw = key
        listing = int(self.rows[row])
        example: Example = {
            modality: torch.from_numpy(features[listing].copy())
            for modality, features in self.features.items()
        }
        if self.images is not None:
            image = self.images[listing]
            if image is None or self.prepare is None:
                raise ValueError(f"listing {listing} has no picture to train on")
            if self.augmentation is None:
                example["image"] = self.prepare.pixels(image)
            else:
                example["image"] = self.augmentation(image, draw_seed(self.seed, draw, 0))
        if self.titles is not None:
            seed = draw_seed(self.seed, draw, 1)
            example["title"] = drop_words(self.titles[listing], self.word_dropout, seed)
        return example


@dataclass(frozen=True)
class TrainingBatch:
    """The listings of one step.

    Attributes:
        rows: int64 (B,), the training rows of the batch.
        inputs: by modality, of the b rows that are this process's share, which is all B without further
            processes: "image" uint8 (b, 3, size, size), "title" b strings, or float32 features (b, d).
    """

    step: int
    rows: Int64
    inputs: dict[str, Any]


def read_batches(
    examples: TrainingExamples,
    sampler: Sampler,
    start: int,
    end: int,
    workers: int,
    processes: Processes = SINGLE_PROCESS,
) -> Iterator[TrainingBatch]:
    """The batches of steps start … end − 1, read a few ahead; each process reads its share of a batch."""
    batches = list(islice(iter(sampler), start, end))
    keys = []
    for step, rows in enumerate(batches, start):
        draws = [(int(row), step * len(rows) + i) for i, row in enumerate(rows)]
        keys.append(draws[processes.share(len(rows))])
    loader = DataLoader(
        examples,
        batch_sampler=keys,
        num_workers=0 if examples.images is None else workers,  # features and titles are in memory
        collate_fn=_collate,
        worker_init_fn=_start_worker,
        generator=torch.Generator(),  # or it would draw from the global generator
        pin_memory=torch.cuda.is_available(),
    )
    for step, (rows, inputs) in enumerate(zip(batches, loader, strict=True), start):
        yield TrainingBatch(step, rows, inputs)


def _collate(examples: list[Example]) -> dict[str, Any]:
    """By modality, pictures and features as one tensor, titles as a list."""
    inputs: dict[str, Any] = {name: [example[name] for example in examples] for name in examples[0]}
    for name, values in inputs.items():
        if isinstance(values[0], Tensor):
            inputs[name] = stack(values) if values[0].dim() == 3 else torch.stack(values)
    return inputs


def _start_worker(_: int) -> None:
    """Ctrl-C is the main process's to answer; it ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
