import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from samesku.training.augment import Pictures, colours, draw_seed, leave_out_words

PLAIN = {"flip": 0.0, "jitter": 0.0}


def picture(width, height):
    """Every pixel tells where it lies: red grows to the right, green downwards."""
    at = np.zeros((height, width, 3), np.uint8)
    at[..., 0] = np.linspace(0, 255, width)
    at[..., 1] = np.linspace(0, 255, height)[:, None]
    return Image.fromarray(at)


def crops(image, count=200, **more):
    """Width and height of what is kept of a picture, as shares, in many draws."""
    drawn = [Pictures(64, **PLAIN | more)(image, seed).numpy().astype(int) for seed in range(count)]
    return np.array([(x[0].max() - x[0].min(), x[1].max() - x[1].min()) for x in drawn]) / 255


def test_a_picture_is_the_models_square_and_changes_with_its_seed_alone():
    image = picture(80, 100)
    one, same, other = (Pictures(64)(image, seed) for seed in (1, 1, 2))
    assert one.shape == (3, 64, 64)
    assert one.dtype == torch.uint8
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("width", "height"), [(128, 128), (128, 100)])
def test_crops_keep_their_share_in_proportions_of_three_to_four(width, height):
    kept = crops(picture(width, height), crop=0.5)
    area, proportions = kept.prod(axis=1), kept[:, 0] * width / (kept[:, 1] * height)
    assert area.min() == pytest.approx(0.5, abs=0.06)
    assert area.max() > 0.9
    assert proportions.min() == pytest.approx(3 / 4, abs=0.06)
    assert proportions.max() == pytest.approx(4 / 3, abs=0.08)


def test_of_a_long_picture_as_much_is_kept_as_the_proportions_allow():
    kept = crops(picture(300, 60), count=30)
    np.testing.assert_allclose(kept[:, 0], 4 / 3 * 60 / 300, atol=0.03)
    np.testing.assert_allclose(kept[:, 1], 1, atol=0.03)


def test_half_are_mirrored():
    image = picture(64, 64)
    drawn = [Pictures(64, crop=1.0, jitter=0.0)(image, seed) for seed in range(400)]
    assert np.mean([int(x[0, 0, 0]) > int(x[0, 0, -1]) for x in drawn]) == pytest.approx(0.5, abs=0.1)
    assert not any(int(x[0, 0, 0]) > int(x[0, 0, -1]) for x in [Pictures(64, **PLAIN)(image, 7)])


@pytest.mark.parametrize(
    ("given", "theirs"),
    [
        ((0.8, 1, 1), functional.adjust_brightness),
        ((1, 0.7, 1), functional.adjust_contrast),
        ((1, 1.2, 1), functional.adjust_contrast),
        ((1, 1, 0.6), functional.adjust_saturation),
        ((1, 1, 1.2), functional.adjust_saturation),
    ],
)
def test_colours_change_as_torchvision_changes_them(given, theirs):
    random = np.random.default_rng(0).integers(70, 180, (40, 40, 3), dtype=np.uint8)
    image = Image.fromarray(random)
    map_ = colours(*given, 0.0, random.reshape(-1, 3).mean(axis=0))
    expected = np.asarray(theirs(image, max(given) if max(given) > 1 else min(given)), int)
    assert np.abs(np.asarray(image.convert("RGB", map_), int) - expected).max() <= 2


def test_hue_is_turned_about_grey():
    third = 2 * np.pi / 3
    colour = Image.new("RGB", (1, 1), (200, 40, 90))
    turned = [
        colour.convert("RGB", colours(1, 1, 1, k * third, np.zeros(3))).getpixel((0, 0)) for k in range(3)
    ]
    assert turned == [(200, 40, 90), (90, 200, 40), (40, 90, 200)]
    grey = Image.new("RGB", (1, 1), (90, 90, 90))
    assert grey.convert("RGB", colours(1, 1, 1, 1.0, np.zeros(3))).getpixel((0, 0)) == (90, 90, 90)


def test_jitter_stays_within_its_share():
    grey = Image.new("RGB", (64, 64), (100, 100, 100))
    seen = [int(Pictures(64, jitter=0.2)(grey, seed)[0, 0, 0]) for seed in range(300)]
    assert min(seen) == pytest.approx(80, abs=2)
    assert max(seen) == pytest.approx(120, abs=2)


def test_what_is_left_of_a_title():
    title = "a b c d e f g h i j"
    assert leave_out_words(title, 0.0, 1) == title
    assert leave_out_words("a", 0.9, 1) == "a"
    assert all(leave_out_words(title, 0.99, seed) for seed in range(50))
    left = [len(leave_out_words(title, 0.3, seed).split()) for seed in range(500)]
    assert np.mean(left) == pytest.approx(7.3, abs=0.3)  # 7, and the one that always stays


def test_seeds_differ_from_draw_to_draw():
    seeds = {draw_seed(run, draw, use) for run in range(3) for draw in range(100) for use in range(3)}
    assert len(seeds) == 900
    assert all(0 <= seed < 2**63 for seed in seeds)
