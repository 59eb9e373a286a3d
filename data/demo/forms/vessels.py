"""Turned bodies: bottles, sprays, jars, cans, tins."""

from __future__ import annotations

from PIL import Image

from data.demo.canvas import Canvas, both
from data.demo.forms.parts import stick, wall
from data.demo.look import Look, dark, light

METAL = (196, 198, 204)


def bottle(look: Look, pose: int) -> Image.Image:
    """A bottle with a screw, flip or dropper cap; round or sloping shoulders."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    wide, neck, cap = 15 + 13 * s, 5 + 4 * t, 8 + 8 * u
    shoulder = 24 + 14 * v
    _lid(c, look, 4, 4 + cap, neck + 1.5, ribbed=u > 0.5)
    if look.shape[4] > 0.6:  # waisted
        rows = [
            (4 + cap, neck), (8 + cap, neck), (shoulder, wide), (60, wide * 0.86), (80, wide),
            (94, wide), (97, wide - 3),
        ]  # fmt: skip
    else:
        rows = [
            (4 + cap, neck), (8 + cap, neck), (shoulder - 4, wide * 0.8), (shoulder + 4, wide),
            (92, wide), (95.5, wide - 1), (97, wide - 4),
        ]  # fmt: skip
    body = c.profile(rows, soft=True)
    c.fill(body, look.main)
    clear = look.shape[5] > 0.65
    if look.shape[6] > 0.8:  # see-through above the liquid
        c.fill(_band(c, body, 4 + cap, shoulder + 2), light(look.main, 0.7))
    stick(c, look, (50 - wide, shoulder + 6, 50 + wide, 90), body, pose, clear)
    c.round(body, 0.55, 0.35 + 0.25 * look.shape[7])
    return c.picture()


def pump(look: Look, pose: int) -> Image.Image:
    """A straight bottle with a pump."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    wide, top = 14 + 12 * s, 36 + 8 * t
    c.fill(c.rect(48.6, 10, 51.4, 28), METAL)
    head = c.blob(
        [
            (48, 6), (66 + 4 * u, 7), (71 + 4 * u, 14), (68 + 3 * u, 14), (64, 11), (54, 12), (53, 16),
            (46, 16), (45, 8),
        ]
    )  # fmt: skip
    c.fill(head, look.second)
    c.soft(head, 0.5, 3)
    _lid(c, look, 24, top - 3, 8, ribbed=v > 0.4)
    body = c.profile(
        [(top - 3, 8), (top, wide * 0.75), (top + 4, wide), (93, wide), (97, wide - 2)], soft=True
    )
    c.fill(body, look.main)
    stick(c, look, (50 - wide, top + 7, 50 + wide, 92), body, pose, look.shape[5] > 0.6)
    c.round(body, 0.5, 0.4)
    return c.picture()


def spray(look: Look, pose: int) -> Image.Image:
    """A trigger spray, or a slim aerosol where shape[3] is high."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    if v > 0.55:
        wide = 10 + 6 * s
        _lid(c, look, 4, 20 + 6 * u, wide - 1.5, ribbed=False)
        body = c.profile([(20 + 6 * u, wide - 2), (24 + 6 * u, wide), (95, wide), (97, wide - 1)])
    else:
        wide = 17 + 8 * s
        c.fill(c.rect(46, 16, 54, 32), look.second)
        head = c.poly([(30, 5), (62, 4), (68, 10), (66, 18), (44, 19), (42, 13), (30, 12)])
        trigger = c.curve([(42, 18), (36, 25), (38, 34)], 3.4)
        for part in (trigger, head):
            c.fill(part, look.second if part is head else dark(look.accent, 0.1))
            c.soft(part, 0.5, 3)
        _lid(c, look, 28, 36, 7.5, ribbed=True)
        body = c.profile(
            [(35, 7), (42, 8), (50 + 6 * t, wide * 0.8), (62, wide), (92, wide), (97, wide - 4)], soft=True
        )
    c.fill(body, look.main)
    top = 30 + 6 * u if v > 0.55 else 56
    stick(c, look, (50 - wide, top, 50 + wide, 92), body, pose, look.shape[5] > 0.7)
    c.round(body, 0.55, 0.45)
    return c.picture()


def jar(look: Look, pose: int) -> Image.Image:
    """A jar with a wide lid; squat like a cream's or tall like a jam's."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    wide, high = 24 + 10 * s, 26 + 34 * t
    top = 92 - high
    lid = c.rect(50 - wide * (0.9 + 0.12 * u), top - 12 - 6 * v, 50 + wide * (0.9 + 0.12 * u), top + 1, 2)
    body = c.profile(
        [(top, wide * 0.86), (top + 3, wide * 0.9), (top + 7, wide), (88, wide), (92, wide - 3)], soft=True
    )
    c.fill(body, look.main)
    stick(c, look, (50 - wide, top + 8, 50 + wide, 88), body, pose, look.shape[5] > 0.75)
    c.round(body, 0.5, 0.5)
    c.fill(lid, METAL if look.shape[6] > 0.75 else look.second)
    c.round(lid, 0.6, 0.4)
    if look.shape[7] > 0.4:
        c.shadow(c.rect(50 - wide, top - 5, 50 + wide, top - 4), 0, 0, 0.3, 0.35)
    return c.picture()


def can(look: Look, pose: int) -> Image.Image:
    """A drink can with drawn-in ends."""
    c, (s, t, *_) = Canvas(), look.shape
    wide = 17 + 9 * s
    top = 8 + 20 * t
    body = c.profile([(top + 3, wide - 3), (top + 8, wide), (90, wide), (95, wide - 3)])
    c.fill(c.oval(50 - wide + 2.5, top - 1, 50 + wide - 2.5, top + 6), METAL)
    c.fill(c.oval(50 - wide + 5, top + 0.5, 50 + wide - 5, top + 5), dark(METAL, 0.2))
    c.fill(body, wall(look))
    stick(c, look, (50 - wide, top + 6, 50 + wide, 92), body, pose, True)
    for y in (top + 3, 93):
        c.fill(c.rect(50 - wide + 3, y - 0.6, 50 + wide - 3, y + 1.6, 0.6), METAL)
    c.round(c.profile([(top + 2, wide - 3), (top + 8, wide), (90, wide), (96, wide - 3)]), 0.55, 0.5)
    return c.picture()


def tin(look: Look, pose: int) -> Image.Image:
    """A wide tin with rims and a lid, as of milk powder or paint."""
    c, (s, t, u, *_) = Canvas(), look.shape
    wide, top = 26 + 10 * s, 18 + 26 * t
    body = c.rect(50 - wide, top, 50 + wide, 94, 1.5)
    c.fill(body, look.main)
    stick(c, look, (50 - wide, top + 5, 50 + wide, 91), body, pose, u > 0.4)
    c.round(body, 0.55, 0.35)
    for y in (top + 3, 91):
        rim = c.rect(50 - wide, y, 50 + wide, y + 1.8)
        c.fill(rim, METAL)
        c.round(rim, 0.5, 0.5)
    lid = c.rect(50 - wide - 1, top - 6 - 3 * u, 50 + wide + 1, top + 2, 1.5)
    c.fill(lid, METAL if look.shape[6] > 0.6 else look.second)
    c.round(lid, 0.5, 0.4)
    return c.picture()


def _lid(c: Canvas, look: Look, y0: float, y1: float, hw: float, ribbed: bool) -> None:
    cap = c.rect(50 - hw, y0, 50 + hw, y1 + 1, 1.2)
    c.fill(cap, look.second)
    if ribbed:
        for i in range(1, 9):
            x = 50 - hw + i * hw / 4.5
            c.shadow(c.line([(x, y0 + 1.5), (x, y1 - 0.5)], 0.3), 0, 0, 0.2, 0.35)
    c.round(cap, 0.55, 0.35)


def _band(c: Canvas, body: Image.Image, y0: float, y1: float) -> Image.Image:
    return both(c.rect(0, y0, 100, y1), body)


FORMS = {"bottle": bottle, "pump": pump, "spray": spray, "jar": jar, "can": can, "tin": tin}
