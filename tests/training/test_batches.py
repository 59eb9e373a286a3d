import numpy as np
import pytest
import torch

from samesku.embedding.preprocess import Preprocess
from samesku.training.augment import Pictures
from samesku.training.batches import Listings, stream
from samesku.training.sampler import PKSampler

PREPARE = Preprocess(32, (0.5,) * 3, (0.5,) * 3)


def listings(pictures, **more):
    images, products = pictures
    titles = [f"a b c {product}" for product in products]
    return Listings(
        rows=np.arange(len(images)), seed=3, images=images, titles=titles, prepare=PREPARE,
        pictures=Pictures(32), words=0.5, **more,
    )  # fmt: skip


def drawn(pictures, start=0, workers=0, **more):
    sampler = PKSampler(pictures[1], 4, 3, 0)
    return list(stream(listings(pictures, **more), sampler, start, 6, workers))


def same(a, b):
    return (
        a.step == b.step
        and (a.rows == b.rows).all()
        and torch.equal(a.inputs["image"], b.inputs["image"])
        and a.inputs["title"] == b.inputs["title"]
    )


def test_a_batch(pictures):
    batch = drawn(pictures)[0]
    assert batch.inputs["image"].shape == (12, 3, 32, 32)
    assert batch.inputs["image"].dtype == torch.uint8
    assert len(batch.inputs["title"]) == len(batch.rows) == 12


def test_the_same_whatever_the_workers_and_wherever_it_starts(pictures):
    whole = drawn(pictures)
    assert all(same(a, b) for a, b in zip(whole, drawn(pictures, workers=2), strict=True))
    assert all(same(a, b) for a, b in zip(whole[4:], drawn(pictures, start=4), strict=True))


def test_a_listing_drawn_again_is_changed_otherwise(pictures):
    found = {}
    for batch in drawn(pictures):
        for row, pixels in zip(batch.rows, batch.inputs["image"], strict=True):
            found.setdefault(int(row), []).append(pixels)
    again = [seen for seen in found.values() if len(seen) > 1]
    assert again
    assert not any(torch.equal(seen[0], seen[1]) for seen in again)


def test_drawing_leaves_the_global_generator_alone(pictures):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    drawn(pictures)
    assert torch.equal(torch.rand(3), expected)


def test_features_stand_in_for_what_was_frozen(pictures):
    images, products = pictures
    features = {"image": np.random.default_rng(0).normal(size=(len(images), 5)).astype(np.float32)}
    plain = Listings(rows=np.arange(len(images)), seed=0, titles=["a"] * len(images), features=features)
    batch = next(stream(plain, PKSampler(products, 4, 3, 0), 0, 1, 2))
    np.testing.assert_array_equal(batch.inputs["image"].numpy(), features["image"][batch.rows])
    assert batch.inputs["title"] == ["a"] * 12


def test_without_augmentation_a_picture_is_as_the_model_evaluates_it(pictures):
    images, products = pictures
    plain = Listings(rows=np.arange(len(images)), seed=0, images=images, prepare=PREPARE)
    batch = next(stream(plain, PKSampler(products, 4, 3, 0), 0, 1, 0))
    assert torch.equal(batch.inputs["image"][0], PREPARE.pixels(images[batch.rows[0]]))


def test_a_training_listing_without_its_picture_is_an_error(pictures):
    _, products = pictures
    empty = Listings(rows=np.arange(len(products)), seed=0, images=[None] * len(products), prepare=PREPARE)
    with pytest.raises(ValueError, match="no picture"):
        next(stream(empty, PKSampler(products, 4, 3, 0), 0, 1, 0))
