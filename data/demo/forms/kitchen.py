"""Mugs, tumblers, pans."""

from __future__ import annotations

from PIL import Image

from data.demo.canvas import Canvas, both
from data.demo.forms.parts import stamp, stick, wall
from data.demo.labels import label
from data.demo.look import Look, dark, light, mix
from data.demo.patterns import pattern

METAL = (196, 198, 204)


def mug(look: Look, pose: int) -> Image.Image:
    """A mug with a handle, right or left, and a print."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    side = -1 if pose == 1 else 1
    wide, top = 24 + 6 * s, 24 + 14 * t
    cx = 50 - side * 7
    x = cx + side * wide
    grip = c.curve(
        [
            (x - side * 3, top + 12),
            (x + side * (10 + 5 * u), top + 16),
            (x + side * (11 + 5 * u), 68),
            (x - side * 3, 78),
        ],
        4 + 2 * v,
    )
    c.fill(grip, look.second if look.shape[4] > 0.5 else look.main)
    c.soft(grip, 0.5, 2.5)
    body = c.profile(
        [(top + 4, wide), (60, wide - 1), (88, wide - 2 - 6 * v), (92, wide - 6 - 6 * v)], cx=cx, soft=v > 0.5
    )
    c.fill(body, wall(look))
    if pose != 2:
        stick(c, look, (cx - wide * 0.75, top + 12, cx + wide * 0.75, 84), body, 0, True)
    c.round(body, 0.45, 0.4)
    c.fill(c.oval(cx - wide, top, cx + wide, top + 9), light(look.main, 0.25))
    c.fill(c.oval(cx - wide + 1.5, top + 1.2, cx + wide - 1.5, top + 8), dark(light(look.second, 0.5), 0.25))
    return c.picture()


def tumbler(look: Look, pose: int) -> Image.Image:
    """A flask or travel cup, tapered, with a lid and a band; a straw on some."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    wide, taper, top = 14 + 6 * s, 5 * t, 18 + 10 * u
    if v > 0.6:
        c.fill(c.line([(54, 2), (51, top)], 2), look.accent)
    lid = c.profile([(top - 8, wide * 0.7), (top - 6, wide * 0.95), (top + 1, wide + 1)])
    body = c.profile([(top, wide), (90, wide - taper), (96, wide - taper - 1.5)])
    c.fill(body, wall(look))
    stick(c, look, (50 - wide, top + 14, 50 + wide, 84), body, pose, True)
    band = c.rect(50 - wide, top + 4, 50 + wide, top + 10)
    c.fill(both(band, body), look.accent)
    if look.shape[4] > 0.5:
        c.fill(both(c.rect(30, 84, 70, 97), body), METAL)
    c.round(body, 0.55, 0.5)
    c.fill(lid, look.second)
    c.round(lid, 0.5, 0.4)
    return c.picture()


def pan(look: Look, pose: int) -> Image.Image:
    """A frying pan from above, or a pot from the side where shape[3] is high."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    if v > 0.55:
        for side in (-1, 1):
            c.fill(
                c.curve(
                    [(50 + side * 32, 54), (50 + side * 42, 55), (50 + side * 42, 63), (50 + side * 32, 64)],
                    3.4,
                ),
                look.second,
            )
        body = c.profile([(46, 34), (84, 33), (89, 30)])
        c.fill(body, look.main)
        c.put(label(look, 240, 120, clear=True), (30, 54, 70, 84), body, bend=2)
        c.round(body, 0.5, 0.45)
        if pose != 1:
            lid = c.blob([(15, 47), (24, 38), (50, 31 - 4 * t), (76, 38), (85, 47), (50, 49)])
            c.fill(lid, mix((190, 205, 215), look.main, 0.25))
            c.round(lid, 0.4, 0.6)
            knob = c.oval(45, 24 - 4 * t, 55, 33 - 4 * t)
            c.fill(knob, look.second)
            c.soft(knob, 0.5, 3)
        else:
            c.fill(c.oval(17, 43, 83, 49), dark(look.main, 0.55))
        return c.picture()
    r = 26 + 5 * s
    grip = c.curve([(34 + r * 0.6, 40 + r * 0.5), (74, 78), (92, 96)], 6 + 2 * u)
    c.fill(grip, look.second)
    c.soft(grip, 0.6, 2.5)
    for k, color in (
        (1.0, look.main),
        (0.9, light(look.main, 0.25)),
        (0.86, look.accent if t > 0.5 else (52, 52, 58)),
    ):
        ring = c.oval(36 - r * k, 38 - r * k, 36 + r * k, 38 + r * k)
        c.fill(
            ring,
            color
            if k != 0.86 or look.pattern != "marble"
            else pattern("terrazzo", look.art_rng(), color, light(color), dark(color)),
        )
        c.slope(ring, 1.12, 0.8, across=True)
    if pose != 2:
        stamp(c, look, (26, 28, 46, 48), look.accent if t > 0.5 else (52, 52, 58))
    return c.picture()


FORMS = {"mug": mug, "tumbler": tumbler, "pan": pan}
