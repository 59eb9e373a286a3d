"""Rows of networks and the store: a row depends on its content alone, and no bit on what the store holds."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from samesku.catalogue.images import Jpegs
from samesku.catalogue.picture import to_jpeg
from samesku.embedding.title_tokens import padded_width
from samesku.encoders.registry import load_encoder

WORDS = ("red", "shoe", "blue", "title", "x", "42")


@pytest.fixture(scope="module")
def titles():
    """Titles of all lengths up to beyond the limits, some of them twice."""
    random = np.random.default_rng(0)
    titles = [" ".join(random.choice(WORDS, length)) for length in random.integers(1, 40, 60)]
    return [*titles, "", titles[3], titles[0]]


@pytest.fixture(scope="module")
def jpegs():
    """Twenty-one pictures, one of them twice, and a listing without one."""
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (40, 30, 3), np.uint8) for _ in range(21)]
    stored = [to_jpeg(Image.fromarray(picture)) for picture in pictures]
    return Jpegs([*stored, None, stored[2]])


NAMES = ("timm", "clip_image", "sbert", "bert", "clip_title")


@pytest.fixture
def column(request, titles, jpegs):
    return lambda name: jpegs if name in ("timm", "clip_image") else titles


@pytest.mark.parametrize("name", NAMES)
def test_no_bit_of_a_row_depends_on_its_batch(encoders, column, name):
    encoder, items = encoders[name], column(name)
    expected = encoder.embed(items)
    order = np.random.default_rng(1).permutation(len(items)).tolist()
    shuffled = encoder.embed(take(items, order))
    assert np.array_equal(shuffled, expected[order])
    for row in (0, 7, len(items) - 1):
        assert np.array_equal(encoder.embed(take(items, [row]))[0], expected[row])


def take(items, rows):
    return (
        items.__class__([items.jpeg(row) for row in rows])
        if isinstance(items, Jpegs)
        else [items[r] for r in rows]
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_no_bit_depends_on_what_the_store_holds(encoders, column, tmp_path, name, share):
    encoder, items = encoders[name], column(name)
    expected = encoder.embed(items)
    some = list(range(int(share * len(items))))
    encoder.embed(take(items, some), store=tmp_path)
    assert np.array_equal(encoder.embed(items, store=tmp_path), expected)
    assert encoder.n_embedded == len(contents(items, range(len(items))) - contents(items, some))
    encoder.embed(items, store=tmp_path)
    assert encoder.n_embedded == 0


def contents(items, rows):
    return {items.jpeg(row) if isinstance(items, Jpegs) else items[row] for row in rows} - {None, ""}


def test_titles_that_need_no_padding_have_batches_of_their_own(encoders):
    encoder = replace(encoders["bert"], batch_size=2)  # at most 32 tokens
    titles = ["red " * n for n in (40, 29, 30, 12, 13, 14, 50, 3)]
    batches = encoder.make_batches(titles, list(range(8)))
    # tokens: 32 (cut), 31, 32, 14, 15, 16, 32 (cut), 5
    assert batches == [[0, 2], [6], [1], [5], [3, 4], [7]]


@pytest.mark.parametrize(
    ("count", "width"), [(3, 16), (15, 16), (16, 24), (23, 24), (24, 30), (29, 30), (30, 30)]
)
def test_a_title_is_padded_in_steps_of_eight(count, width):
    assert padded_width(count, 30) == width


def test_another_encoder_has_rows_of_its_own(specs, encoders, tmp_path):
    titles = ["red shoe", "blue"]
    encoder = load_encoder("t", specs["bert"])
    encoder.embed(titles, store=tmp_path)
    with torch.no_grad():
        next(encoder.module.parameters())[0, 0] += 1
    by_pooling = load_encoder("t", replace(specs["bert"], pooling="mean"))
    for other in (
        encoder,
        by_pooling,
        replace(load_encoder("t", specs["bert"]), batch_size=1),
        encoders["sbert"],
    ):
        assert other.identity() != encoders["bert"].identity()
        other.embed(titles, store=tmp_path)
        assert other.n_embedded == 2
    assert load_encoder("u", specs["bert"]).identity() == encoders["bert"].identity()


def test_a_run_that_stopped_goes_on(encoders, titles, tmp_path, monkeypatch):
    encoder = replace(encoders["bert"], batch_size=4)
    compute, expected, batches = encoder.compute, encoder.embed(titles), []

    def stop(batch):
        if len(batches) == 5:
            raise KeyboardInterrupt
        batches.append(batch)
        return compute(batch)

    monkeypatch.setattr(encoder, "compute", stop, raising=False)
    with pytest.raises(KeyboardInterrupt):
        encoder.embed(titles, store=tmp_path)
    monkeypatch.setattr(encoder, "compute", compute)
    assert np.array_equal(encoder.embed(titles, store=tmp_path), expected)
    assert encoder.n_embedded <= len(set(titles) - {""}) - 12
