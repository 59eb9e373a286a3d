"""Questions to the networks: batches change no answer, too many are refused, those of senders that have gone too."""

import asyncio
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from samesku.app import answers, system_index
from samesku.app.catalogue_index import CatalogueIndex
from samesku.app.query_listing import QueryListing
from samesku.app.web import questions
from samesku.app.web.guard import Refused
from samesku.errors import InputError
from samesku.params import load_params


class Request:
    """The request of a sender that waits, or has gone."""

    def __init__(self, gone=False):
        self.gone = gone

    async def is_disconnected(self):
        return self.gone


def title(text):
    return QueryListing(text, None, "")


def stub(batches):
    """An index that notes the titles of each batch."""
    return SimpleNamespace(embed_listings=lambda listings: batches.append([of.title for of in listings]))


def test_questions_that_wait_are_embedded_together_and_answered_in_order():
    batches, answered, go = [], [], threading.Event()

    async def ask_all(queue):
        def answer(number):
            answered.append(number)
            go.wait(10)
            return {"number": number}

        asked = [
            asyncio.create_task(queue.ask(Request(), [title(str(n))], lambda n=n: answer(n)))
            for n in range(20)
        ]
        await asyncio.sleep(0.1)
        go.set()
        return await asyncio.gather(*asked)

    queue = questions.Questions(stub(batches))
    queue.seconds = 0.01
    assert asyncio.run(ask_all(queue)) == [{"number": n} for n in range(20)]
    assert answered == list(range(20))
    assert [len(batch) for batch in batches] == [16, 4]


def test_a_batch_changes_no_answer(shop_copy):
    texts = ["oil best 250 ml seri 0", "tea super 250 ml seri 1", "lamp", "mug best 500 ml seri 15", "shoe"]
    alone = []
    for text in texts:
        index = CatalogueIndex(load_params())
        index.embed_listings([title(text)])
        alone.append((index.embed_listings([title(text)]), answers.search_catalogue(index, title(text), 5)))
    index = CatalogueIndex(load_params())
    index.embed_listings([title(text) for text in texts])
    encoders = index.encoders.embed
    index.encoders.embed = None  # what is asked next has been embedded
    for text, (rows, answer) in zip(texts, alone, strict=True):
        together = index.embed_listings([title(text)])
        np.testing.assert_array_equal(together.fused.vectors, rows.fused.vectors)
        for name in index.channels:
            np.testing.assert_array_equal(together.channels[name], rows.channels[name])
        assert answers.search_catalogue(index, title(text), 5) == answer
    index.encoders.embed = encoders


def test_rows_are_kept_of_the_last_listings_alone(shop_copy, monkeypatch):
    monkeypatch.setattr(system_index, "RECENT", 3)
    index = CatalogueIndex(load_params())
    for number in range(5):
        index.embed_listings([title(f"oil {number}"), title("oil"), title("oil")])
    assert len(index._recent) == 3
    assert len(index.embed_listings([title("oil"), title("oil 4")])) == 2
    assert len(index.embed_listings([])) == 0


def test_a_question_is_refused_where_it_would_wait_too_long():
    async def ask(queue):
        go = threading.Event()
        first = asyncio.create_task(queue.ask(Request(), [title("a")], lambda: {"waited": go.wait(10)}))
        await asyncio.sleep(0.05)
        with pytest.raises(
            Refused, match="1 questions wait, for about 8 seconds; try again in 3 seconds"
        ) as e:
            await queue.ask(Request(), [title("b")], dict)
        assert (e.value.status, e.value.headers) == (503, {"retry-after": "3"})
        queue.seconds = 0.1
        second = asyncio.create_task(queue.ask(Request(), [title("b")], dict))
        await asyncio.sleep(0)
        go.set()
        return [await first, await second]

    queue = questions.Questions(stub([]))
    queue.seconds = 8.0  # however long it takes, a question that waits for none is answered
    assert asyncio.run(ask(queue)) == [{"waited": True}, {}]
    assert queue.seconds < 0.2


def test_few_questions_wait_while_the_networks_are_loaded():
    async def ask(queue):
        loaded = threading.Event()
        queue.first(lambda: loaded.wait(10))
        asked = [
            asyncio.create_task(queue.ask(Request(), [title("a")], dict))
            for _ in range(questions.MAX_UNMEASURED)
        ]
        await asyncio.sleep(0.05)
        with pytest.raises(Refused, match="are being loaded"):
            queue.check()
        loaded.set()
        await asyncio.gather(*asked)
        queue.check()

    asyncio.run(ask(questions.Questions(stub([]))))


def test_the_question_of_a_sender_who_has_gone_is_not_answered():
    answered = []

    async def ask(queue):
        asked = [
            queue.ask(Request(gone), [title("a")], lambda gone=gone: answered.append(gone) or {})
            for gone in (False, True, False)
        ]
        return await asyncio.gather(*asked, return_exceptions=True)

    results = asyncio.run(ask(questions.Questions(stub([]))))
    assert [type(result).__name__ for result in results] == ["dict", "ClientDisconnect", "dict"]
    assert answered == [False, False]


def test_the_fault_of_a_question_is_its_own():
    def fail():
        raise InputError("no such shop")

    def embed(_):
        raise InputError("no weights")

    async def ask(queue):
        asked = [queue.ask(Request(), [title("a")], answer) for answer in (fail, dict)]
        return await asyncio.gather(*asked, return_exceptions=True)

    results = asyncio.run(ask(questions.Questions(SimpleNamespace(embed_listings=embed))))
    assert [str(results[0]), results[1]] == ["no such shop", {}]
