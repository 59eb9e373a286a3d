"""Runs an encoder over pictures or titles, in batches, with progress.

On a CPU, whole batches run side by side, one to a thread, each from reading to its vectors: nothing waits at
a barrier inside a layer, reading needs no core of its own, and no vector hangs on the number of threads.
On an accelerator, worker processes read ahead of it.
"""

from __future__ import annotations

import copy
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from samesku.embedding.base import ImageEncoder, TitleEncoder
from samesku.embedding.device import autocast
from samesku.embedding.preprocess import Preprocess, stack
from samesku.embedding.shards import Shards

Floats = NDArray[np.float32]
Images = Sequence[Image.Image | None]
Rows = list[int]
Tokens = dict[str, Tensor]
Job = TypeVar("Job")
#: Pictures that a thread of a CPU takes at once. Of more, what a layer leaves has left the processor's cache
#: before the next one reads it: 64 at once are a third slower.
AT_ONCE = 8


def embed_images(
    encoder: ImageEncoder,
    images: Images,
    *,
    batch_size: int = 64,
    workers: int = 0,
    label: str = "images",
    present: NDArray[np.bool_] | None = None,
    quiet: bool = False,
    shards: Shards | None = None,
) -> Floats:
    """Embed pictures.

    Args:
        images: one RGB picture per listing, or None; each thread or process reads a copy of its own.
        batch_size: pictures at once, at most; a CPU takes AT_ONCE where it may.
        workers: with an accelerator, processes that read and shrink pictures ahead of it; 0: none.
        present: (N,) bool, the listings that have a picture, where known: the others are not even read.
        shards: keeps the rows as they come; those that it has are not embedded again.

    Returns:
        (N, dim) float32, rows of norm 1; zero where there is no picture.
    """
    rows = list(range(len(images))) if present is None else np.flatnonzero(present).tolist()
    out = np.zeros((len(images), encoder.dim), np.float32)
    batch_size = pictures_at_once(encoder, batch_size)
    with filling(out, rows, batch_size, label, quiet, shards) as (batches, done):

        def fill(batch: Rows, pictures: tuple[Rows, Tensor]) -> None:
            found, pixels = pictures
            if found:
                out[found] = vectors(encoder, encoder.prepare.normalise(pixels.to(encoder.device)))
            done(batch)

        if encoder.device.type == "cpu":
            read = reader(images, encoder.prepare)
            side_by_side(batches, lambda batch: fill(batch, read(batch)), encoder.precision)
        else:
            left = [row for batch in batches for row in batch]
            ahead = read_ahead(images, left, encoder.prepare, batch_size, workers)
            for batch, pictures in zip(batches, ahead, strict=True):
                fill(batch, pictures)
    return out


def embed_titles(
    encoder: TitleEncoder,
    titles: Sequence[str],
    *,
    batch_size: int = 64,
    label: str = "titles",
    quiet: bool = False,
    shards: Shards | None = None,
) -> Floats:
    """Embed titles, longest first.

    Args:
        shards: as embed_images.

    Returns:
        (N, dim) float32 in the order of `titles`, rows of norm 1; zero where the title is empty.
    """
    rows = longest_first(titles)
    out = np.zeros((len(titles), encoder.dim), np.float32)
    alone = threading.Lock()  # a tokenizer keeps its padding and truncation in itself
    with filling(out, rows, batch_size, label, quiet, shards) as (batches, done):

        def fill(batch: Rows) -> None:
            with alone:
                tokens = encoder.prepare([titles[i] for i in batch])
            out[batch] = vectors(encoder, {key: ids.to(encoder.device) for key, ids in tokens.items()})
            done(batch)

        if encoder.device.type == "cpu":
            side_by_side(batches, fill, encoder.precision)
        else:
            for batch in batches:
                fill(batch)
    return out


def pictures_at_once(encoder: ImageEncoder, batch_size: int) -> int:
    """How many pictures a forward pass takes where `batch_size` are allowed."""
    return min(batch_size, AT_ONCE) if encoder.device.type == "cpu" else batch_size


def longest_first(titles: Sequence[str]) -> Rows:
    """The rows that have a title; a batch of one length pads little."""
    return sorted((i for i, title in enumerate(titles) if title), key=lambda i: -len(titles[i]))


@torch.inference_mode()
def vectors(encoder: ImageEncoder | TitleEncoder, batch: Tensor | Tokens) -> Floats:
    """(B, dim) float32 of one batch, normalised in float32 whatever the precision of the model."""
    with autocast(encoder.device, encoder.precision):
        found = encoder.forward(batch)  # type: ignore[arg-type]
    return torch.nn.functional.normalize(found.float(), dim=-1).cpu().numpy()


def side_by_side(jobs: Iterable[Job], work: Callable[[Job], object], precision: str = "fp32") -> None:
    """Do each of `jobs` in one of as many threads as torch has, with torch at one thread in each of them.

    Args:
        precision: held over the jobs of a thread, so that the weights are cast once and not for every job.
    """
    threads = torch.get_num_threads()
    waiting, stop = iter(jobs), threading.Event()
    turn = threading.Lock()

    def take() -> Iterator[Job]:
        while not stop.is_set():
            with turn:
                try:
                    job = next(waiting)
                except StopIteration:
                    return
            yield job

    def run() -> None:
        torch.set_num_threads(1)
        try:
            with autocast(torch.device("cpu"), precision):
                for job in take():
                    work(job)
        finally:
            stop.set()

    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            try:
                for done in [pool.submit(run) for _ in range(threads)]:
                    done.result()
            finally:
                stop.set()  # on Ctrl-C the threads end after the batch at hand
    finally:
        torch.set_num_threads(threads)


def reader(images: Images, prepare: Preprocess) -> Callable[[Rows], tuple[Rows, Tensor]]:
    """A function that reads the pictures of some rows, for several threads: each opens its own copy."""
    own = threading.local()

    def read(rows: Rows) -> tuple[Rows, Tensor]:
        if not hasattr(own, "pictures"):
            own.pictures = _Pictures(copy.copy(images), prepare)
        return _stack([own.pictures[row] for row in rows])

    return read


def read_ahead(
    images: Images, rows: Rows, prepare: Preprocess, batch_size: int, workers: int
) -> Iterator[tuple[Rows, Tensor]]:
    """Batches of rows and their pictures, read by worker processes."""
    workers = workers if len(rows) > batch_size else 0  # one batch is read sooner than a process starts
    loader: DataLoader[tuple[int, Tensor | None]] = DataLoader(
        _Pictures(images, prepare),
        batch_size=batch_size,
        sampler=rows,
        num_workers=workers,
        collate_fn=_stack,
        prefetch_factor=4 if workers else None,
        pin_memory=torch.cuda.is_available(),
    )
    yield from loader


def chunks(rows: list[Job], size: int) -> list[list[Job]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


@contextmanager
def filling(
    out: Floats, rows: Rows, batch_size: int, label: str, quiet: bool, shards: Shards | None
) -> Iterator[tuple[list[Rows], Callable[[Rows], None]]]:
    """The batches of `rows` that are still to do, and what to call when one of them stands in `out`.

    The batches are the same whatever shards keep, so a run that went on gives the bits of one that did not
    stop. What was done is kept also where embedding fails or is stopped.
    """
    batches = chunks(rows, batch_size)
    if shards:
        kept = shards.load(out)
        batches = [batch for batch in batches if not kept[batch].all()]
    # On a terminal the bar moves; in a log it is a line every ten seconds.
    pace = 0.2 if sys.stderr.isatty() else 10.0
    left = sum(map(len, batches))
    with tqdm(total=len(rows), initial=len(rows) - left, desc=f"embed {label}", unit="listing",
              mininterval=pace, disable=quiet) as bar:  # fmt: skip

        def done(batch: Rows) -> None:
            if shards:
                shards.add(batch, out[batch])
            bar.update(len(batch))

        try:
            yield batches, done
        except BaseException:
            with suppress(OSError):  # a full disk, which may be what has failed
                if shards:
                    shards.flush()
            raise
        if shards:
            shards.flush()


class _Pictures(Dataset[tuple[int, Tensor | None]]):
    """Pictures by row, shrunk to what the model takes; what a worker process holds."""

    def __init__(self, images: Images, prepare: Preprocess) -> None:
        self.images, self.prepare = images, prepare

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[int, Tensor | None]:
        image = self.images[row]
        return row, None if image is None else self.prepare.pixels(image)


def _stack(items: list[tuple[int, Tensor | None]]) -> tuple[Rows, Tensor]:
    """The rows that have a picture, and their pixels, (B, 3, size, size) uint8, channels last in memory."""
    found = [(row, pixels) for row, pixels in items if pixels is not None]
    if not found:
        return [], torch.empty(0)
    return [row for row, _ in found], stack([pixels for _, pixels in found])
