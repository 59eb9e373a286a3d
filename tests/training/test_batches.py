import numpy as np
import pytest
import torch

from samesku.embedding.preprocess import Preprocess
from samesku.training.augment import PictureAugmentation
from samesku.training.batches import TrainingExamples, read_batches
from samesku.training.sampler import PKSampler

IDS = [f"p{i}" for i in range(32)]
PREPARE = Preprocess(32, (0.5,) * 3, (0.5,) * 3)


def examples(pictures, **more):
    images, products = pictures
    titles = [f"a b c {product}" for product in products]
    return TrainingExamples(
        rows=np.arange(len(images)), posting_ids=IDS, seed=3, images=images, titles=titles, prepare=PREPARE,
        augmentation=PictureAugmentation(32), word_dropout=0.5, **more,
    )  # fmt: skip


def batches(pictures, start=0, workers=0, **more):
    sampler = PKSampler(pictures[1], 4, 3, 0)
    return list(read_batches(examples(pictures, **more), sampler, start, 6, workers))


def equal(a, b):
    return (
        a.step == b.step
        and (a.rows == b.rows).all()
        and torch.equal(a.inputs["image"], b.inputs["image"])
        and a.inputs["title"] == b.inputs["title"]
    )


def test_a_batch(pictures):
    batch = batches(pictures)[0]
    assert batch.inputs["image"].shape == (12, 3, 32, 32)
    assert batch.inputs["image"].dtype == torch.uint8
    assert len(batch.inputs["title"]) == len(batch.rows) == 12


def test_batches_depend_neither_on_the_workers_nor_on_the_first_step(pictures):
    expected = batches(pictures)
    assert all(equal(a, b) for a, b in zip(expected, batches(pictures, workers=2), strict=True))
    assert all(equal(a, b) for a, b in zip(expected[4:], batches(pictures, start=4), strict=True))


def test_a_listing_drawn_again_is_augmented_differently(pictures):
    draws = {}
    for batch in batches(pictures):
        for row, pixels in zip(batch.rows, batch.inputs["image"], strict=True):
            draws.setdefault(int(row), []).append(pixels)
    repeated = [pixels for pixels in draws.values() if len(pixels) > 1]
    assert repeated
    assert not any(torch.equal(pixels[0], pixels[1]) for pixels in repeated)


def test_drawing_leaves_the_global_generator_alone(pictures):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    batches(pictures)
    assert torch.equal(torch.rand(3), expected)


def test_features_of_a_frozen_trunk_replace_pictures(pictures):
    images, products = pictures
    features = {"image": np.random.default_rng(0).normal(size=(len(images), 5)).astype(np.float32)}
    plain = TrainingExamples(
        rows=np.arange(len(images)), posting_ids=IDS, seed=0, titles=["a"] * len(images), features=features
    )
    batch = next(read_batches(plain, PKSampler(products, 4, 3, 0), 0, 1, 2))
    np.testing.assert_array_equal(batch.inputs["image"].numpy(), features["image"][batch.rows])
    assert batch.inputs["title"] == ["a"] * 12


def test_without_augmentation_a_picture_is_as_the_model_evaluates_it(pictures):
    images, products = pictures
    plain = TrainingExamples(
        rows=np.arange(len(images)), posting_ids=IDS, seed=0, images=images, prepare=PREPARE
    )
    batch = next(read_batches(plain, PKSampler(products, 4, 3, 0), 0, 1, 0))
    assert torch.equal(batch.inputs["image"][0], PREPARE.pixels(images[batch.rows[0]]))


def test_a_training_listing_without_its_picture_is_an_error(pictures):
    _, products = pictures
    empty = TrainingExamples(
        rows=np.arange(len(products)), posting_ids=IDS, seed=0, images=[None] * len(products), prepare=PREPARE
    )
    with pytest.raises(ValueError, match="no picture"):
        next(read_batches(empty, PKSampler(products, 4, 3, 0), 0, 1, 0))
