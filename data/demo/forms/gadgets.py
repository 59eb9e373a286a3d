"""Phone cases, chargers, power banks, lamps."""

from __future__ import annotations

from math import cos, sin

from PIL import Image

from data.demo.canvas import Canvas
from data.demo.forms.parts import stamp
from data.demo.labels import label
from data.demo.look import Look, dark, light, mix
from data.demo.patterns import pattern

STEEL = (188, 190, 198)


def phone_case(look: Look, pose: int) -> Image.Image:
    """The back of a phone in its case; pose 1 stands beside the empty case's edge."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    w, h, r = 20 + 4 * s, 42, 5 + 2 * t
    if pose == 1:
        edge = c.rect(50 + w - 3, 52 - h, 50 + w + 7, 52 + h, r)
        c.fill(edge, dark(look.second, 0.2))
        c.round(edge, 0.5, 0.4)
    body = c.rect(50 - w, 50 - h, 50 + w, 50 + h, r)
    c.fill(body, look.second)
    inner = c.rect(51.2 - w, 51.2 - h, 48.8 + w, 48.8 + h, r - 1)
    c.fill(inner, pattern(look.pattern, look.art_rng(), look.main, look.accent, look.second))
    if look.layout % 2:
        c.put(label(look, 200, 260, clear=True), (50 - w * 0.75, 44, 50 + w * 0.75, 84), inner)
    else:
        stamp(c, look, (41, 66, 59, 82), look.main)
    c.slope(inner, 1.25 - 0.2 * v, 0.9, across=True)
    lens = (
        c.rect(53 - w, 53 - h, 53 - w + 17, 53 - h + 18, 4)
        if u > 0.4
        else c.rect(53 - w, 53 - h, 53 - w + 9, 53 - h + 22, 4)
    )
    c.fill(lens, (24, 24, 28))
    for i in range(2 + (u > 0.7)):
        x, y = 57.5 - w + (8 if i == 2 else 0), 57.5 - h + 9 * (i % 2) + (4 if i == 2 else 0)
        c.fill(c.oval(x - 3.2, y - 3.2, x + 3.2, y + 3.2), (60, 62, 70))
        c.fill(c.oval(x - 2, y - 2, x + 2, y + 2), (16, 22, 44))
        c.fill(c.oval(x - 1.2, y - 1.4, x - 0.2, y - 0.4), (150, 170, 220))
    return c.picture()


def charger(look: Look, pose: int) -> Image.Image:
    """A wall charger with pins and ports, its cable coiled in front (pose 1) or beside it."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    cable = look.accent if v > 0.5 else light(look.main, 0.3)
    if pose != 2:
        cx, cy = (50, 76) if pose == 1 else (74, 62)
        loops = [
            (cx + (14 + i * 0.12) * cos(i / 3), cy + (9 + i * 0.1) * sin(i / 3))
            for i in range(int(34 + 20 * u))
        ]
        coil = c.line(loops, 2)
        c.fill(coil, cable)
        c.soft(coil, 0.5, 1.2)
        x, y = loops[-1]
        c.fill(c.rect(x - 2, y, x + 2, y + 8, 1), look.second)
        c.fill(c.rect(x - 1.2, y + 8, x + 1.2, y + 12), STEEL)
    w, h = 17 + 5 * s, 20 + 6 * t
    cx = 50 if pose == 1 else 36
    for side in (-1, 1):
        pin = c.rect(cx + side * w * 0.5 - 1.6, 42 - h - 9, cx + side * w * 0.5 + 1.6, 44 - h, 1.4)
        c.fill(pin, STEEL)
        c.round(pin, 0.6, 0.5)
    body = c.rect(cx - w, 42 - h, cx + w, 42 + h, 4 + 5 * u)
    c.fill(body, look.main)
    face = c.rect(cx - w + 3, 44 - h, cx + w - 3, 40 + h, 3)
    if look.shape[4] > 0.5:
        c.fill(face, look.second)
    c.put(label(look, 220, 220, clear=True), (cx - w * 0.75, 44 - h, cx + w * 0.75, 36 + h * 0.5), face)
    for i in range(1 + int(2.9 * look.shape[5])):
        x = cx + (i - int(2.9 * look.shape[5]) / 2) * 9
        c.fill(c.rect(x - 3.2, 42 + h * 0.62, x + 3.2, 42 + h * 0.62 + 4, 0.8), (26, 26, 30))
        c.fill(c.rect(x - 2.2, 42 + h * 0.62 + 1.4, x + 2.2, 42 + h * 0.62 + 2.4), look.accent)
    c.soft(body, 0.4, 4)
    return c.picture()


def power_bank(look: Look, pose: int) -> Image.Image:
    """A slab with ports, lamps and a capacity printed on it."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    w, h = 19 + 6 * s, 34 + 9 * t
    if pose == 1:
        side = c.rect(50 + w - 4, 52 - h, 50 + w + 6, 52 + h, 3)
        c.fill(side, dark(look.main, 0.3))
        c.round(side, 0.5, 0.3)
    body = c.rect(50 - w, 50 - h, 50 + w, 50 + h, 3 + 6 * u)
    c.fill(
        body, pattern(look.pattern, look.art_rng(), look.main, mix(look.main, look.accent, 0.5), look.second)
    )
    c.put(label(look, 220, 300, clear=True), (50 - w * 0.8, 50 - h * 0.6, 50 + w * 0.8, 50 + h * 0.75), body)
    c.soft(body, 0.45, 4)
    c.slope(body, 1.12, 0.9, across=True)
    for i in range(4):
        lamp = c.oval(50 - w * 0.6 + i * 4, 54 - h, 52 - w * 0.6 + i * 4, 56 - h)
        c.fill(lamp, look.accent if i < 3 else dark(look.main, 0.4))
    if v > 0.5:
        c.fill(c.rect(52, 53 - h, 50 + w * 0.75, 58 - h, 1), (22, 30, 26))
    return c.picture()


def lamp(look: Look, pose: int) -> Image.Image:
    """A desk lamp with an arm, or a bulb where shape[3] is high."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    if v > 0.6:
        glass = c.blob(
            [(36, 62), (24 - 4 * s, 36), (34, 14), (50, 8), (66, 14), (76 + 4 * s, 36), (64, 62), (50, 64)]
        )
        c.fill(glass, light((255, 236, 180), 0.35 + 0.4 * t))
        c.round(glass, 0.35, 0.6)
        neck = c.profile([(60, 15), (72, 11), (76, 10)])
        c.fill(neck, look.main)
        c.put(label(look, 200, 120, clear=True), (36, 60, 64, 75), neck)
        c.round(neck, 0.5, 0.3)
        for i in range(4):
            ring = c.rect(41, 76 + 4 * i, 59, 79.4 + 4 * i, 1.4)
            c.fill(ring, STEEL)
            c.round(ring, 0.6, 0.5)
        c.fill(c.oval(45, 90, 55, 96), (60, 60, 64))
        return c.picture()
    base = c.profile([(88, 4), (89, 16 + 6 * s), (93, 18 + 6 * s), (95, 17 + 6 * s)], cx=42)
    bend = 20 + 8 * t
    arm = (
        c.curve([(42, 90), (36, 60), (bend + 10, 40), (60, 18)], 2.6)
        if u > 0.5
        else c.line([(42, 90), (bend + 4, 52), (58, 18)], 2.6)
    )
    c.fill(arm, STEEL if look.shape[4] > 0.5 else look.second)
    c.soft(arm, 0.6, 1.5)
    shade = c.poly([(54, 12), (64, 8), (90, 30 + 8 * s), (62, 46 + 6 * s)])
    c.fill(c.oval(58, 30 + 7 * s, 92, 48 + 7 * s), (255, 240, 190))
    c.fill(shade, pattern(look.pattern, look.art_rng(), look.main, look.accent, look.second))
    c.soft(shade, 0.6, 5)
    c.fill(base, look.main)
    c.round(base, 0.5, 0.3)
    if pose == 1:
        c.flip()
    stamp(c, look, (53, 87, 63, 94) if pose == 1 else (37, 87, 47, 94), look.main)
    return c.picture()


FORMS = {"phone_case": phone_case, "charger": charger, "power_bank": power_bank, "lamp": lamp}
