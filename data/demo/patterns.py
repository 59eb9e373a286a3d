"""Patterns printed on products: square RGB pictures made of a ground and two colours."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin

import numpy as np
from PIL import Image, ImageDraw

from data.demo.look import RGB, light, mix

SIDE = 192
Drawing = Callable[[ImageDraw.ImageDraw, np.random.Generator, RGB, RGB, RGB], None]


def pattern(name: str, rng: np.random.Generator, ground: RGB, first: RGB, second: RGB) -> Image.Image:
    """Draw the named pattern; `rng` sets pitch, angle and jitter."""
    if name == "marble":
        return _marble(rng, ground, first)
    if name == "fade":
        return _fade(rng, ground, first)
    image = Image.new("RGB", (SIDE, SIDE), ground)
    if name != "plain":
        _DRAWINGS[name](ImageDraw.Draw(image), rng, ground, first, second)
    return image


def _grid(rng: np.random.Generator, low: int, high: int) -> list[tuple[int, float, float, float]]:
    """(index, x, y, pitch) of the points of a staggered grid."""
    n = int(rng.integers(low, high + 1))
    pitch = SIDE / n
    stagger = float(rng.choice([0, 0.5]))
    return [
        (i * 31 + j, (i + 0.5 + stagger * (j % 2)) * pitch, (j + 0.5) * pitch, pitch)
        for j in range(-1, n + 1)
        for i in range(-1, n + 1)
    ]


def _stripes(d: ImageDraw.ImageDraw, rng: np.random.Generator, ground: RGB, a: RGB, b: RGB) -> None:
    n, lean, wide = int(rng.integers(4, 12)), float(rng.choice([0, 0, 1, -1, 99])), rng.uniform(0.25, 0.6)
    pitch = SIDE / n
    for i in range(-n, 2 * n):
        x, color = i * pitch, (a if i % 2 else b)
        if lean == 99:
            d.rectangle((0, x, SIDE, x + pitch * wide), fill=color)
        else:
            d.polygon(
                [
                    (x, 0),
                    (x + pitch * wide, 0),
                    (x + pitch * wide + lean * SIDE, SIDE),
                    (x + lean * SIDE, SIDE),
                ],
                fill=color,
            )


def _dots(d: ImageDraw.ImageDraw, rng: np.random.Generator, ground: RGB, a: RGB, b: RGB) -> None:
    size = rng.uniform(0.15, 0.36)
    for k, x, y, p in _grid(rng, 4, 11):
        r = p * size
        d.ellipse((x - r, y - r, x + r, y + r), fill=a if k % 3 else b)


def _checks(d: ImageDraw.ImageDraw, rng: np.random.Generator, ground: RGB, a: RGB, b: RGB) -> None:
    n = int(rng.integers(4, 10))
    p = SIDE / n
    mid = mix(ground, a, 0.5)
    for i in range(n + 1):
        for j in range(n + 1):
            if (i + j) % 2 or (i % 2 and j % 2):
                d.rectangle((i * p, j * p, i * p + p, j * p + p), fill=a if i % 2 and j % 2 else mid)
    for i in range(n + 1):
        d.line((i * p + p / 4, 0, i * p + p / 4, SIDE), fill=b, width=1)
        d.line((0, i * p + p / 4, SIDE, i * p + p / 4), fill=b, width=1)


def _zigzag(d: ImageDraw.ImageDraw, rng: np.random.Generator, ground: RGB, a: RGB, b: RGB) -> None:
    n, m = int(rng.integers(4, 9)), int(rng.integers(4, 9))
    for j in range(-1, n + 1):
        y, high = j * SIDE / n, SIDE / n * 0.5
        points = [(i * SIDE / m / 2, y + (high if i % 2 else 0)) for i in range(2 * m + 2)]
        d.line(points, fill=a if j % 2 else b, width=max(3, int(SIDE / n * 0.28)), joint="curve")


def _flowers(d: ImageDraw.ImageDraw, rng: np.random.Generator, ground: RGB, a: RGB, b: RGB) -> None:
    petals = int(rng.integers(4, 8))
    for k, x, y, p in _grid(rng, 3, 6):
        x, y = x + rng.normal(0, p * 0.08), y + rng.normal(0, p * 0.08)
        r = p * rng.uniform(0.26, 0.4)
        turn = rng.uniform(0, pi)
        color = a if k % 2 else light(a, 0.35)
        for i in range(petals):
            px, py = (
                x + cos(turn + 2 * pi * i / petals) * r * 0.62,
                y + sin(turn + 2 * pi * i / petals) * r * 0.62,
            )
            d.ellipse((px - r * 0.42, py - r * 0.42, px + r * 0.42, py + r * 0.42), fill=color)
        d.ellipse((x - r * 0.3, y - r * 0.3, x + r * 0.3, y + r * 0.3), fill=b)


def _leaves(d: ImageDraw.ImageDraw, rng: np.random.Generator, ground: RGB, a: RGB, b: RGB) -> None:
    for k, x, y, p in _grid(rng, 3, 7):
        turn, r = rng.uniform(0, 2 * pi), p * rng.uniform(0.35, 0.5)
        tip, side = (cos(turn) * r, sin(turn) * r), (-sin(turn) * r * 0.35, cos(turn) * r * 0.35)
        corners = [(1, 0), (0.3, 1), (-0.4, 0.8), (-1, 0), (-0.4, -0.8), (0.3, -1)]
        leaf = [(x + tip[0] * u + side[0] * v, y + tip[1] * u + side[1] * v) for u, v in corners]
        d.polygon(leaf, fill=a if k % 3 else b)
        d.line((x - tip[0], y - tip[1], x + tip[0], y + tip[1]), fill=ground, width=2)


def _kawung(d: ImageDraw.ImageDraw, rng: np.random.Generator, ground: RGB, a: RGB, b: RGB) -> None:
    """The four-petal rings of batik."""
    for k, x, y, p in _grid(rng, 3, 6):
        for i in range(4):
            cx, cy = x + cos(pi / 4 + i * pi / 2) * p * 0.34, y + sin(pi / 4 + i * pi / 2) * p * 0.34
            r = p * 0.24
            d.ellipse((cx - r, cy - r, cx + r, cy + r), fill=a if k % 2 else b)
            d.ellipse((cx - r / 3, cy - r / 3, cx + r / 3, cy + r / 3), fill=ground)


def _stars(d: ImageDraw.ImageDraw, rng: np.random.Generator, ground: RGB, a: RGB, b: RGB) -> None:
    points = int(rng.choice([4, 5, 6, 8]))
    deep = rng.uniform(0.35, 0.6)
    for k, x, y, p in _grid(rng, 4, 8):
        r, turn = p * 0.4 * rng.uniform(0.7, 1.1), rng.uniform(0, pi)
        star = [
            (
                x + cos(turn + pi * i / points) * r * (deep if i % 2 else 1),
                y + sin(turn + pi * i / points) * r * (deep if i % 2 else 1),
            )
            for i in range(2 * points)
        ]
        d.polygon(star, fill=a if k % 2 else b)


def _hearts(d: ImageDraw.ImageDraw, rng: np.random.Generator, ground: RGB, a: RGB, b: RGB) -> None:
    for k, x, y, p in _grid(rng, 4, 8):
        r = p * 0.2
        color = a if k % 2 else b
        d.ellipse((x - 2 * r, y - r, x, y + r), fill=color)
        d.ellipse((x, y - r, x + 2 * r, y + r), fill=color)
        d.polygon([(x - 1.9 * r, y + 0.35 * r), (x + 1.9 * r, y + 0.35 * r), (x, y + 2.3 * r)], fill=color)


def _terrazzo(d: ImageDraw.ImageDraw, rng: np.random.Generator, ground: RGB, a: RGB, b: RGB) -> None:
    for k in range(int(rng.integers(40, 110))):
        x, y, r = rng.uniform(0, SIDE), rng.uniform(0, SIDE), rng.uniform(3, 12)
        angles = np.sort(rng.uniform(0, 2 * pi, 5))
        d.polygon(
            [(x + cos(t) * r, y + sin(t) * r * 0.8) for t in angles], fill=(a, b, mix(a, b, 0.5))[k % 3]
        )


def _camo(d: ImageDraw.ImageDraw, rng: np.random.Generator, ground: RGB, a: RGB, b: RGB) -> None:
    for k in range(36):
        x, y = rng.uniform(0, SIDE, 2)
        for _ in range(6):
            x, y, r = x + rng.normal(0, 10), y + rng.normal(0, 6), rng.uniform(5, 14)
            d.ellipse((x - r * 1.5, y - r, x + r * 1.5, y + r), fill=(a, b, mix(a, ground, 0.5))[k % 3])


def _tiles(d: ImageDraw.ImageDraw, rng: np.random.Generator, ground: RGB, a: RGB, b: RGB) -> None:
    """Triangles of a quilt."""
    n = int(rng.integers(4, 9))
    p = SIDE / n
    for i in range(n):
        for j in range(n):
            box = [(i * p, j * p), (i * p + p, j * p), (i * p + p, j * p + p), (i * p, j * p + p)]
            skip = int(rng.integers(4))
            d.polygon(
                [c for k, c in enumerate(box) if k != skip],
                fill=(a, b, mix(ground, a, 0.4))[int(rng.integers(3))],
            )


def _waves(d: ImageDraw.ImageDraw, rng: np.random.Generator, ground: RGB, a: RGB, b: RGB) -> None:
    n, high, long = int(rng.integers(5, 11)), rng.uniform(4, 10), rng.uniform(20, 60)
    for j in range(-1, n + 2):
        points = [(x, j * SIDE / n + high * sin(x / long * 2 * pi)) for x in range(0, SIDE + 6, 6)]
        d.line(points, fill=a if j % 2 else b, width=max(2, int(SIDE / n * 0.4)), joint="curve")


def _marble(rng: np.random.Generator, ground: RGB, vein: RGB) -> Image.Image:
    coarse = noise(rng, SIDE, 5) * 2 + noise(rng, SIDE, 12)
    line = np.abs(np.sin(coarse * rng.uniform(2, 4)))[..., None] ** 0.35
    pixels = np.asarray(ground, np.float32) * line + np.asarray(vein, np.float32) * (1 - line)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _fade(rng: np.random.Generator, ground: RGB, end: RGB) -> Image.Image:
    turn = rng.uniform(0, 2 * pi)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    t = ((x * cos(turn) + y * sin(turn)) / 1.4 / 2 + 0.5).clip(0, 1)[..., None]
    return Image.fromarray((np.asarray(ground) * (1 - t) + np.asarray(end) * t).astype(np.uint8))


def noise(rng: np.random.Generator, side: int, cells: int) -> np.ndarray:
    """Smooth noise, float32 (side, side), mean near 0, standard deviation near 0.5."""
    grid = Image.fromarray(rng.normal(0, 0.7, (cells, cells)).astype(np.float32), "F")
    return np.asarray(grid.resize((side, side), Image.Resampling.BICUBIC))


_DRAWINGS: dict[str, Drawing] = {
    "stripes": _stripes, "dots": _dots, "checks": _checks, "zigzag": _zigzag, "flowers": _flowers,
    "leaves": _leaves, "kawung": _kawung, "stars": _stars, "hearts": _hearts, "terrazzo": _terrazzo,
    "camo": _camo, "tiles": _tiles, "waves": _waves,
}  # fmt: skip
PATTERNS = ("plain", "marble", "fade", *_DRAWINGS)
