"""What the workers of a cluster are sent, and where their rows go; the workers here are of this process."""

from functools import partial

import numpy as np
import pytest

from samesku.embedding import ray_encoder
from samesku.embedding.encoder import RunInfo, Spec
from samesku.embedding.ray_encoder import MAX_BATCHES, RayEncoder, Worker
from samesku.encoders.registry import load_encoder

#: Titles of ten listings; those of seven are not empty. Longest first, their rows are 8, 0, 5, 3, 9, 1, 7.
TITLES = ["b" * 9, "b" * 5, "", "b" * 7, "", "b" * 8, "", "b" * 4, "b" * 10, "b" * 6]
ORDER = [8, 0, 5, 3, 9, 1, 7]


def lengths(columns):
    """A worker's rows: of each title its length."""
    for column in columns:
        yield np.array([[len(title), 1] for title in column], np.float32)


def make_encoder(map_workers=lengths, n_workers=1):
    return RayEncoder(
        spec=Spec("title", "sentence_transformers", "t"), dim=2, map_workers=map_workers, n_workers=n_workers,
        info=RunInfo(summary="cpu (2 threads), fp32"), key="this encoder", batch_size=2,
    )  # fmt: skip


def test_each_vector_stands_in_its_row(tmp_path):
    expected = np.array([[len(title), bool(title)] for title in TITLES], np.float32)
    assert np.array_equal(make_encoder().embed(TITLES, store=tmp_path), expected)


@pytest.mark.parametrize(
    ("batches", "workers", "together"), [(4, 1, 1), (40, 2, 5), (40, 50, 1), (400, 2, MAX_BATCHES)]
)
def test_whole_batches_are_sent_so_that_every_worker_has_some(tmp_path, batches, workers, together):
    sent = []

    def spy(columns):
        for column in columns:
            sent.append(column)
            yield np.ones((len(column), 2), np.float32)

    titles = [f"{row:04}" for row in range(2 * batches)]
    make_encoder(spy, workers).embed(titles)
    assert [len(column) for column in sent[:-1]] == [2 * together] * (len(sent) - 1)
    assert [title for column in sent for title in column] == titles


def test_a_run_that_was_stopped_goes_on_from_the_rows_that_came(tmp_path):
    def stopped(columns):
        for number, vectors in enumerate(lengths(columns)):
            if number == 2:
                raise KeyboardInterrupt
            yield vectors

    with pytest.raises(KeyboardInterrupt):
        make_encoder(stopped).embed(TITLES, store=tmp_path)
    sent = []

    def spy(columns):
        columns = list(columns)
        sent.extend(columns)
        return lengths(columns)

    rows = make_encoder(spy).embed(TITLES, store=tmp_path)
    assert sent == [[TITLES[row] for row in ORDER[4:6]], [TITLES[row] for row in ORDER[6:]]]
    assert np.array_equal(rows, make_encoder().embed(TITLES))


def test_workers_embed_as_the_encoder_here(specs, encoders, monkeypatch):
    from contextlib import nullcontext

    def one_worker(make, machine):
        return nullcontext((1, lambda columns: map(make(), columns)))

    monkeypatch.setattr(ray_encoder, "encoder_workers", one_worker)
    load = partial(load_encoder, "bert", specs["bert"], batch_size=2)
    titles = ["red shoe", "a mug", "", "hose"]
    with ray_encoder.open_on_cluster(load, None, batch_size=2) as encoder:
        assert (encoder.dim, encoder.spec) == (16, specs["bert"])
        assert encoder.run_info().record == encoders["bert"].run_info().record
        assert encoder.identity() == load().identity()
        assert encoder.run_info().summary == f"1 workers of Ray, each {encoders['bert'].run_info().summary}"
        np.testing.assert_allclose(encoder.embed(titles), encoders["bert"].embed(titles), atol=1e-6)


def test_a_worker_says_what_it_is():
    encoder = make_encoder()
    assert Worker(lambda: encoder)(None) == (encoder.spec, 2, encoder.run_info(), "this encoder")
