"""Embedding in batches: order, missing modalities, precision, and the same bits twice."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from samesku.embedding import network, runner
from samesku.embedding.device import autocast
from samesku.embedding.encoder import Spec
from samesku.embedding.preprocess import Preprocess
from samesku.encoders.registry import load_encoder

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
    encoder = replace(encoders["clip_image"], batch_size=2, workers=workers)
    rows = encoder.embed(images)
    assert rows.shape == (len(images), 16)
    assert rows.dtype == np.float32
    for image, row in zip(images, rows, strict=True):
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
    encoder = replace(encoders["clip_image"], batch_size=4)
    rows = encoder.embed(Guarded(images), present=present)
    np.testing.assert_allclose(rows, encoder.embed(images), atol=1e-5)


def test_no_picture_at_all(encoders):
    assert not encoders["clip_image"].embed([None, None]).any()
    assert encoders["clip_image"].embed([]).shape == (0, 16)


@pytest.mark.parametrize("name", ["sbert", "bert", "clip_title"])
def test_titles_keep_their_rows_and_an_empty_one_is_zero(encoders, name):
    encoder = replace(encoders[name], batch_size=2)
    rows = encoder.embed(TITLES)
    for title, row in zip(TITLES, rows, strict=True):
        if title:
            np.testing.assert_allclose(row, unit(encoder.forward(encoder.prepare([title])))[0], atol=1e-5)
        else:
            assert not row.any()


@pytest.mark.parametrize("workers", [0, 2])
def test_an_accelerators_batches_are_the_same(encoders, images, workers):
    """Read by worker processes, as for a GPU: the same rows and pixels as a thread reads."""
    prepare = encoders["timm"].prepare
    rows = [0, 2, 3, 6, 5]
    read = runner.picture_reader(images, prepare)
    batches = runner.chunks(rows, 2)
    expected = [read(batch) for batch in batches]
    ahead = list(runner.read_ahead(images, batches, prepare, workers))
    assert [rows for rows, _ in ahead] == [[0], [3, 6], [5]]
    for (_, pixels), (_, expected_pixels) in zip(ahead, expected, strict=True):
        assert torch.equal(pixels, expected_pixels)


class FakeAccelerator(str):
    """The CPU, which is run as an accelerator is: batch by batch, with worker processes that read ahead."""

    type = "cuda"


@pytest.mark.parametrize(("name", "workers"), [("timm", 0), ("timm", 2), ("bert", 0)])
def test_an_accelerator_gives_the_rows_of_the_cpu(encoders, images, name, workers):
    column = images if name == "timm" else TITLES
    encoder = replace(encoders[name], device=FakeAccelerator("cpu"), batch_size=2, workers=workers)
    np.testing.assert_allclose(encoder.embed(column), encoders[name].embed(column), atol=1e-5)


def test_threads_share_the_batches_and_one_failure_ends_all():
    threads = torch.get_num_threads()
    seen = []
    runner.run_threads(range(20), lambda job: seen.append((job, torch.get_num_threads())))
    assert sorted(seen) == [(job, 1) for job in range(20)]
    assert torch.get_num_threads() == threads
    done = []

    def work(job):
        if job == 3:
            raise RuntimeError("a broken picture")
        done.append(job)

    with pytest.raises(RuntimeError, match="a broken picture"):
        runner.run_threads(range(10_000), work)
    assert len(done) < 9_999
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_no_bit(encoders, images, threads):
    before = torch.get_num_threads()
    encoder = replace(encoders["timm"], batch_size=2)
    expected = encoder.embed(images)
    try:
        torch.set_num_threads(threads)
        assert np.array_equal(encoder.embed(images), expected)
    finally:
        torch.set_num_threads(before)


def test_a_processor_takes_few_pictures_at_once(encoders, images):
    sizes = []

    class Spy(network.ImageEncoder):
        def compute(self, batch):
            sizes.append(len(batch))
            return super().compute(batch)

    many = images * 5
    spy = Spy(**vars(encoders["timm"]))
    rows = spy.embed(many)
    assert set(sizes) == {network.CPU_PICTURES}  # the last batch is filled up
    assert len(sizes) == 5  # of 35 listings
    np.testing.assert_allclose(rows, replace(spy, batch_size=1).embed(many), atol=1e-5)


def test_twice_is_the_same_bits(encoders, images):
    for name, column, workers in (("timm", images, 0), ("timm", images, 2), ("bert", TITLES, 0)):
        encoder = replace(encoders[name], batch_size=2, workers=workers)
        assert np.array_equal(encoder.embed(column), encoder.embed(column))


def test_low_precision_computes_low_and_normalises_in_full(specs, images):
    full = load_encoder("c", specs["timm"]).embed(images)
    low = load_encoder("c", specs["timm"], precision="bf16").embed(images)
    assert not np.array_equal(full, low)
    np.testing.assert_allclose((full * low).sum(1)[[0, 1, 3]], 1, atol=0.01)
    norms = np.linalg.norm(low, axis=1)
    np.testing.assert_allclose(norms[norms > 0], 1, atol=1e-6)


def test_a_batch_of_pictures_lies_channels_last(encoders, images):
    prepare = encoders["timm"].prepare
    batch = prepare.normalise(runner.picture_reader(images, prepare)([0, 1])[1])
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_progress_shows_the_channel_a_rate_and_the_time_left(encoders, images, capsys):
    encoders["clip_image"].embed(images, label="cnn")
    shown = capsys.readouterr().err
    assert "embed cnn" in shown
    assert "listing/s" in shown
    assert "<00:0" in shown


def test_autocast_of_full_precision_is_none():
    with autocast(torch.device("cpu"), "fp32"):
        assert not torch.is_autocast_enabled("cpu")
    with autocast(torch.device("cpu"), "bf16"):
        assert torch.get_autocast_dtype("cpu") is torch.bfloat16


def test_two_views_are_the_mean_of_a_picture_and_its_mirror_image():
    """A network that gives the left half and the right half: (3, 4) and (4, 3) have the mean direction (1, 1)."""

    class Halves(nn.Module):
        def forward(self, batch):
            return batch[:, 0].mean(dim=1).unflatten(1, (2, -1)).mean(dim=2)

    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4], pixels[:, 4:] = 60, 80
    encoder = network.ImageEncoder(
        spec=Spec("image", "timm", "halves"), dim=2, module=Halves(), block_of=lambda _: 0,
        prepare=Preprocess(8, (0.0,) * 3, (1.0,) * 3),
    )  # fmt: skip
    picture = [Image.fromarray(pixels)]
    np.testing.assert_allclose(encoder.embed(picture), [[0.6, 0.8]], atol=1e-6)
    both = replace(encoder, spec=replace(encoder.spec, views=2))
    np.testing.assert_allclose(both.embed(picture), [[0.5**0.5, 0.5**0.5]], atol=1e-6)
