"""Questions to the networks: one thread answers them in batches, and more than it can answer soon are refused."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request

from samesku.app.query_listing import QueryListing
from samesku.app.system_index import SystemIndex
from samesku.app.web.guard import Refused
from samesku.errors import InputError

MAX_WAIT = 5.0  # seconds that a question may wait for those before it
#: Questions that may wait before the first one has been answered, and has shown how long that takes.
MAX_UNMEASURED = 8
#: Listings of the questions of a batch: a network takes 16 titles in one pass.
BATCH_LISTINGS = 16
SHARE = 0.2  # of the latest batch in the mean of the seconds that a question takes

Answer = dict[str, Any]


@dataclass
class _Question:
    request: Request
    listings: Sequence[QueryListing]
    answer: Callable[[], Answer]
    result: asyncio.Future[Answer]


class Questions:
    """Answers questions in the order in which they come.

    The listings of the questions that wait are embedded together, and each question is answered alone: no answer
    depends on the questions beside it. A question whose sender has gone is not answered.

    Attributes:
        seconds: that a question takes, as a moving mean; None before the first.
    """

    def __init__(self, index: SystemIndex) -> None:
        self.index = index
        self.seconds: float | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="questions")
        self._waiting: deque[_Question] = deque()
        self._n_running = 0
        self._task: asyncio.Task[None] | None = None

    def first(self, work: Callable[[], None]) -> None:
        """Do some work in the thread before any question."""
        self._thread.submit(work)

    def check(self) -> None:
        """Raise Refused where a question would wait too long; its Retry-After is when there is room again."""
        ahead = len(self._waiting) + self._n_running
        if self.seconds is None:
            if ahead >= MAX_UNMEASURED:
                raise Refused(
                    503, "the networks are being loaded; try again in a second", {"retry-after": "1"}
                )
            return
        wait = ahead * self.seconds
        if ahead and wait > MAX_WAIT:
            after = max(1, math.ceil(wait - MAX_WAIT))
            raise Refused(
                503,
                f"{ahead} questions wait, for about {wait:.0f} seconds; try again in {after} seconds",
                {"retry-after": str(after)},
            )

    async def ask(
        self, request: Request, listings: Sequence[QueryListing], answer: Callable[[], Answer]
    ) -> Answer:
        """The answer to a question about some new listings.

        Args:
            answer: is called in the thread, once the rows of the listings are computed.

        Raises:
            Refused: as of `check`.
        """
        self.check()
        question = _Question(request, listings, answer, asyncio.get_running_loop().create_future())
        self._waiting.append(question)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await question.result

    async def _run(self) -> None:
        """Answer until no question waits."""
        loop = asyncio.get_running_loop()
        while batch := await self._next_batch():
            start, count = time.perf_counter(), len(batch)
            await loop.run_in_executor(self._thread, self._embed, batch)
            for question in batch:
                try:
                    answer = await loop.run_in_executor(self._thread, question.answer)
                except Exception as error:  # of this question alone
                    _settle(question, error)
                else:
                    _settle(question, answer)
                self._n_running -= 1
            seconds = (time.perf_counter() - start) / count
            self.seconds = (
                seconds if self.seconds is None else self.seconds + SHARE * (seconds - self.seconds)
            )

    async def _next_batch(self) -> list[_Question]:
        """The first questions that wait and whose senders still do."""
        batch: list[_Question] = []
        n_listings = 0
        while self._waiting and (not batch or n_listings + len(self._waiting[0].listings) <= BATCH_LISTINGS):
            question = self._waiting.popleft()
            if question.result.cancelled():
                continue
            if await question.request.is_disconnected():
                _settle(question, ClientDisconnect())
                continue
            batch.append(question)
            n_listings += len(question.listings)
            self._n_running += 1
        return batch

    def _embed(self, batch: Sequence[_Question]) -> None:
        """Compute the rows of all listings of a batch; a fault is one of its question, which finds it again."""
        try:
            self.index.embed_listings([listing for question in batch for listing in question.listings])
        except (InputError, MemoryError, OSError):
            return


def _settle(question: _Question, result: Answer | Exception) -> None:
    if question.result.done():  # its request has been cancelled
        return
    if isinstance(result, Exception):
        question.result.set_exception(result)
    else:
        question.result.set_result(result)
