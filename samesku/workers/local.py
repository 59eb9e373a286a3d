"""Worker processes that give results in order, hold little memory, survive a crash, end with their parent.

A Ray cluster maps in the same way (ray_cluster.py).
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from samesku.params.schema import Machine

T = TypeVar("T")
R = TypeVar("R")

_CHUNK = 16  # items that a worker is handed at a time
_AHEAD = 4  # chunks for each worker, under way or waiting to be taken


#: A number of processes on this machine, or what maps as `map_in_order` does, by workers on other machines.
Workers = int | Callable[..., Generator[Any]]


def open_workers(machine: Machine) -> AbstractContextManager[Workers]:
    """The workers that decode pictures, as `machine` of params.yaml says."""
    if machine.engine == "local":
        return nullcontext(machine.workers)
    from samesku.workers.ray_cluster import decoding_workers  # Ray takes seconds to import

    return decoding_workers(machine)


def map_in_order(work: Callable[[T], R], items: Iterable[T], workers: Workers, crashed: R) -> Generator[R]:
    """Map `work` over `items` in `workers` processes (0: in this one); results come in the order of the items.

    Memory is bounded, however slowly the results are read. Workers are spawned: nothing of this process is
    copied into them.

    Args:
        work: picklable; each worker gets one copy, and keeps it.
        crashed: the result of an item that kills its process, as a decoder may.
    """
    if not isinstance(workers, int):
        yield from workers(work, items, crashed)
        return
    if workers == 0:
        yield from map(work, items)
        return
    remaining = iter(items)
    chunks = iter(lambda: list(islice(remaining, _CHUNK)), [])
    pool = _pool(workers, work)
    waiting: deque[tuple[list[T], Future[list[R]]]] = deque()
    try:
        waiting.extend((chunk, pool.submit(_each, chunk)) for chunk in islice(chunks, _AHEAD * workers))
        while waiting:
            chunk, future = waiting.popleft()
            try:
                results = future.result()
            except BrokenProcessPool:
                pool.shutdown()
                results = _one_by_one(work, chunk, crashed)
                pool = _pool(workers, work)
                again = [(c, f if f.exception() is None else pool.submit(_each, c)) for c, f in waiting]
                waiting = deque(again)
            yield from results
            waiting.extend((chunk, pool.submit(_each, chunk)) for chunk in islice(chunks, 1))
    finally:
        pool.shutdown(cancel_futures=True)


_work: Callable[[Any], Any] = int  # in a worker: what it is there for, with the files that it has open


def _each(chunk: list[Any]) -> list[Any]:
    return [_work(item) for item in chunk]


def _one_by_one(work: Callable[[T], R], chunk: list[T], crashed: R) -> list[R]:
    """A chunk again, in one process, to find the item that kills it."""
    pool = _pool(1, work)
    results: list[R] = []
    try:
        for item in chunk:
            pool.submit(int).result()  # a process that cannot even start is no fault of the item
            try:
                results += pool.submit(_each, [item]).result()
            except BrokenProcessPool:
                results.append(crashed)
                pool.shutdown()
                pool = _pool(1, work)
        return results
    finally:
        pool.shutdown()


def _pool(workers: int, work: Callable[[Any], Any]) -> ProcessPoolExecutor:
    """Start the workers now; from their first instruction on they ignore Ctrl-C, which the parent handles."""
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start, initargs=(work,)
    )
    with _block_interrupts():
        for _ in range(workers):
            pool.submit(int)
    return pool


@contextmanager
def _block_interrupts() -> Iterator[None]:
    """Block Ctrl-C: a process that is started meanwhile never gets it, this one gets it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # started later, it would let Ctrl-C through
    signals: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    # A process inherits its starter's mask; another thread of this one may still take the signal.
    handler = signal.signal(signal.SIGINT, lambda number, _: signals.append(number)) if is_main else None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if is_main:
            signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
        if signals:
            signal.raise_signal(signal.SIGINT)


def _start(work: Callable[[Any], Any]) -> None:
    """In a worker: take its work; go when the parent is killed, or it would wait on the queue for ever."""
    global _work
    _work = work
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
