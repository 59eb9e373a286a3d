"""One photograph: products placed on a ground, with their shadows and the light."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageFilter

from data.demo.backgrounds import HOME, STUDIO, background, scatter

Poses = Callable[[int], Image.Image]  # the product in pose 0, 1 or 2
SIZES = ((384, 384), (384, 384), (384, 384), (384, 384), (384, 300), (300, 384), (384, 340))


def hero(draw: Poses, rng: np.random.Generator) -> Image.Image:
    """The maker's own picture: the product upright and whole before a studio ground."""
    size = SIZES[int(rng.integers(len(SIZES)))]
    image = background(str(rng.choice(STUDIO)), rng, size)
    if rng.random() < 0.3:
        scatter(image, rng)
    fit = rng.uniform(0.62, 0.9)
    _place(
        image, draw(0), (0.5 + rng.normal(0, 0.05), 0.52 + rng.normal(0, 0.03)), fit, rng.normal(0, 4), rng
    )
    return _lit(image, rng, 0.3)


def snapshot(draw: Poses, rng: np.random.Generator, place: np.random.Generator) -> Image.Image:
    """A seller's or a buyer's own photograph: any pose, near or far, one or several pieces.

    `place` draws the ground alone: given anew in the same state, it is the same table or wall again.
    """
    size = SIZES[int(place.integers(len(SIZES)))]
    studio = place.random() < 0.35
    image = background(str(place.choice(STUDIO if studio else HOME)), place, size)
    if rng.random() < 0.3:
        scatter(image, rng)
    pieces = int(rng.choice([1, 1, 1, 1, 1, 1, 2, 2, 3, 4]))
    pose = int(rng.choice([0, 0, 0, 0, 1, 1, 2]))
    tilt = rng.normal(0, 7) if rng.random() < 0.85 else rng.uniform(-180, 180)
    if pieces == 1:
        fit = rng.uniform(0.55, 0.98) if rng.random() < 0.85 else rng.uniform(1.0, 1.4)  # or a close-up
        at = (0.5 + rng.normal(0, 0.09), 0.52 + rng.normal(0, 0.07))
        _place(image, draw(pose), at, fit, tilt, rng)
    else:
        _group(image, [draw(pose if i else 0) for i in range(pieces)], rng, tilt * 0.4)
    return _lit(image, rng, 0.5 if studio else 1.0)


def lineup(sprites: Sequence[Image.Image], rng: np.random.Generator) -> Image.Image:
    """Several products side by side: the picture that siblings share."""
    image = background(str(rng.choice(STUDIO)), rng, SIZES[int(rng.integers(len(SIZES)))])
    _group(image, sprites[:5], rng, rng.normal(0, 3))
    return _lit(image, rng, 0.3)


def _group(image: Image.Image, sprites: Sequence[Image.Image], rng: np.random.Generator, tilt: float) -> None:
    n = len(sprites)
    columns = n if n <= 3 or rng.random() < 0.4 else (n + 1) // 2
    rows = -(-n // columns)
    fit = min(1.05 / columns, 0.86 / rows) if rows > 1 else min(0.8, 1.3 / columns)
    for i, sprite in enumerate(sprites):
        x = (i % columns + 0.5) / columns * 0.8 + 0.1 + rng.normal(0, 0.015)
        y = 0.52 + (i // columns - (rows - 1) / 2) * 0.42 + rng.normal(0, 0.02)
        _place(image, sprite, (x, y), fit, tilt + rng.normal(0, 3), rng)


def _place(
    image: Image.Image,
    sprite: Image.Image,
    at: tuple[float, float],
    fit: float,
    tilt: float,
    rng: np.random.Generator,
) -> None:
    """Paste a product so that its longer side is `fit` of the picture's shorter side; its shadow first."""
    w, h = image.size
    scale = fit * min(w, h) / max(sprite.size)
    small = sprite.resize(
        (max(8, round(sprite.width * scale)), max(8, round(sprite.height * scale))),
        Image.Resampling.BILINEAR,
        reducing_gap=2,
    )
    if rng.random() < 0.3:
        small = _leaned(small, rng.normal(0, 0.08))
    if abs(tilt) > 0.5:
        small = small.rotate(tilt, Image.Resampling.BILINEAR, expand=True)
    x, y = round(at[0] * w - small.width / 2), round(at[1] * h - small.height / 2)
    alpha = small.getchannel("A")
    reach = 0.02 + abs(rng.normal(0, 0.03))
    dx, dy = round(rng.choice([-1, 1]) * reach * w), round(reach * h * 0.7) + 3
    quarter = (max(1, w // 4), max(1, h // 4))
    fallen = Image.new("L", (w, h))
    fallen.paste(alpha, (x + dx, y + dy))
    fallen = fallen.resize(quarter, Image.Resampling.BILINEAR).filter(
        ImageFilter.GaussianBlur(1.2 + 40 * reach)
    )
    strength = rng.uniform(0.25, 0.6)
    image.paste(
        (18, 16, 22), (0, 0), fallen.resize((w, h), Image.Resampling.BILINEAR).point(lambda v: v * strength)
    )
    image.paste(small.convert("RGB"), (x, y), alpha)


def _leaned(sprite: Image.Image, lean: float) -> Image.Image:
    """Seen a little from the side: sheared and narrowed."""
    w, h = sprite.size
    return sprite.transform(
        (w, h),
        Image.Transform.AFFINE,
        (1 + abs(lean), lean, -lean * h / 2, 0, 1, 0),
        Image.Resampling.BILINEAR,
    )


def _lit(image: Image.Image, rng: np.random.Generator, amount: float) -> Image.Image:
    """Light from one side, a colour cast, exposure, and on plain cameras blur and grain."""
    w, h = image.size
    turn, exposure = rng.uniform(0, 2 * np.pi), 1 + rng.normal(0, 0.13) * amount
    y, x = np.mgrid[-1:1:24j, -1:1:24j]
    ramp = exposure * (1 + rng.uniform(0, 0.28) * amount * (x * np.cos(turn) + y * np.sin(turn)))
    cast = 1 + rng.normal(0, 0.055, 3) * amount
    small = (ramp[..., None] * cast * 160).clip(0, 255).astype(np.uint8)
    field = np.asarray(Image.fromarray(small).resize((w, h), Image.Resampling.BICUBIC), np.float32) / 160
    if amount > 0.8 and rng.random() < 0.35:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.5)))
    pixels = np.asarray(image, np.float32) * field
    if amount > 0.8 and rng.random() < 0.4:
        grain = rng.normal(0, rng.uniform(2, 7), (h // 2 + 1, w // 2 + 1)).astype(np.float32)
        pixels += np.repeat(np.repeat(grain, 2, 0), 2, 1)[:h, :w, None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
