"""Cushions and umbrellas."""

from __future__ import annotations

from math import cos, pi, sin

from PIL import Image

from data.demo.canvas import Canvas, both
from data.demo.forms.parts import stamp
from data.demo.labels import label
from data.demo.look import Look
from data.demo.patterns import pattern


def cushion(look: Look, pose: int) -> Image.Image:
    """A stuffed cushion with piping and a print."""
    c, (s, t, u, *_) = Canvas(), look.shape
    w, h = 40, 30 + 10 * s
    bulge = 3 + 3 * t
    mask = c.blob(
        [
            (50 - w, 50 - h), (50, 50 - h + bulge), (50 + w, 50 - h), (50 + w - bulge, 50),
            (50 + w, 50 + h), (50, 50 + h - bulge), (50 - w, 50 + h), (50 - w + bulge, 50),
        ]
    )  # fmt: skip
    c.fill(mask, pattern(look.pattern, look.art_rng(), look.main, look.accent, look.second))
    if pose != 1 and u > 0.4:
        c.put(label(look, 240, 220, clear=True), (30, 32, 70, 68), mask)
    c.soft(mask, 0.6, 9)
    c.slope(mask, 1.1, 0.85)
    tag = c.rect(50 + w * 0.5, 50 + h - 5, 50 + w * 0.5 + 7, 50 + h + 2)
    c.fill(tag, look.paper)
    return c.picture()


def umbrella(look: Look, pose: int) -> Image.Image:
    """An open umbrella from the side, or folded."""
    c, (s, _, u, *_) = Canvas(), look.shape
    if pose == 1:
        body = c.poly([(45, 22), (55, 22), (58, 74), (50, 80), (42, 74)])
        c.fill(body, pattern(look.pattern, look.art_rng(), look.main, look.accent, look.second))
        c.round(body, 0.6, 0.3)
        c.fill(c.rect(42, 46, 58, 50), look.second)
        c.fill(c.rect(49, 10, 51, 22), (170, 170, 176))
        grip = c.curve([(50, 78), (50, 92), (56, 96), (60, 90)], 3.4)
        c.fill(grip, look.second)
        return c.picture()
    top, rim = 14 + 8 * (1 - s), 54
    c.fill(c.line([(50, top - 5), (50, 88)], 1.6), (150, 150, 158))
    grip = c.curve([(50, 80), (50, 91), (56, 95), (61, 89)], 3.2)
    c.fill(grip, look.second)
    c.soft(grip, 0.5, 1.6)
    scallop = [
        (6.0, rim + 2), (21, rim - 4), (35, rim + 1), (50, rim - 3), (65, rim + 1), (79, rim - 4),
        (94, rim + 2),
    ]  # fmt: skip
    dome = c.poly([*_arc(top, rim), *reversed(scallop)])
    c.fill(dome, pattern(look.pattern, look.art_rng(), look.main, look.accent, look.second))
    if u > 0.5:
        for x0, x1 in ((21, 35), (65, 79)):
            c.fill(both(c.poly([(50, top), (x0, rim + 3), (x1, rim + 3)]), dome), look.second)
    c.round(dome, 0.45, 0.12)
    for x, y in scallop[1:-1]:
        c.shadow(c.curve([(50, top), ((50 + x * 1.3) / 2.3, (top + y) / 2 - 3), (x, y)], 0.4), 0, 0, 0.3, 0.5)
    stamp(c, look, (44, 34, 56, 48), look.main)
    return c.picture()


def _arc(top: float, rim: float) -> list[tuple[float, float]]:
    return [(50 - 44 * cos(pi * i / 24), rim + 2 - (rim + 2 - top) * sin(pi * i / 24)) for i in range(25)]


FORMS = {"cushion": cushion, "umbrella": umbrella}
