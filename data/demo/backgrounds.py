"""What a product is photographed on: studio papers, tables, cloths, poster grounds."""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from data.demo.look import RGB, dark, light, mix
from data.demo.marks import icon
from data.demo.patterns import PATTERNS, noise, pattern

PASTELS: tuple[RGB, ...] = (
    (250, 236, 228), (232, 240, 248), (238, 246, 232), (252, 243, 214), (243, 230, 246),
    (228, 244, 242), (247, 222, 226), (222, 226, 240), (240, 234, 220), (214, 232, 224),
)  # fmt: skip
VIVID: tuple[RGB, ...] = (
    (222, 72, 62), (244, 156, 44), (250, 206, 60), (72, 160, 96), (46, 140, 190),
    (62, 82, 168), (138, 80, 160), (226, 104, 148), (40, 46, 60), (128, 92, 66),
)  # fmt: skip
STUDIO = ("white", "paper", "fade", "podium", "floor", "poster")
HOME = ("wood", "wood", "marble", "cloth", "tiles", "bokeh", "concrete", "rug", "shelf")


def background(kind: str, rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Draw a ground of `size` pixels; the kinds are those of STUDIO and HOME."""
    return _KINDS[kind](rng, size)


def _pick(rng: np.random.Generator, colors: tuple[RGB, ...]) -> RGB:
    return colors[int(rng.integers(len(colors)))]


def _white(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    v = int(rng.integers(244, 256))
    return Image.new("RGB", size, (v, v, v))


def _paper(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    color = _pick(rng, PASTELS if rng.random() < 0.6 else VIVID)
    return _ramp(size, light(color, 0.25), dark(color, 0.12), rng.uniform(0, 2 * pi))


def _fade(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    a, b = _pick(rng, PASTELS), _pick(rng, VIVID)
    return _ramp(size, a, mix(a, b, rng.uniform(0.3, 0.9)), rng.uniform(0, 2 * pi))


def _floor(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """A wall and a table that meet in a soft line."""
    wall = _ramp(size, _pick(rng, PASTELS), light(_pick(rng, VIVID), 0.3), rng.uniform(0, 2 * pi))
    table = _pick(rng, PASTELS + VIVID)
    y = int(size[1] * rng.uniform(0.5, 0.8))
    ground = _ramp((size[0], size[1] - y), dark(table, 0.15), light(table, 0.3), pi / 2)
    wall.paste(ground, (0, y))
    return wall.filter(ImageFilter.GaussianBlur(1.5))


def _podium(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    w, h = size
    color = _pick(rng, PASTELS + VIVID)
    image = _ramp(size, light(color, 0.5), color, pi / 2)
    d = ImageDraw.Draw(image)
    r, x = min(w, h) * rng.uniform(0.32, 0.46), w * rng.uniform(0.35, 0.65)
    disc = light(color, 0.7) if rng.random() < 0.5 else _pick(rng, VIVID)
    d.ellipse((x - r, h * 0.42 - r, x + r, h * 0.42 + r), fill=disc)
    y = h * rng.uniform(0.78, 0.88)
    d.rectangle((w * 0.18, y, w * 0.82, h), fill=dark(color, 0.12))
    d.ellipse((w * 0.18, y - h * 0.06, w * 0.82, y + h * 0.06), fill=light(color, 0.35))
    return image.filter(ImageFilter.GaussianBlur(0.8))


def _poster(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Rays or a pattern, as on a seller's poster."""
    w, h = size
    color = _pick(rng, VIVID)
    if rng.random() < 0.5:
        name = PATTERNS[int(rng.integers(3, len(PATTERNS)))]
        ground = light(color, 0.35)
        return pattern(name, rng, ground, light(color, 0.5), light(color, 0.2)).resize(size)
    image = Image.new("RGB", size, color)
    d = ImageDraw.Draw(image)
    n, x, y = int(rng.integers(9, 20)), w * rng.uniform(0.3, 0.7), h * rng.uniform(0.3, 0.7)
    for i in range(n):
        a, b = 2 * pi * i / n, 2 * pi * (i + 0.5) / n
        d.polygon(
            [(x, y), (x + cos(a) * 900, y + sin(a) * 900), (x + cos(b) * 900, y + sin(b) * 900)],
            fill=light(color, 0.3),
        )
    return image


def _wood(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    w, h = size
    tone = _pick(
        rng,
        ((196, 154, 108), (150, 106, 70), (226, 196, 156), (110, 78, 56), (178, 140, 110), (210, 204, 194)),
    )
    warp = np.asarray(Image.fromarray(noise(rng, 64, 6)).resize((w, h), Image.Resampling.BICUBIC))
    rows = np.arange(h)[:, None] / h * rng.uniform(18, 50)
    grain = 0.5 + 0.5 * np.sin(rows + warp * rng.uniform(2, 5))
    planks = int(rng.integers(2, 7))
    step = (np.arange(h)[:, None] * planks // h * 0.37) % 0.21
    seam = np.where((np.arange(h)[:, None] * planks % h) < planks * 2, 0.25, 0.0)
    shade = 0.8 + 0.16 * grain + step - seam + 0 * warp
    image = _tinted(shade, tone)
    return image.transpose(Image.Transpose.ROTATE_90).resize(size) if rng.random() < 0.5 else image


def _marble(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    ground, vein = (
        ((244, 243, 240), (170, 172, 178)) if rng.random() < 0.7 else ((54, 56, 62), (150, 140, 120))
    )
    return pattern("marble", rng, ground, vein, vein).resize(size, Image.Resampling.BICUBIC)


def _cloth(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """A crumpled sheet."""
    w, h = size
    color = _pick(rng, PASTELS + VIVID)
    fold = noise(rng, 96, 4) + 0.5 * noise(rng, 96, 8)
    light_ = np.gradient(fold, axis=1) * rng.uniform(2, 5) + np.gradient(fold, axis=0) * rng.uniform(1, 4)
    big = np.asarray(Image.fromarray(light_.astype(np.float32)).resize((w, h), Image.Resampling.BICUBIC))
    return _tinted(0.9 + big, color)


def _tiles(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    w, h = size
    color, joint = _pick(rng, PASTELS), (188, 186, 182)
    image = Image.new("RGB", size, joint)
    d = ImageDraw.Draw(image)
    p = int(rng.integers(44, 120))
    for j in range(-1, h // p + 2):
        for i in range(-1, w // p + 2):
            x = i * p + (p // 2 if j % 2 and p < 80 else 0)
            d.rectangle(
                (x, j * p, x + p - 3, j * p + p - 3), fill=mix(color, (255, 255, 255), rng.uniform(0, 0.35))
            )
    return image


def _bokeh(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    w, h = size
    image = _ramp(size, dark(_pick(rng, VIVID), 0.4), dark(_pick(rng, VIVID), 0.1), rng.uniform(0, 2 * pi))
    d = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(8, 22))):
        x, y, r = rng.uniform(0, w), rng.uniform(0, h * 0.7), rng.uniform(8, 40)
        d.ellipse((x - r, y - r, x + r, y + r), fill=light(_pick(rng, VIVID), 0.4))
    image = image.filter(ImageFilter.GaussianBlur(9))
    ImageDraw.Draw(image).rectangle(
        (0, int(h * 0.76), w, h), fill=dark(_pick(rng, ((196, 154, 108), (90, 84, 80))), 0.1)
    )
    return image.filter(ImageFilter.GaussianBlur(2))


def _concrete(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    w, h = size
    field = noise(rng, 128, 7) * 0.06 + noise(rng, 128, 60) * 0.05
    big = np.asarray(Image.fromarray(field.astype(np.float32)).resize((w, h), Image.Resampling.BICUBIC))
    return _tinted(
        0.92 + big, _pick(rng, ((186, 184, 180), (150, 150, 154), (206, 196, 184), (120, 128, 124)))
    )


def _rug(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    a, b, c = (_pick(rng, PASTELS + VIVID) for _ in range(3))
    name = PATTERNS[int(rng.integers(3, len(PATTERNS)))]
    return pattern(name, rng, a, mix(a, b, 0.6), mix(a, c, 0.6)).resize(size, Image.Resampling.BICUBIC)


def _shelf(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """A shop's shelf, out of focus."""
    w, h = size
    image = Image.new("RGB", size, (202, 196, 188))
    d = ImageDraw.Draw(image)
    y = 0.0
    while y < h:
        high = rng.uniform(60, 110)
        x = 0.0
        while x < w:
            wide = rng.uniform(16, 46)
            color = light(_pick(rng, VIVID), rng.uniform(0, 0.4))
            d.rounded_rectangle((x, y + rng.uniform(6, 24), x + wide - 3, y + high), radius=6, fill=color)
            x += wide
        d.rectangle((0, y + high, w, y + high + 7), fill=(236, 232, 226))
        y += high + 8
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(2.5, 6)))


def scatter(image: Image.Image, rng: np.random.Generator) -> None:
    """Strew fruit, leaves, flowers or pebbles around the edges."""
    w, h = image.size
    name = str(rng.choice(["fruit", "berry", "leaf", "bean", "drop", "flower", "grain", "chili"]))
    color = _pick(rng, VIVID)
    for _ in range(int(rng.integers(3, 9))):
        side = rng.random()
        x = rng.uniform(0, w)
        y = rng.uniform(0, h * 0.25) if side < 0.4 else rng.uniform(h * 0.75, h)
        if side > 0.7:
            x, y = (rng.uniform(0, w * 0.2) if side > 0.85 else rng.uniform(w * 0.8, w)), rng.uniform(0, h)
        icon(image, name, x, y, rng.uniform(10, 30), color)


def _ramp(size: tuple[int, int], a: RGB, b: RGB, turn: float) -> Image.Image:
    y, x = np.mgrid[-1:1:32j, -1:1:32j]
    t = ((x * cos(turn) + y * sin(turn)) / 2.8 + 0.5).clip(0, 1)[..., None]
    small = Image.fromarray((np.asarray(a) * (1 - t) + np.asarray(b) * t).astype(np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)


def _tinted(shade: np.ndarray, color: RGB) -> Image.Image:
    return Image.fromarray((shade[..., None] * np.asarray(color)).clip(0, 255).astype(np.uint8))


_KINDS = {
    "white": _white, "paper": _paper, "fade": _fade, "floor": _floor, "podium": _podium, "poster": _poster,
    "wood": _wood, "marble": _marble, "cloth": _cloth, "tiles": _tiles, "bokeh": _bokeh,
    "concrete": _concrete, "rug": _rug, "shelf": _shelf,
}  # fmt: skip
