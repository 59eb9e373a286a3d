"""Workers on a Ray cluster that answer in order, hold little, and are replaced where they die.

Actors, and not Ray Data: that retries for ever an item which kills its worker, and takes no stream from the
driver without holding all of it. Retries are counted here: an actor of a machine that is gone for good waits
for its return, and with it what Ray would retry on it; here the next free worker takes the items over.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from samesku.errors import InputError

T = TypeVar("T")
R = TypeVar("R")

TRIES = 3  # workers that an item may kill before it is given up
DEPTH = 2  # chunks that a worker holds: the second one travels while the first is worked on
AHEAD = 2  # further chunks for each worker, done before their turn


class _Worker:
    """An actor: makes its work when it first needs it, in the driver's folder where it has such a one."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]], folder: str) -> None:
        self.make, self.folder = make, folder
        self.work: Callable[[Any], Any] | None = None

    def each(self, items: list[Any]) -> list[Any]:
        if self.work is None:
            with suppress(OSError):
                os.chdir(self.folder)
            self.work = self.make()
        return [self.work(item) for item in items]


@dataclass
class _Chunk(Generic[T]):
    """Items with their numbers, how many workers died of them, where their results will be."""

    items: list[tuple[int, T]]
    tries: int = 0
    answer: Any = None


class Pool(Generic[T, R]):
    """Actors, each of which holds what `make` gave it.

    Args:
        make: gives the function that is mapped over the items; called once in each worker.
        workers: how many. processors: of each. accelerator: whether each one has an accelerator.
    """

    def __init__(
        self, make: Callable[[], Callable[[T], R]], workers: int, processors: int, accelerator: bool = False
    ) -> None:
        self.workers = workers
        self._make = ray.put(make)
        self._actor: Any = ray.remote(num_cpus=processors, num_gpus=int(accelerator), max_restarts=0)(_Worker)
        self._given: dict[Any, deque[_Chunk[T]]] = {}  # by worker, in the order in which it works
        self._asked: dict[Any, Any] = {}  # answers that are not here yet -> their worker
        for _ in range(workers):
            self._start(tries=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._given:
            ray.kill(worker)

    def map(self, items: Iterable[T], chunk: int = 1, *, lost: R) -> Generator[R]:
        """What becomes of each item, in their order; to be read to its end before the next map.

        Args:
            items: taken as they are needed.
            chunk: items that a worker is handed at a time.
            lost: stands for an item that killed TRIES workers.

        Raises:
            what the function raises; InputError: workers die as they start.
        """
        numbered = enumerate(items)
        waiting: deque[_Chunk[T]] = deque()
        done: dict[int, R] = {}
        turn, taken = 0, 0  # the next item to yield, the next to take
        most = self.workers * (DEPTH + AHEAD) * chunk

        def more() -> bool:
            nonlocal taken
            if not waiting and taken - turn < most and (some := list(islice(numbered, chunk))):
                waiting.append(_Chunk(some))
                taken = some[-1][0] + 1
            return bool(waiting)

        while True:
            more()
            for worker in self._free():
                if more():
                    self._give(worker, waiting.popleft())
            if turn == taken:
                return
            given, results = self._answer()
            if results is not None:
                done.update(zip((number for number, _ in given[0].items), results, strict=True))
            else:  # the first of them killed the worker: each item by itself, to find which
                tries = given[0].tries + 1
                if tries < TRIES:
                    waiting.extend(_Chunk([item], tries) for item in given[0].items)
                else:
                    done.update((number, lost) for number, _ in given[0].items)
                waiting.extend(list(given)[1:])
            while turn in done:
                yield done.pop(turn)
                turn += 1

    def _free(self) -> list[Any]:
        """Workers that can be given a chunk, those that have none first."""
        ready = [worker for worker, given in self._given.items() if all(chunk.items for chunk in given)]
        return [w for held in range(DEPTH) for w in ready if len(self._given[w]) <= held]

    def _start(self, tries: int) -> None:
        """One more worker; it has a place in the queue once it is ready, which may be never."""
        worker = self._actor.remote(self._make, str(Path.cwd()))
        self._given[worker] = deque()
        self._give(worker, _Chunk([], tries))

    def _give(self, worker: Any, chunk: _Chunk[T]) -> None:
        chunk.answer = worker.each.remote([item for _, item in chunk.items])
        self._given[worker].append(chunk)
        self._asked[chunk.answer] = worker

    def _answer(self) -> tuple[deque[_Chunk[T]], list[R] | None]:
        """Wait for a worker: the chunk that it did, and its results; or, where it died, all that it had."""
        ready, _ = ray.wait(list(self._asked))
        worker = self._asked[ready[0]]
        given = self._given[worker]
        try:  # a worker answers in order, so the first of its answers is here, or it is dead
            results = ray.get(given[0].answer)
        except RayTaskError as error:
            raise error.cause from None
        except RayError:
            del self._given[worker]
            ray.kill(worker)
            tries = 0 if given[0].items else given[0].tries + 1
            if tries == TRIES:
                raise InputError(
                    f"{TRIES} workers of Ray died one after the other as they started; too little memory? "
                    "ways out: the logs of Ray on that machine, or machine.engine: local"
                ) from None
            for chunk in given:
                del self._asked[chunk.answer]
            self._start(tries)
            return given, None
        del self._asked[given[0].answer]
        return deque([given.popleft()]), results
