"""Worker processes that answer in order, hold little, survive a crash, and never outlive their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from multiprocessing.process import BaseProcess
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_CHUNK = 16  # items that a worker is handed at a time
_AHEAD = 4  # chunks for each worker, under way or waiting to be taken


def in_order(work: Callable[[T], R], items: Iterable[T], workers: int, crashed: R) -> Generator[R]:
    """Map `work` over `items` in `workers` processes (0: in this one), results in the order of the items.

    Memory is bounded whatever the reader of the results does. Workers are spawned: nothing of this process is
    copied into them.

    Args:
        work: picklable.
        crashed: the result of an item that kills its process, as a decoder may.
    """
    if workers == 0:
        yield from map(work, items)
        return
    run = partial(_each, work)
    remaining = iter(items)
    chunks = iter(lambda: list(islice(remaining, _CHUNK)), [])
    pool = _pool(workers)
    waiting: deque[tuple[list[T], Future[list[R]]]] = deque()
    try:
        waiting.extend((chunk, pool.submit(run, chunk)) for chunk in islice(chunks, _AHEAD * workers))
        while waiting:
            chunk, future = waiting.popleft()
            try:
                results = future.result()
            except BrokenProcessPool:
                pool.shutdown(cancel_futures=True)
                results = _one_by_one(work, chunk, crashed)
                pool = _pool(workers)
                again = [(c, f if f.exception() is None else pool.submit(run, c)) for c, f in waiting]
                waiting = deque(again)
            yield from results
            waiting.extend((chunk, pool.submit(run, chunk)) for chunk in islice(chunks, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def _each(work: Callable[[T], R], chunk: list[T]) -> list[R]:
    return [work(item) for item in chunk]


def _one_by_one(work: Callable[[T], R], chunk: list[T], crashed: R) -> list[R]:
    """A chunk again, in one process, to find the item that kills it."""
    pool = _pool(1)
    results = []
    try:
        for item in chunk:
            pool.submit(int).result()  # a process that cannot even start is no fault of the item
            try:
                results.append(pool.submit(work, item).result())
            except BrokenProcessPool:
                results.append(crashed)
                pool.shutdown()
                pool = _pool(1)
        return results
    finally:
        pool.shutdown()


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start)


def _start() -> None:
    """In a worker: Ctrl-C is the parent's to handle; when the parent is killed, go too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
