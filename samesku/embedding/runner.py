"""How a network is run over a catalogue: batches, threads, reading ahead, rows kept as they come, progress.

On a CPU whole batches are computed at the same time, one to a thread, each from reading to its vectors: no
thread waits for another inside a layer, and no vector depends on the number of threads. On an accelerator,
worker processes read ahead of it.
"""

import copy
import os
import sys
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
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

Images = Sequence[Image.Image | None]
RowList = list[int]  # row numbers
Item = TypeVar("Item")
#: Rows of a shard. A kill loses at most these and the batches that are computed: seconds of work.
SHARD_ROWS = 2048


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
    out: Float32, rows: RowList, size: int, folder: Path | None, label: str | None
) -> Iterator[tuple[list[RowList], Callable[[RowList], None]]]:
    """The batches of `rows` that are still to embed, and what to call when one of them stands in `out`.

    The batches are the same whatever is kept, so a run that was stopped and goes on gives the bits of one that
    was not. What was embedded is also kept where embedding fails or is stopped.

    Args:
        folder: where rows are kept as they come; None: nowhere. label: of the progress bar; None: no bar.
    """
    batches = chunks(rows, size)
    shards = Shards(folder) if folder else None
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


class Shards:
    """The rows of one array that are embedded, in a folder of their own.

    A shard is one file of row numbers and vectors, written under another name and renamed. Any rows can form
    a shard, so threads may add batches in any order.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._waiting: list[tuple[Sequence[int], Float32]] = []
        self._lock = threading.Lock()

    def load(self, out: Float32) -> Bools:
        """Read the rows of all shards into `out`, float32 (N, dim).

        A file that is no whole shard, or has rows of another width, is removed.

        Returns:
            bool (N,): the rows that were read; the rest of `out` is set to zero.
        """
        done = np.zeros(len(out), bool)
        for file in sorted(self.folder.glob("*.npz")):
            try:
                with np.load(file, allow_pickle=False) as shard:
                    rows, vectors = shard["rows"], shard["vectors"]
                out[rows] = vectors
            except (ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile):
                file.unlink()
                continue
            done[rows] = True
        out[~done] = 0
        return done

    def add(self, rows: Sequence[int], vectors: Float32) -> None:
        """Add a batch: its row numbers, and float32 (B, dim); written when the shard is full."""
        with self._lock:
            self._waiting.append((rows, vectors))
            if sum(len(rows) for rows, _ in self._waiting) >= SHARD_ROWS:
                self._write()

    def flush(self) -> None:
        """Write the batches that wait for their shard to be full."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        rows = np.concatenate([np.asarray(rows, np.int64) for rows, _ in self._waiting])
        vectors = np.concatenate([vectors for _, vectors in self._waiting])
        self._waiting = []
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / ".partial"
        try:
            with partial.open("wb") as file:
                np.savez(file, rows=rows, vectors=vectors)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self.folder / f"{rows.min():08d}.npz")
        finally:
            partial.unlink(missing_ok=True)


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
