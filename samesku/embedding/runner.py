"""How a network is run over a catalogue: batches, threads, reading ahead, rows of the store, progress.

On a CPU whole batches are computed at the same time, one to a thread, each from reading to its vectors: no
thread waits for another inside a layer, and no vector depends on the number of threads. On an accelerator,
worker processes read ahead of it.
"""

import copy
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from samesku.arrays import Bools, Float32
from samesku.catalogue.images import Jpegs
from samesku.embedding.device import autocast
from samesku.embedding.preprocess import Preprocess, stack
from samesku.store import Store, content_key

Images = Sequence[Image.Image | None]
RowList = list[int]  # row numbers
Item = TypeVar("Item")


def embedding_order(modality: str, column: Sequence[Any], present: Bools | None = None) -> RowList:
    """The rows that have something to embed; titles go longest first, and empty ones are left out."""
    rows = range(len(column)) if present is None else np.flatnonzero(present).tolist()
    if modality == "title":
        return sorted((row for row in rows if column[row]), key=lambda row: -len(column[row]))
    if isinstance(column, Jpegs) and present is None:
        return [row for row in rows if column.jpeg(row) is not None]
    return list(rows)


@contextmanager
def fill_rows(
    out: Float32, rows: RowList, column: Sequence[Any], store: Store | None, label: str | None
) -> Iterator[tuple[RowList, Callable[[RowList], None]]]:
    """The rows of `rows` that are still to embed, and what to call when a batch of them stands in `out`.

    A title or picture that several listings have is embedded once. No row depends on its batch, so the bits are the
    same whatever the store holds.

    Args:
        out: float32 (N, dim), zero. store: has and keeps rows by their content; None: every row is embedded.
        label: of the progress bar; None: no bar.
    """
    first: dict[bytes, int] = {}  # content -> the first row that has it
    same: list[tuple[int, int]] = []  # rows that repeat the content of an earlier one
    missing, keys = [], {}
    for row in rows:
        content = _content(column, row)
        key = content_key(content) if content is not None else row.to_bytes(8)
        if key in first:
            same.append((row, first[key]))
            continue
        first[key] = row
        value = None if store is None else store.get(key)
        if value is not None and len(value) == out[row].nbytes:
            out[row] = np.frombuffer(value, np.float32)
        else:
            missing.append(row)
            if content is not None:
                keys[row] = key
    # On a terminal the bar moves; in a log it is a line every ten seconds.
    pace = 0.2 if sys.stderr.isatty() else 10.0
    with tqdm(total=len(first), initial=len(first) - len(missing), desc=f"embed {label}", unit="listing",
              mininterval=pace, disable=label is None) as bar:  # fmt: skip

        def done(batch: RowList) -> None:
            if store is not None:
                for row in batch:
                    if row in keys:
                        store.add(keys[row], out[row].tobytes())
            bar.update(len(batch))

        try:
            yield missing, done
        finally:
            if store is not None:
                store.flush()
    for row, earlier in same:
        out[row] = out[earlier]


def _content(column: Sequence[Any], row: int) -> bytes | None:
    """What a row is embedded from, as bytes; None where it is a picture in memory, which is not compared."""
    if isinstance(column, Jpegs):
        return column.jpeg(row)
    value = column[row] if isinstance(column[row], str) else None
    return None if value is None else value.encode("utf-8", "surrogatepass")


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
