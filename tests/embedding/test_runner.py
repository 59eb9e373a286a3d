"""Embedding in batches: order, missing modalities, precision, and the same bits twice."""

import numpy as np
import pytest
import torch

from samesku.embedding import load_encoder, runner
from samesku.embedding.device import autocast

TITLES = [
    "blue shoe",
    "",
    "red",
    "a very long title about a red bottle of half a litre and its cap",
    "",
    "mug 42",
]


def unit(vectors):
    return torch.nn.functional.normalize(vectors, dim=-1).detach().numpy()


@pytest.mark.parametrize("workers", [0, 2])
def test_pictures_keep_their_rows_and_a_missing_one_is_zero(encoders, images, workers):
    encoder = encoders["clip_image"]
    found = runner.embed_images(encoder, images, batch_size=2, workers=workers, quiet=True)
    assert found.shape == (len(images), 12)
    assert found.dtype == np.float32
    for image, row in zip(images, found, strict=True):
        if image is None:
            assert not row.any()
        else:
            np.testing.assert_allclose(row, unit(encoder.forward(encoder.prepare(image)[None]))[0], atol=1e-5)


def test_pictures_that_are_known_to_be_missing_are_not_read(encoders, images):
    class Guarded(list):
        def __getitem__(self, i):
            assert i != 2, "a listing without a picture was read"
            return super().__getitem__(i)

        def __copy__(self):
            return self

    present = np.array([image is not None for image in images])
    encoder = encoders["clip_image"]
    found = runner.embed_images(encoder, Guarded(images), batch_size=4, present=present, quiet=True)
    np.testing.assert_allclose(found, runner.embed_images(encoder, images, quiet=True), atol=1e-5)


def test_no_picture_at_all(encoders):
    assert not runner.embed_images(encoders["clip_image"], [None, None], quiet=True).any()
    assert runner.embed_images(encoders["clip_image"], [], quiet=True).shape == (0, 12)


@pytest.mark.parametrize("name", ["sbert", "bert", "clip_title"])
def test_titles_keep_their_rows_and_an_empty_one_is_zero(encoders, name):
    encoder = encoders[name]
    found = runner.embed_titles(encoder, TITLES, batch_size=2, quiet=True)
    for title, row in zip(TITLES, found, strict=True):
        if title:
            np.testing.assert_allclose(row, unit(encoder.forward(encoder.prepare([title])))[0], atol=1e-5)
        else:
            assert not row.any()


def test_titles_are_batched_by_length(encoders, monkeypatch):
    encoder, seen = encoders["bert"], []
    monkeypatch.setattr(
        encoder, "tokenize", lambda titles, real=encoder.tokenize: seen.append(titles) or real(titles)
    )
    runner.embed_titles(encoder, TITLES, batch_size=2, quiet=True)
    assert sorted(seen) == [[TITLES[3], TITLES[0]], [TITLES[5], TITLES[2]]]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_accelerators_batches_are_the_same(encoders, images, workers):
    """Read by worker processes, as for a GPU: the same rows and pixels as a thread reads."""
    prepare = encoders["timm"].prepare
    rows = [0, 2, 3, 6, 5]
    read = runner.reader(images, prepare)
    expected = [read(batch) for batch in runner.chunks(rows, 2)]
    found = list(runner.read_ahead(images, rows, prepare, 2, workers))
    assert [rows for rows, _ in found] == [[0], [3, 6], [5]]
    for (_, ours), (_, theirs) in zip(found, expected, strict=True):
        assert torch.equal(ours, theirs)


def test_threads_share_the_batches_and_one_failure_ends_all():
    threads = torch.get_num_threads()
    seen = []
    runner.side_by_side(range(20), lambda job: seen.append((job, torch.get_num_threads())))
    assert sorted(seen) == [(job, 1) for job in range(20)]
    assert torch.get_num_threads() == threads
    done = []

    def work(job):
        if job == 3:
            raise RuntimeError("a broken picture")
        done.append(job)

    with pytest.raises(RuntimeError, match="a broken picture"):
        runner.side_by_side(range(10_000), work)
    assert len(done) < 9_999
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_no_bit(encoders, images, threads):
    before = torch.get_num_threads()
    expected = runner.embed_images(encoders["timm"], images, batch_size=2, quiet=True)
    try:
        torch.set_num_threads(threads)
        assert np.array_equal(
            runner.embed_images(encoders["timm"], images, batch_size=2, quiet=True), expected
        )
    finally:
        torch.set_num_threads(before)


def test_a_processor_takes_few_pictures_at_once(encoders, images, monkeypatch):
    taken, vectors = [], runner.vectors

    def spy(encoder, batch):
        taken.append(len(batch))
        return vectors(encoder, batch)

    monkeypatch.setattr(runner, "vectors", spy)
    many = images * 5
    found = runner.embed_images(encoders["timm"], many, batch_size=64, quiet=True)
    assert max(taken) <= runner.AT_ONCE
    assert sum(taken) == sum(image is not None for image in many)
    one_by_one = runner.embed_images(encoders["timm"], many, batch_size=1, quiet=True)
    np.testing.assert_allclose(found, one_by_one, atol=1e-5)


def test_twice_is_the_same_bits(encoders, images):
    for workers in (0, 2):
        first, second = (
            runner.embed_images(encoders["timm"], images, batch_size=2, workers=workers, quiet=True)
            for _ in range(2)
        )
        assert np.array_equal(first, second)
    first, second = (
        runner.embed_titles(encoders["bert"], TITLES, batch_size=2, quiet=True) for _ in range(2)
    )
    assert np.array_equal(first, second)


def test_low_precision_computes_low_and_normalises_in_full(specs, images):
    full = runner.embed_images(load_encoder("c", specs["timm"]), images, quiet=True)
    low = runner.embed_images(load_encoder("c", specs["timm"], precision="bf16"), images, quiet=True)
    assert not np.array_equal(full, low)
    np.testing.assert_allclose((full * low).sum(1)[[0, 1, 3]], 1, atol=0.01)
    norms = np.linalg.norm(low, axis=1)
    np.testing.assert_allclose(norms[norms > 0], 1, atol=1e-6)


def test_a_batch_of_pictures_lies_channels_last(encoders, images):
    prepare = encoders["timm"].prepare
    batch = prepare.normalise(runner.reader(images, prepare)([0, 1])[1])
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_progress_shows_the_channel_a_rate_and_the_time_left(encoders, images, capsys):
    runner.embed_images(encoders["clip_image"], images, label="cnn")
    shown = capsys.readouterr().err
    assert "embed cnn" in shown
    assert "listing/s" in shown
    assert "<00:0" in shown


def test_autocast_of_full_precision_is_none():
    with autocast(torch.device("cpu"), "fp32"):
        assert not torch.is_autocast_enabled("cpu")
    with autocast(torch.device("cpu"), "bf16"):
        assert torch.get_autocast_dtype("cpu") is torch.bfloat16
