"""Runs an encoder over pictures or titles, in blocks, with progress."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from stages.encoders.base import ImageEncoder, TitleEncoder
from stages.encoders.device import autocast
from stages.encoders.preprocess import Preprocess

Floats = NDArray[np.float32]
Tokens = dict[str, Tensor]


def embed_images(
    encoder: ImageEncoder,
    images: Sequence[Image.Image | None],
    *,
    batch_size: int = 64,
    workers: int = 0,
    label: str = "images",
    present: NDArray[np.bool_] | None = None,
    quiet: bool = False,
) -> Floats:
    """Embed pictures.

    Args:
        images: one RGB picture per listing, or None; with workers it must be picklable, and is read in them.
        workers: processes that read and shrink pictures; 0 does it in this one.
        present: (N,) bool, the listings that have a picture, where known: the others are not even read.

    Returns:
        (N, dim) float32, rows of norm 1; zero where there is no picture.
    """
    rows = list(range(len(images))) if present is None else np.flatnonzero(present).tolist()
    batches = image_batches(encoder, images, batch_size=batch_size, workers=workers, rows=rows)
    return _fill(encoder, batches, len(images), len(rows), label, quiet)


def embed_titles(
    encoder: TitleEncoder,
    titles: Sequence[str],
    *,
    batch_size: int = 64,
    label: str = "titles",
    quiet: bool = False,
) -> Floats:
    """Embed titles.

    Returns:
        (N, dim) float32 in the order of `titles`, rows of norm 1; zero where the title is empty.
    """
    batches = title_batches(encoder, titles, batch_size=batch_size)
    return _fill(encoder, batches, len(titles), sum(map(bool, titles)), label, quiet)


def image_batches(
    encoder: ImageEncoder,
    images: Sequence[Image.Image | None],
    *,
    batch_size: int,
    workers: int = 0,
    rows: list[int] | None = None,
) -> Iterator[tuple[list[int], Tensor]]:
    """Rows and their pictures, (B, 3, size, size) float32 on the encoder's device; None is left out."""
    rows = list(range(len(images))) if rows is None else rows
    workers = workers if len(rows) > batch_size else 0  # one batch is read sooner than a process starts
    loader: DataLoader[tuple[int, Tensor | None]] = DataLoader(
        _Pictures(images, rows, encoder.prepare),
        batch_size=batch_size,
        num_workers=workers,
        collate_fn=_stack,
        prefetch_factor=4 if workers else None,
        pin_memory=encoder.device.type == "cuda",
    )
    for found, pixels in loader:
        if found:
            yield found, encoder.prepare.normalise(pixels.to(encoder.device, non_blocking=True))


def title_batches(
    encoder: TitleEncoder, titles: Sequence[str], *, batch_size: int
) -> Iterator[tuple[list[int], Tokens]]:
    """Rows and the tokens of their titles, longest first: a batch of one length pads little."""
    rows = sorted((i for i, title in enumerate(titles) if title), key=lambda i: -len(titles[i]))
    for start in range(0, len(rows), batch_size):
        found = rows[start : start + batch_size]
        tokens = encoder.prepare([titles[i] for i in found])
        yield found, {key: tensor.to(encoder.device) for key, tensor in tokens.items()}


@torch.inference_mode()
def vectors(encoder: ImageEncoder | TitleEncoder, batch: Tensor | Tokens) -> Floats:
    """(B, dim) float32 of one batch, normalised in float32 whatever the precision of the model."""
    with autocast(encoder.device, encoder.precision):
        found = encoder.forward(batch)  # type: ignore[arg-type]
    return torch.nn.functional.normalize(found.float(), dim=-1).cpu().numpy()


def _fill(
    encoder: ImageEncoder | TitleEncoder,
    batches: Iterator[tuple[list[int], Tensor]] | Iterator[tuple[list[int], Tokens]],
    length: int,
    total: int,
    label: str,
    quiet: bool,
) -> Floats:
    """Fill an array of zeros with the vectors of `batches`."""
    out = np.zeros((length, encoder.dim), np.float32)
    # On a terminal the bar moves; in a log it is a line every ten seconds.
    pace = 0.2 if sys.stderr.isatty() else 10.0
    with tqdm(total=total, desc=f"embed {label}", unit="listing", mininterval=pace, disable=quiet) as bar:
        for rows, batch in batches:
            out[rows] = vectors(encoder, batch)
            bar.update(len(rows))
    return out


class _Pictures(Dataset[tuple[int, Tensor | None]]):
    """The pictures of `rows`, shrunk to what the model takes; what a worker process holds."""

    def __init__(self, images: Sequence[Image.Image | None], rows: list[int], prepare: Preprocess) -> None:
        self.images, self.rows, self.prepare = images, rows, prepare

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[int, Tensor | None]:
        image = self.images[self.rows[i]]
        return self.rows[i], None if image is None else self.prepare.pixels(image)


def _stack(items: list[tuple[int, Tensor | None]]) -> tuple[list[int], Tensor]:
    """The rows that have a picture, and their pixels, (B, 3, size, size) uint8, channels last in memory."""
    found = [(row, pixels) for row, pixels in items if pixels is not None]
    if not found:
        return [], torch.empty(0)
    # The pictures lie in memory as (size, size, 3); stacked so, the batch is channels_last without a copy.
    stacked = torch.stack([pixels.permute(1, 2, 0) for _, pixels in found]).permute(0, 3, 1, 2)
    return [row for row, _ in found], stacked
