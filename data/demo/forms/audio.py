"""Headphones, earbuds, speakers."""

from __future__ import annotations

from PIL import Image

from data.demo.canvas import Canvas
from data.demo.forms.parts import stamp
from data.demo.look import Look, dark, light
from data.demo.patterns import pattern


def headset(look: Look, pose: int) -> Image.Image:
    """Headphones from the front: band, cushions, cups, a microphone on some."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    out, drop = 30 + 5 * s, 56 + 6 * t
    band = c.curve(
        [(50 - out, drop), (50 - out * 0.96, 32), (50, 10), (50 + out * 0.96, 32), (50 + out, drop)],
        5 + 2 * u,
    )
    c.fill(band, look.main)
    c.soft(band, 0.5, 2.5)
    pad = c.curve([(50 - out * 0.5, 19), (50, 12.5), (50 + out * 0.5, 19)], 5)
    c.fill(pad, look.second)
    c.soft(pad, 0.5, 2)
    for side in (-1, 1):
        x = 50 + side * out
        cushion = c.rect(min(x - side * 9, x), drop - 14, max(x - side * 9, x), drop + 18, 4)
        c.fill(cushion, dark(look.second, 0.3))
        c.soft(cushion, 0.6, 3)
        cup = (
            c.rect(x - 8, drop - 12, x + 8, drop + 16, 7)
            if u < 0.6
            else c.oval(x - 10, drop - 13, x + 10, drop + 17)
        )
        c.fill(cup, look.main)
        c.soft(cup, 0.6, 4)
        c.fill(c.oval(x - 5, drop - 4, x + 5, drop + 8), look.accent)
        stamp(c, look, (x - 4, drop - 3, x + 4, drop + 7), look.accent)
    if v > 0.5:
        side = -1 if pose == 1 else 1
        arm = c.curve(
            [(50 + side * out, drop + 12), (50 + side * out * 0.7, drop + 26), (50 + side * 10, drop + 28)], 2
        )
        c.fill(arm, (34, 34, 38))
        c.fill(c.rect(50 + side * 10 - 4, drop + 25.5, 50 + side * 10 + 4, drop + 30.5, 2), look.accent)
    return c.picture()


def earbuds(look: Look, pose: int) -> Image.Image:
    """Two buds over their open case, or the case alone."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    w, r = 26 + 6 * s, 6 + 8 * t
    if pose != 1:
        lid = c.rect(50 - w, 20, 50 + w, 52, r)
        c.fill(lid, dark(look.main, 0.12))
        c.soft(lid, 0.5, 4)
        c.fill(c.rect(53 - w, 34, 47 + w, 54, 3), dark(look.main, 0.4))
        for side in (-1, 1):
            x = 50 + side * w * 0.45
            stem = c.rect(x - 2.6, 40, x + 2.6, 62, 2.4)
            bud = c.oval(x - 6.5, 30, x + 6.5, 45)
            for part in (stem, bud):
                c.fill(part, look.second)
                c.soft(part, 0.5, 2.5)
            c.fill(c.oval(x - 2, 34, x + 2, 38), look.accent)
    case = c.rect(50 - w, 54 if pose != 1 else 34, 50 + w, 88, r)
    c.fill(
        case,
        pattern(look.pattern, look.art_rng(), look.main, look.accent, look.second) if u > 0.5 else look.main,
    )
    c.soft(case, 0.5, 5)
    stamp(c, look, (41, 62, 59, 80), look.main)
    for i in range(3):
        c.fill(
            c.oval(44.5 + 4 * i, 82, 46.5 + 4 * i, 84), look.accent if i < 2 + (v > 0.5) else dark(look.main)
        )
    return c.picture()


def speaker(look: Look, pose: int) -> Image.Image:
    """A box or barrel speaker with round cones behind a grille."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    wide = u > 0.5
    w, h = (40, 18 + 8 * t) if wide else (22 + 6 * s, 34 + 8 * t)
    if pose == 1:
        side = c.poly(
            [(50 + w - 4, 50 - h), (50 + w + 8, 46 - h), (50 + w + 8, 44 + h), (50 + w - 4, 50 + h)]
        )
        c.fill(side, dark(look.main, 0.4))
    body = c.rect(50 - w, 50 - h, 50 + w, 50 + h, 4 + 8 * v)
    c.fill(body, look.main)
    c.soft(body, 0.5, 4)
    cones = (
        [(50 - w * 0.5, 50, h * 0.7), (50 + w * 0.5, 50, h * 0.7)]
        if wide
        else [(50, 50 + h * 0.3, w * 0.72), (50, 50 - h * 0.55, w * 0.38)]
    )
    for x, y, r in cones:
        for k, color in ((1.0, look.accent), (0.9, (36, 36, 40)), (0.55, (58, 58, 64)), (0.3, look.second)):
            ring = c.oval(x - r * k, y - r * k, x + r * k, y + r * k)
            c.fill(ring, color)
            c.soft(ring, 0.5, 2)
    stamp(c, look, (44, 46, 56, 58) if wide else (42, 50 - h * 0.22, 58, 50), look.main)
    for i in range(4):
        c.fill(c.oval(41 + 5 * i, 52 - h, 43 + 5 * i, 54 - h), light(look.main, 0.5))
    if v > 0.6:
        grip = c.curve(
            [(50 - w * 0.6, 51 - h), (50 - w * 0.5, 42 - h), (50 + w * 0.5, 42 - h), (50 + w * 0.6, 51 - h)],
            2.6,
        )
        c.fill(grip, look.second)
    return c.picture()


FORMS = {"headset": headset, "earbuds": earbuds, "speaker": speaker}
