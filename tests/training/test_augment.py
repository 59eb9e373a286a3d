import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from samesku.training.augment import PictureAugmentation, colour_matrix, draw_seed, drop_words

PLAIN = {"flip": 0.0, "jitter": 0.0}


def picture(width, height):
    """A gradient: red grows to the right, green downwards."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    return Image.fromarray(pixels)


def crops(image, count=200, **more):
    """Width and height of the crops of many draws, as shares of the picture's."""
    drawn = [
        PictureAugmentation(64, **PLAIN | more)(image, seed).numpy().astype(int) for seed in range(count)
    ]
    return np.array([(x[0].max() - x[0].min(), x[1].max() - x[1].min()) for x in drawn]) / 255


def test_a_picture_is_the_models_square_and_depends_on_the_seed_alone():
    image = picture(80, 100)
    first, again, second = (PictureAugmentation(64)(image, seed) for seed in (1, 1, 2))
    assert first.shape == (3, 64, 64)
    assert first.dtype == torch.uint8
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(("width", "height"), [(128, 128), (128, 100)])
def test_crops_keep_their_share_in_proportions_of_three_to_four(width, height):
    shares = crops(picture(width, height), crop=0.5)
    area, ratio = shares.prod(axis=1), shares[:, 0] * width / (shares[:, 1] * height)
    assert area.min() == pytest.approx(0.5, abs=0.06)
    assert area.max() > 0.9
    assert ratio.min() == pytest.approx(3 / 4, abs=0.06)
    assert ratio.max() == pytest.approx(4 / 3, abs=0.08)


def test_the_crop_of_a_long_picture_is_as_large_as_the_proportions_allow():
    shares = crops(picture(300, 60), count=30)
    np.testing.assert_allclose(shares[:, 0], 4 / 3 * 60 / 300, atol=0.03)
    np.testing.assert_allclose(shares[:, 1], 1, atol=0.03)


def test_half_are_mirrored():
    image = picture(64, 64)
    drawn = [PictureAugmentation(64, crop=1.0, jitter=0.0)(image, seed) for seed in range(400)]
    assert np.mean([int(x[0, 0, 0]) > int(x[0, 0, -1]) for x in drawn]) == pytest.approx(0.5, abs=0.1)
    assert not any(int(x[0, 0, 0]) > int(x[0, 0, -1]) for x in [PictureAugmentation(64, **PLAIN)(image, 7)])


@pytest.mark.parametrize(
    ("factors", "adjust"),
    [
        ((0.8, 1, 1), functional.adjust_brightness),
        ((1, 0.7, 1), functional.adjust_contrast),
        ((1, 1.2, 1), functional.adjust_contrast),
        ((1, 1, 0.6), functional.adjust_saturation),
        ((1, 1, 1.2), functional.adjust_saturation),
    ],
)
def test_colours_change_as_torchvision_changes_them(factors, adjust):
    pixels = np.random.default_rng(0).integers(70, 180, (40, 40, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    matrix = colour_matrix(*factors, 0.0, pixels.reshape(-1, 3).mean(axis=0))
    expected = np.asarray(adjust(image, max(factors) if max(factors) > 1 else min(factors)), int)
    assert np.abs(np.asarray(image.convert("RGB", matrix), int) - expected).max() <= 2


def test_hue_is_rotated_about_grey():
    third = 2 * np.pi / 3
    colour = Image.new("RGB", (1, 1), (200, 40, 90))
    rotated = [
        colour.convert("RGB", colour_matrix(1, 1, 1, k * third, np.zeros(3))).getpixel((0, 0))
        for k in range(3)
    ]
    assert rotated == [(200, 40, 90), (90, 200, 40), (40, 90, 200)]
    grey = Image.new("RGB", (1, 1), (90, 90, 90))
    assert grey.convert("RGB", colour_matrix(1, 1, 1, 1.0, np.zeros(3))).getpixel((0, 0)) == (90, 90, 90)


def test_jitter_stays_within_its_share():
    grey = Image.new("RGB", (64, 64), (100, 100, 100))
    values = [int(PictureAugmentation(64, jitter=0.2)(grey, seed)[0, 0, 0]) for seed in range(300)]
    assert min(values) == pytest.approx(80, abs=2)
    assert max(values) == pytest.approx(120, abs=2)


def test_about_the_share_of_a_titles_words_is_dropped_and_one_stays():
    title = "a b c d e f g h i j"
    assert drop_words(title, 0.0, 1) == title
    assert drop_words("a", 0.9, 1) == "a"
    assert all(drop_words(title, 0.99, seed) for seed in range(50))
    lengths = [len(drop_words(title, 0.3, seed).split()) for seed in range(500)]
    assert np.mean(lengths) == pytest.approx(7.3, abs=0.3)  # 7, and the one that always stays


def test_seeds_differ_from_draw_to_draw():
    seeds = {draw_seed(run, draw, use) for run in range(3) for draw in range(100) for use in range(3)}
    assert len(seeds) == 900
    assert all(0 <= seed < 2**63 for seed in seeds)
