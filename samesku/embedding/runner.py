"""How a network is run over a catalogue: batches, threads, reading ahead, progress.

On a CPU whole batches are computed at the same time, one to a thread, each from reading to its vectors: no
thread waits for another inside a layer, and no vector depends on the number of threads. On an accelerator,
worker processes read ahead of it.
"""

import copy
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from samesku.arrays import Bools, Float32
from samesku.embedding.device import autocast
from samesku.embedding.preprocess import Preprocess, stack
from samesku.embedding.shards import Shards

Images = Sequence[Image.Image | None]
RowList = list[int]  # row numbers
Item = TypeVar("Item")


def embedding_order(modality: str, column: Sequence[Any], present: Bools | None = None) -> RowList:
    """The rows to embed, in the order in which batches take them.

    Titles go longest first: a batch of like lengths pads little. Empty titles are left out.
    """
    rows = range(len(column)) if present is None else np.flatnonzero(present).tolist()
    if modality == "title":
        return sorted((row for row in rows if column[row]), key=lambda row: -len(column[row]))
    return list(rows)


@contextmanager
def fill_rows(
    out: Float32, rows: RowList, size: int, shards: Shards | None, label: str | None
) -> Iterator[tuple[list[RowList], Callable[[RowList], None]]]:
    """The batches of `rows` that are still to embed, and what to call when one of them stands in `out`.

    The batches are the same whatever the shards hold, so a run that was stopped and goes on gives the bits of
    one that was not. What was embedded is also kept where embedding fails or is stopped.

    Args:
        label: of the progress bar; None: no bar.
    """
    batches = chunks(rows, size)
    if shards:
        embedded = shards.load(out)
        batches = [batch for batch in batches if not embedded[batch].all()]
    # On a terminal the bar moves; in a log it is a line every ten seconds.
    pace = 0.2 if sys.stderr.isatty() else 10.0
    left = sum(map(len, batches))
    with tqdm(total=len(rows), initial=len(rows) - left, desc=f"embed {label}", unit="listing",
              mininterval=pace, disable=label is None) as bar:  # fmt: skip

        def done(batch: RowList) -> None:
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


def run_threads(items: Iterable[Item], work: Callable[[Item], object], precision: str = "fp32") -> None:
    """Call `work` on each item, in as many threads as torch has, with torch at one thread in each of them.

    Args:
        precision: held over all items of a thread, so that the weights are cast once and not for each item.
    """
    threads = torch.get_num_threads()
    waiting, stop, lock = iter(items), threading.Event(), threading.Lock()

    def run() -> None:
        torch.set_num_threads(1)
        try:
            with autocast(torch.device("cpu"), precision):
                while not stop.is_set():
                    with lock:
                        item = next(waiting, None)
                    if item is None:
                        return
                    work(item)
        finally:
            stop.set()

    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            try:
                for future in [pool.submit(run) for _ in range(threads)]:
                    future.result()
            finally:
                stop.set()  # on Ctrl-C each thread ends after its batch
    finally:
        torch.set_num_threads(threads)


def picture_reader(images: Images, prepare: Preprocess) -> Callable[[RowList], tuple[RowList, Tensor]]:
    """A function that reads the pictures of some rows, callable by several threads: each opens the file."""
    local = threading.local()

    def read(rows: RowList) -> tuple[RowList, Tensor]:
        if not hasattr(local, "pictures"):
            local.pictures = _Pictures(copy.copy(images), prepare)
        return _stack([local.pictures[row] for row in rows])

    return read


def read_ahead(
    images: Images, batches: list[RowList], prepare: Preprocess, workers: int
) -> Iterator[tuple[RowList, Tensor]]:
    """The rows of each batch that have a picture, and their pixels, read by worker processes."""
    workers = workers if len(batches) > 1 else 0  # one batch is read sooner than a process starts
    loader: DataLoader[tuple[int, Tensor | None]] = DataLoader(
        _Pictures(images, prepare),
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_stack,
        prefetch_factor=4 if workers else None,
        pin_memory=torch.cuda.is_available(),
    )
    yield from loader


def chunks(items: list[Item], size: int) -> list[list[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


class _Pictures(Dataset[tuple[int, Tensor | None]]):
    """Pictures by row, resized to what the model takes; what a worker process holds."""

    def __init__(self, images: Images, prepare: Preprocess) -> None:
        self.images, self.prepare = images, prepare

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[int, Tensor | None]:
        image = self.images[row]
        return row, None if image is None else self.prepare.pixels(image)


def _stack(items: list[tuple[int, Tensor | None]]) -> tuple[RowList, Tensor]:
    """The rows that have a picture, and their pixels, (B, 3, size, size) uint8, channels last in memory."""
    pictures = [(row, pixels) for row, pixels in items if pixels is not None]
    if not pictures:
        return [], torch.empty(0)
    return [row for row, _ in pictures], stack([pixels for _, pixels in pictures])
