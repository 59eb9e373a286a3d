"""Toy cars, plush animals, robots."""

from __future__ import annotations

from PIL import Image

from data.demo.canvas import Canvas, both
from data.demo.forms.parts import stamp
from data.demo.labels import label
from data.demo.look import Look, light
from data.demo.patterns import pattern


def toy_car(look: Look, pose: int) -> Image.Image:
    """A toy car from the side: saloon, van or racer."""
    c, (s, t, u, *_) = Canvas(), look.shape
    if u > 0.66:
        shell = c.blob(
            [(6, 66), (8, 52), (30, 48), (42, 38), (58, 38), (66, 48), (92, 54), (96, 66), (50, 68)]
        )
    elif u > 0.33:
        shell = c.blob(
            [(7, 68), (7, 36), (12, 28), (70, 27), (82, 34), (88, 48), (95, 54), (95, 68), (50, 70)]
        )
    else:
        shell = c.blob(
            [
                (6, 66), (7, 50), (22, 46), (32, 32 - 4 * s), (60, 31 - 4 * s), (74, 46), (92, 50),
                (96, 66), (50, 69),
            ]
        )  # fmt: skip
    c.fill(shell, look.main)
    c.fill(both(c.rect(0, 56, 100, 60 + 4 * t), shell), look.accent)
    c.soft(shell, 0.55, 6)
    high, low = (41, 48) if u > 0.66 else (34, 47)
    for x0, x1 in ((37, 49), (51, 62)) if u <= 0.33 or u > 0.66 else ((14, 30), (33, 49), (52, 68), (71, 80)):
        pane = both(c.rect(x0, high, x1, low, 1.5), shell)
        c.fill(pane, (150, 196, 220))
        c.slope(pane, 1.3, 0.8)
    for x in (25, 75):
        for r, color in ((10, (34, 34, 38)), (5.5, look.second), (2, (230, 230, 232))):
            wheel = c.oval(x - r, 69 - r, x + r, 69 + r)
            c.fill(wheel, color)
            c.soft(wheel, 0.5, 2)
    c.fill(c.oval(90, 55, 95, 60), (255, 240, 170))
    if t > 0.6:
        c.fill(c.rect(4, 40, 10, 52) if u > 0.66 else c.rect(44, 22, 56, 28, 2), look.second)
    if pose == 1:
        c.flip()
    if u <= 0.33:
        c.put(label(look, 180, 180, clear=True), (40, 49, 60, 68), shell)
    else:
        stamp(c, look, (43, 50, 57, 66), look.main)
    return c.picture()


def bear(look: Look, pose: int) -> Image.Image:
    """A plush animal: ears tell bear, rabbit and cat."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    fur, belly = look.main, light(look.main, 0.45)
    ears = {0: [(-17, 10, 8, 8)], 1: [(-10, 6, 5, 17)], 2: [(-16, 8, 7, 9)]}[int(2.99 * u)]
    parts: list[tuple[float, float, float, float]] = []
    for side in (-1, 1):
        parts += [
            (50 + side * 17, 88, 10, 9),
            (50 + side * (24 + 3 * s), 64 - 8 * (pose == 1 and side == 1), 7, 11),
        ]
        parts += [(50 + side * -dx, 12 + dy, rx, ry) for dx, dy, rx, ry in ears]
    parts += [(50, 70, 20 + 4 * s, 23), (50, 30, 22, 19)]
    for x, y, rx, ry in parts:
        part = c.oval(x - rx, y - ry, x + rx, y + ry)
        c.fill(part, fur)
        c.soft(part, 0.55, 4)
    tummy = c.oval(38, 58, 62, 86)
    c.fill(tummy, belly)
    if v > 0.5:
        vest = c.oval(50 - 21 - 4 * s, 52, 71 + 4 * s, 92)
        c.fill(vest, pattern(look.pattern, look.art_rng(), look.second, look.accent, look.paper))
        c.soft(vest, 0.5, 5)
    stamp(c, look, (43, 62, 57, 78), look.second if v > 0.5 else belly)
    c.fill(c.oval(40, 31, 60, 45), belly)
    for x in (42, 58):
        c.fill(c.oval(x - 2, 24, x + 2, 28.5), (26, 22, 22))
        c.fill(c.oval(x - 1.2, 24.6, x, 26), (255, 255, 255))
    c.fill(c.oval(47, 33, 53, 37.4), (60, 36, 32))
    c.fill(c.curve([(45, 40), (50, 42.4), (55, 40)], 0.7), (60, 36, 32))
    bow = [(50, 50), (40, 46), (40, 55), (50, 51), (60, 55), (60, 46)]
    if t > 0.4:
        ribbon = c.poly(bow)
        c.fill(ribbon, look.accent)
        c.soft(ribbon, 0.5, 2)
    return c.picture()


def robot(look: Look, pose: int) -> Image.Image:
    """A toy robot of blocks."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    w = 17 + 5 * s
    c.fill(c.line([(50, 4), (50, 14)], 1.2), (150, 150, 156))
    c.fill(c.oval(47.5, 1.5, 52.5, 6.5), look.accent)
    raised = 12 if pose == 1 else 0
    blocks = [
        (c.rect(50 - w - 9, 42 - raised, 50 - w + 1, 66 - raised, 3), look.second),
        (c.rect(50 + w - 1, 42, 50 + w + 9, 66, 3), look.second),
        (c.rect(50 - w * 0.8, 70, 46, 96, 2), look.second),
        (c.rect(54, 70, 50 + w * 0.8, 96, 2), look.second),
        (c.rect(50 - w, 38, 50 + w, 75, 2 + 6 * t), look.main),
        (c.rect(50 - w * 0.85, 12, 50 + w * 0.85, 36, 2 + 8 * u), look.main),
    ]  # fmt: skip
    for mask, color in blocks:
        c.fill(mask, color)
        c.soft(mask, 0.5, 4)
    visor = c.rect(50 - w * 0.65, 18, 50 + w * 0.65, 28, 3)
    c.fill(visor, (24, 28, 38))
    for x in (43, 57):
        c.fill(c.oval(x - 3, 20, x + 3, 26) if v > 0.4 else c.rect(x - 3, 21, x + 3, 25), look.accent)
    c.put(label(look, 200, 200), (50 - w * 0.7, 44, 50 + w * 0.7, 69))
    for i in range(3):
        c.fill(c.oval(44 + 5 * i, 30.5, 46.5 + 5 * i, 33), light(look.main, 0.6))
    return c.picture()


FORMS = {"toy_car": toy_car, "bear": bear, "robot": robot}
