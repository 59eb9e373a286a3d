"""T-shirts, sweaters, caps."""

from __future__ import annotations

from PIL import Image

from data.demo.canvas import Canvas, Point, both
from data.demo.forms.parts import cloth, folds, stamp
from data.demo.labels import label
from data.demo.look import Look, dark, light


def shirt(look: Look, pose: int) -> Image.Image:
    """A T-shirt, a polo or (high shape[3]) a long sleeve, laid flat; pose 1 shows the back."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    hem, body = 92 - 8 * t, 21 + 4 * s
    reach = 78 if v > 0.6 else 44 + 6 * u
    out = 47 if v <= 0.6 else 44
    half: list[Point] = [
        (43, 10), (50 - body - 4, 14), (50 - out, reach - 8), (50 - out + 11, reach), (50 - body, 40),
        (50 - body - 0.5, hem),
    ]  # fmt: skip
    if v > 0.6:
        half = [
            (43, 10), (50 - body - 4, 14), (50 - out, reach), (50 - out + 9, reach + 2),
            (50 - body, 38), (50 - body - 0.5, hem),
        ]  # fmt: skip
    mask = c.poly([*half, *[(100 - x, y) for x, y in reversed(half)]])
    c.fill(mask, cloth(look))
    if look.shape[4] > 0.66:  # raglan: sleeves of the second colour
        for side in (-1, 1):
            sleeve = c.poly(
                [
                    (50 + side * 7, 9), (50 + side * (body + 4), 14), (50 + side * 50, reach),
                    (50 + side * 36, reach + 4), (50 + side * body, 40),
                ]
            )  # fmt: skip
            c.fill(both(sleeve, mask), look.second)
    if look.shape[4] < 0.3:  # bands
        c.fill(both(c.rect(0, 48, 100, 53 + 6 * u), mask), look.accent)
    c.soft(mask, 0.4, 3.5)
    folds(c, look, mask, (50 - body, 50 + body), (30, hem))
    neck = c.oval(42, 5.5, 58, 15 if pose != 1 else 11.5)
    c.fill(both(neck, c.rect(0, 9.4, 100, 20)), dark(look.main, 0.45))
    c.fill(
        c.curve(
            [
                (42.4, 10), (45, 13.6 if pose != 1 else 11), (50, 15 if pose != 1 else 11.8),
                (55, 13.6 if pose != 1 else 11), (57.6, 10),
            ],
            1.6,
        ),
        look.second,
    )  # fmt: skip
    if pose == 1:
        stamp(c, look, (45, 16, 55, 21), look.main)
    elif look.layout % 2:
        c.put(
            label(look, 260, 240, clear=look.layout % 4 == 1),
            (50 - body * 0.68, 30, 50 + body * 0.68, 64),
            mask,
        )
    else:
        stamp(c, look, (54, 24, 66, 34) if u > 0.5 else (36, 28, 64, 56), look.main)
    if v > 0.75:
        for i in range(3):
            c.fill(c.oval(49.2, 18 + 5 * i, 50.8, 19.6 + 5 * i), light(look.second, 0.3))
        c.shadow(c.rect(49, 14, 51, 33), 0, 0, 0.3, 0.2)
    return c.picture()


def cap(look: Look, pose: int) -> Image.Image:
    """A baseball cap from the side (either way) or from the front."""
    c, (s, t, u, *_) = Canvas(), look.shape
    if pose == 2:
        crown = c.blob([(22, 62), (26, 36 - 6 * s), (50, 22 - 6 * s), (74, 36 - 6 * s), (78, 62), (50, 66)])
        bill = c.blob([(18, 62), (50, 56), (82, 62), (78, 74 + 6 * t), (50, 80 + 6 * t), (22, 74 + 6 * t)])
        at = (38, 36, 62, 56)
    else:
        crown = c.blob(
            [
                (14, 64), (16, 44), (26, 28 - 8 * s), (44, 22 - 8 * s), (60, 30 - 6 * s), (67, 48),
                (68, 64), (40, 67),
            ]
        )  # fmt: skip
        bill = c.blob([(56, 58), (68, 57), (86, 62), (97, 71), (92, 76 - 3 * t), (74, 70), (56, 67)])
        at = (42, 36, 62, 56)
    c.fill(crown, cloth(look))
    c.soft(crown, 0.5, 7)
    if u > 0.45:  # the front panel of another colour
        c.fill(
            both(c.oval(44, 10, 90, 90) if pose != 2 else c.oval(30, 16, 70, 90), crown),
            light(look.second, 0.15),
        )
        c.soft(crown, 0.3, 6)
    for x in (30, 48) if pose != 2 else (36, 64):
        c.shadow(c.curve([(x, 64), (x + 3, 44), (46 if pose != 2 else 50, 18)], 0.4), 0, 0, 0.3, 0.5)
    c.fill(bill, look.second if look.shape[4] > 0.4 else look.main)
    c.slope(bill, 1.15, 0.75)
    c.shadow(
        c.curve([(58, 66), (74, 67), (90, 73)], 0.4)
        if pose != 2
        else c.curve([(22, 68), (50, 66), (78, 68)], 0.4),
        0,
        0,
        0.3,
        0.4,
    )
    c.fill(
        c.oval(42, 13 + 6 * (1 - s), 48, 17 + 6 * (1 - s)) if pose != 2 else c.oval(47, 16, 53, 21),
        look.accent,
    )
    if pose == 1:
        c.flip()
        at = (38, 36, 58, 56)
    stamp(c, look, at, look.second if u > 0.45 else look.main)
    return c.picture()


FORMS = {"shirt": shirt, "cap": cap}
