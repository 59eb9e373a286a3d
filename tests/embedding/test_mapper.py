"""What mappers elsewhere are sent, and what becomes of it; the mappers here are of this process."""

import numpy as np
import pytest

from samesku.embedding.mapper import MOST, About, Mapper, embed_elsewhere
from samesku.embedding.shards import Shards
from samesku.params import Channel
from samesku.params.schema import Embed, Machine
from tests.fixtures import random_checkpoints

ABOUT = About(dim=2, origin={}, precision="fp32", kind=[], where="")
ROWS = [8, 0, 5, 3, 9, 1, 7]  # of 10, in batches of 2


def numbered(sent):
    """A mapper's vectors: of each listing its own number."""
    for listings in sent:
        yield np.array([[i, 1] for i in listings], np.float32)


def embed(folder, run=numbered, send=list, rows=ROWS, mappers=1):
    shards = Shards(folder)
    return embed_elsewhere(run, mappers, rows, 10, ABOUT, send, batch_size=2, label="x", shards=shards)


def test_each_vector_stands_in_its_row(tmp_path):
    found = embed(tmp_path)
    expected = np.zeros((10, 2), np.float32)
    expected[ROWS] = [[i, 1] for i in ROWS]
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(("batches", "mappers", "each"), [(4, 1, 1), (40, 2, 5), (40, 50, 1), (400, 2, MOST)])
def test_whole_batches_are_sent_so_that_every_mapper_has_some(tmp_path, batches, mappers, each):
    sent = []
    rows = list(range(2 * batches))
    embed_elsewhere(
        numbered, mappers, rows, len(rows), ABOUT, lambda some: sent.append(some) or some,
        batch_size=2, label="x", shards=Shards(tmp_path),
    )  # fmt: skip
    assert [len(some) for some in sent[:-1]] == [2 * each] * (len(sent) - 1)
    assert [row for some in sent for row in some] == rows


def test_a_run_that_was_stopped_goes_on_from_the_rows_that_came(tmp_path):
    def stopped(sent):
        for number, vectors in enumerate(numbered(sent)):
            if number == 2:
                raise KeyboardInterrupt
            yield vectors

    with pytest.raises(KeyboardInterrupt):
        embed(tmp_path, stopped)
    sent = []
    found = embed(tmp_path, send=lambda some: sent.append(some) or some)
    assert sent == [[9, 1], [7]]
    assert np.array_equal(found, embed(tmp_path / "another"))


def test_a_mapper_tells_what_it_is_and_embeds_as_the_runner(tmp_path):
    channel = Channel(
        modality="title",
        backend="sentence_transformers",
        model="t",
        weights=str(random_checkpoints.bert(tmp_path)),
    )
    mapper = Mapper("bert", channel, Machine(device="cpu", threads=2), Embed(batch_size=2, precision="fp32"))
    assert mapper(None) == mapper.about
    assert (mapper.about.dim, mapper.about.precision) == (32, "fp32")
    titles = ["a red shoe", "a mug", "hose"]  # longest first, as they are sent
    assert np.array_equal(mapper(titles), mapper.embed(titles))
    np.testing.assert_allclose(np.linalg.norm(mapper(titles), axis=1), 1, atol=1e-5)
