"""Watches with hands or digits."""

from __future__ import annotations

from math import cos, pi, sin

from PIL import Image, ImageDraw

from data.demo.canvas import RGB, Canvas, write
from data.demo.look import Look, dark, readable
from data.demo.marks import mark
from data.demo.patterns import pattern


def watch(look: Look, pose: int) -> Image.Image:
    """A watch: round or square, hands or digits, on its strap."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    w = 8 + 3 * s
    strap = c.profile([(3, w * 0.75), (30, w), (70, w), (97, w * 0.7)], soft=True)
    c.fill(
        strap,
        pattern(look.pattern, look.art_rng(), look.second, dark(look.second, 0.2), look.accent)
        if v > 0.5
        else look.second,
    )
    c.round(strap, 0.5, 0.2)
    for i in range(5):
        c.fill(c.oval(49.2, 80 + 3 * i, 50.8, 81.4 + 3 * i), dark(look.second, 0.6))
        c.shadow(c.line([(50 - w, 10 + 5 * i), (50 + w, 10 + 5 * i)], 0.4), 0, 0, 0.3, 0.3 if t > 0.5 else 0)
    r = 19 + 4 * t
    square = u > 0.55
    rim = (
        (218, 186, 118)
        if look.shape[4] > 0.6
        else (176, 178, 186)
        if look.shape[4] > 0.3
        else dark(look.main, 0.6)
    )
    c.fill(c.rect(50 + r - 1, 47, 50 + r + 3, 53, 1), dark(rim, 0.2))
    case = c.rect(50 - r, 50 - r, 50 + r, 50 + r, 6) if square else c.oval(50 - r, 50 - r, 50 + r, 50 + r)
    c.fill(case, rim)
    c.soft(case, 0.7, 3)
    k = r - 3.2
    dial = c.rect(50 - k, 50 - k, 50 + k, 50 + k, 4) if square else c.oval(50 - k, 50 - k, 50 + k, 50 + k)
    screen = square and look.shape[5] > 0.4
    ground = (18, 20, 26) if screen else look.main
    c.fill(dial, ground)
    c.put(_dial(look, screen, pose, ground), (50 - k, 50 - k, 50 + k, 50 + k), dial)
    c.slope(dial, 1.2, 0.9, across=True)
    return c.picture()


def _dial(look: Look, screen: bool, pose: int, ground: RGB) -> Image.Image:
    image = Image.new("RGBA", (200, 200), (*ground, 255))
    d, ink = ImageDraw.Draw(image), readable(ground)
    if screen:
        write(image, ("10:08", "07:45", "12:30")[pose], (22, 50, 178, 110), look.accent, 1)
        write(image, look.brand, (50, 24, 150, 44), ink)
        for i in range(3):
            d.arc(
                (30 + i * 50, 126, 70 + i * 50, 166),
                120,
                420 - 60 * i,
                fill=(look.accent, look.main, look.second)[i],
                width=7,
            )
        return image
    ticks = 12 if look.shape[6] > 0.3 else 4
    for i in range(ticks):
        a = 2 * pi * i / ticks
        d.line(
            (100 + sin(a) * 78, 100 - cos(a) * 78, 100 + sin(a) * 92, 100 - cos(a) * 92),
            fill=look.accent if look.shape[7] > 0.5 else ink,
            width=6 if i % 3 == 0 else 3,
        )
    mark(image, look, 100, 52, 13, look.accent, ground)
    write(image, look.brand, (62, 68, 138, 84), ink)
    write(image, look.variant, (72, 128, 128, 142), ink)
    if look.shape[6] > 0.65:
        d.ellipse((80, 120, 120, 160), outline=look.accent, width=3)
    for hours, long, wide in ((10.15 + 2 * pose, 48, 6), (1.6 + 4 * pose, 74, 4)):
        a = 2 * pi * hours / 12
        d.line((100, 100, 100 + sin(a) * long, 100 - cos(a) * long), fill=ink, width=wide)
    d.line((100, 100, 60, 150), fill=look.accent, width=2)
    return image


FORMS = {"watch": watch}
