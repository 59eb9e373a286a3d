"""Tubes and lipsticks."""

from __future__ import annotations

from PIL import Image

from data.demo.canvas import Canvas
from data.demo.forms.parts import stick
from data.demo.labels import label
from data.demo.look import Look, dark

METAL = (196, 198, 204)


def tube(look: Look, pose: int) -> Image.Image:
    """A squeezed tube that stands on its cap."""
    c, (s, t, u, *_) = Canvas(), look.shape
    wide, foot = 15 + 8 * s, 8 + 7 * t
    body = c.poly(
        [(50 - wide, 5), (50 + wide, 5), (50 + wide * 0.72, 97 - foot), (50 - wide * 0.72, 97 - foot)]
    )
    c.fill(body, look.main)
    stick(c, look, (50 - wide, 13, 50 + wide, 94 - foot), body, pose, look.shape[5] > 0.4, bend=1)
    c.round(body, 0.45, 0.4)
    crimp = c.rect(50 - wide, 3, 50 + wide, 9)
    c.fill(crimp, dark(look.main, 0.08))
    for i in range(14):
        c.shadow(
            c.line([(50 - wide + i * wide / 7, 3.5), (50 - wide + i * wide / 7, 8.5)], 0.3), 0, 0, 0.2, 0.4
        )
    cap = c.rect(50 - wide * (0.6 + 0.14 * u), 96 - foot, 50 + wide * (0.6 + 0.14 * u), 98, 1.5)
    c.fill(cap, look.second)
    c.round(cap, 0.5, 0.3)
    return c.picture()


def lipstick(look: Look, pose: int) -> Image.Image:
    """A lipstick, open with its cap beside it, or closed."""
    c, (s, t, u, *_) = Canvas(), look.shape
    wide = 8 + 3 * s
    for cx, shut in ((38, False), (64, True)) if pose != 1 else ((50, True),):
        base = c.rect(cx - wide, 62 if not shut else 40, cx + wide, 95, 1)
        if not shut:
            bullet = c.poly(
                [
                    (cx - wide * 0.6, 50),
                    (cx - wide * 0.6, 26 - 6 * t),
                    (cx + wide * 0.6, 15 - 6 * t),
                    (cx + wide * 0.6, 50),
                ]
            )
            c.fill(bullet, look.accent)
            c.round(bullet, 0.4, 0.4)
            collar = c.rect(cx - wide * 0.75, 48, cx + wide * 0.75, 63)
            c.fill(collar, (214, 182, 110) if u > 0.5 else METAL)
            c.round(collar, 0.6, 0.6)
        c.fill(base, look.main)
        c.put(
            label(look, 120, 200, clear=True).rotate(90 if u > 0.7 else 0, expand=True),
            (cx - wide * 0.9, 66, cx + wide * 0.9, 93),
            base,
        )
        c.round(base, 0.6, 0.5)
    return c.picture()


FORMS = {"tube": tube, "lipstick": lipstick}
