"""Handbags and backpacks."""

from __future__ import annotations

from PIL import Image

from data.demo.canvas import Canvas, both
from data.demo.forms.parts import cloth, stamp
from data.demo.labels import label
from data.demo.look import Look, dark


def tote(look: Look, pose: int) -> Image.Image:
    """A tote or handbag: handles, panels, a clasp."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    top, w, flare = 36 + 8 * t, 28 + 8 * s, 6 * u
    handle = dark(look.second, 0.1)
    for dy in (0, 3):
        c.fill(
            c.curve(
                [
                    (50 - w * 0.5, top + 4), (50 - w * 0.42, 14 + 8 * v + dy), (50, 6 + 8 * v + dy),
                    (50 + w * 0.42, 14 + 8 * v + dy), (50 + w * 0.5, top + 4),
                ],
                2.6,
            ),
            handle if dy else dark(handle, 0.3),
        )  # fmt: skip
    body = c.blob(
        [
            (50 - w, top), (50, top + 1), (50 + w, top), (50 + w + flare, 70),
            (50 + w + flare * 0.6, 92), (50, 94), (50 - w - flare * 0.6, 92), (50 - w - flare, 70),
        ]
    )  # fmt: skip
    c.fill(body, cloth(look))
    if look.shape[4] > 0.5:
        c.fill(both(c.rect(0, 74, 100, 100), body), look.second)
    c.soft(body, 0.5, 6)
    if pose != 1 and look.shape[5] > 0.5:  # a flap with its clasp
        flap = both(
            c.blob(
                [(50 - w, top - 4), (50 + w, top - 4), (50 + w, top + 14), (50, top + 30), (50 - w, top + 14)]
            ),
            body,
        )
        c.shadow(flap, 0, 1.5, 1.2, 0.45)
        c.fill(flap, look.second)
        c.soft(flap, 0.35, 4)
        c.fill(c.rect(47, top + 22, 53, top + 29, 1), (212, 180, 104))
        stamp(c, look, (42, top + 5, 58, top + 17), look.second)
    elif pose != 1:
        c.put(label(look, 240, 220, clear=True), (50 - w * 0.6, top + 10, 50 + w * 0.6, 88), body)
    for side in (-1, 1):
        c.fill(c.oval(50 + side * w * 0.5 - 2, top + 2, 50 + side * w * 0.5 + 2, top + 6), (205, 176, 110))
    return c.picture()


def backpack(look: Look, pose: int) -> Image.Image:
    """A backpack from the front, or its straps."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    w = 24 + 7 * s
    c.fill(c.curve([(44, 12), (45, 5), (55, 5), (56, 12)], 2.4), dark(look.second, 0.2))
    if pose == 1:
        for side in (-1, 1):
            c.fill(
                c.curve([(50 + side * 10, 14), (50 + side * (w + 6), 40), (50 + side * (w + 3), 80)], 5),
                dark(look.second, 0.25),
            )
    body = c.blob(
        [
            (50 - w * 0.8, 16), (50, 9), (50 + w * 0.8, 16), (50 + w, 50), (50 + w * 0.98, 88),
            (50, 95), (50 - w * 0.98, 88), (50 - w, 50),
        ]
    )  # fmt: skip
    c.fill(body, cloth(look))
    c.soft(body, 0.55, 8)
    c.shadow(
        c.curve(
            [(50 - w * 0.85, 42), (50 - w * 0.7, 20), (50, 15), (50 + w * 0.7, 20), (50 + w * 0.85, 42)], 0.8
        ),
        0,
        0,
        0.3,
        0.6,
    )
    if pose == 1:
        for side in (-1, 1):
            strap = c.curve([(50 + side * 7, 14), (50 + side * 13, 40), (50 + side * 11, 74)], 7)
            c.fill(strap, look.second)
            c.soft(strap, 0.6, 3)
        return c.picture()
    pocket = c.rect(50 - w * 0.78, 52 + 8 * t, 50 + w * 0.78, 90, 5)
    c.shadow(pocket, 0, 0.8, 1.2, 0.5)
    c.fill(pocket, look.second if u > 0.4 else dark(look.main, 0.08))
    c.soft(pocket, 0.5, 4)
    c.fill(c.line([(50 - w * 0.6, 57 + 8 * t), (50 + w * 0.6, 57 + 8 * t)], 0.9), look.accent)
    stamp(c, look, (40, 64 + 6 * t, 60, 80 + 4 * t), look.second if u > 0.4 else look.main)
    if v > 0.5:
        c.fill(both(c.line([(0, 32), (100, 32)], 3), body), look.accent)
    return c.picture()


FORMS = {"tote": tote, "backpack": backpack}
