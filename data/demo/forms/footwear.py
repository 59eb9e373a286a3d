"""Sneakers and sandals."""

from __future__ import annotations

from PIL import Image

from data.demo.canvas import Canvas, both
from data.demo.forms.parts import cloth, stamp
from data.demo.look import Look, dark, light
from data.demo.patterns import pattern


def shoe(look: Look, pose: int) -> Image.Image:
    """A sneaker from the side, low or ankle high; pose 1 is the pair."""
    pair = [_shoe(look, pose == 2)]
    if pose == 1:
        pair.append(pair[0].rotate(-9, Image.Resampling.BILINEAR, expand=True))
        w, h = pair[1].width + 40, pair[0].height + 70
        out = Image.new("RGBA", (w, h))
        out.paste(pair[1], (38, 0), pair[1])
        out.alpha_composite(pair[0], (0, h - pair[0].height))
        return out
    return pair[0]


def _shoe(look: Look, left: bool) -> Image.Image:
    c, (s, t, u, v, *_) = Canvas(), look.shape
    ankle = 18 + 16 * (1 - s)
    upper = c.blob(
        [
            (7, 70), (8, 50), (11, ankle + 4), (20, ankle), (36, ankle + 3), (46, 44), (64, 54),
            (84, 60), (95, 68), (94, 76), (50, 78), (8, 77),
        ]
    )  # fmt: skip
    c.fill(upper, cloth(look))
    c.soft(upper, 0.5, 6)
    toe = both(c.blob([(74, 54), (90, 60), (98, 70), (95, 80), (70, 80), (70, 66)]), upper)
    heel = both(c.blob([(4, 46), (16, 42), (20, 60), (18, 80), (2, 80)]), upper)
    for part in (toe, heel):
        c.fill(part, look.second)
        c.soft(upper, 0.12, 5)
    c.fill(
        both(
            c.blob([(10, ankle), (22, ankle - 3), (38, ankle + 4), (30, ankle + 8), (14, ankle + 7)]), upper
        ),
        dark(look.main, 0.55),
    )
    stripes = int(1 + 3 * t)
    for i in range(stripes):
        x = 34.0 + i * 7
        swoosh = (
            c.curve([(x - 8, 76), (x, 66), (x + 10 - 4 * u, 56)], 3)
            if u > 0.4
            else c.curve([(18, 70 - i * 5), (36, 66 - i * 4), (58, 60 - i * 2)], 2)
        )
        c.fill(both(swoosh, upper), look.accent)
    for i in range(4 + int(2 * v)):
        x, y = 37 + i * 5.5, ankle + 13 + i * (48 - ankle) / 6
        c.fill(c.line([(x, y + 5), (x + 6, y - 1)], 1.3), light(look.paper, 0.5))
    sole_high = 7 + 6 * v
    sole = c.blob(
        [
            (4, 77), (30, 76), (60, 77), (96, 74), (98, 79), (93, 78 + sole_high), (50, 79 + sole_high),
            (8, 78 + sole_high), (4, 82),
        ]
    )  # fmt: skip
    c.fill(sole, light(look.paper, 0.4) if look.shape[4] > 0.35 else look.second)
    c.slope(sole, 1.1, 0.7)
    c.fill(both(c.line([(4, 80), (97, 79)], 1), sole), look.accent)
    if left:
        c.flip()
    stamp(c, look, (66 if left else 20, ankle + 10, 80 if left else 34, ankle + 20), look.main)
    return c.picture()


def sandal(look: Look, pose: int) -> Image.Image:
    """Flip-flops or slides from above: the pair, or one."""
    c, (s, t, u, *_) = Canvas(), look.shape
    for cx, side in ((30, -1), (70, 1)) if pose != 1 else ((50, 1),):

        def x(d: float) -> float:
            return cx + side * d  # noqa: B023

        sole = c.blob(
            [
                (x(-12), 20), (x(-4), 7), (x(9), 9), (x(15), 26), (x(11), 50), (x(12), 76), (x(4), 94),
                (x(-8), 90), (x(-11), 66), (x(-9), 46),
            ]
        )  # fmt: skip
        c.fill(sole, look.second)
        c.soft(sole, 0.5, 3)
        inner = c.blob(
            [
                (x(-10), 21), (x(-3.5), 9.5), (x(8), 11.5), (x(13), 26), (x(9), 50), (x(10), 75),
                (x(3), 91), (x(-6.5), 88), (x(-9), 66), (x(-7), 46),
            ]
        )  # fmt: skip
        c.fill(inner, pattern(look.pattern, look.art_rng(), look.main, look.accent, look.second))
        c.slope(inner, 1.05, 0.85)
        stamp(c, look, (min(x(-5), x(6)), 70, max(x(-5), x(6)), 82), look.main)
        if s > 0.5:
            low = 42 + 6 * t
            straps = [
                c.blob(
                    [(x(-12), 27), (x(1), 22), (x(14.5), 28), (x(14), low), (x(1), low - 5), (x(-11), low)]
                )
            ]
        else:
            thong = ([(x(1), 20), (x(-5), 32), (x(-12), 48)], [(x(1), 20), (x(9), 32), (x(13), 50)])
            straps = [c.curve(points, 3.5 + 2 * u) for points in thong]
        for strap in straps:
            c.shadow(strap, 0.8, 1.6, 1, 0.5)
            c.fill(strap, look.accent)
            c.soft(strap, 0.5, 3)
        if s > 0.5:
            stamp(c, look, (min(x(-6), x(8)), 25, max(x(-6), x(8)), 36), look.accent)
    return c.picture()


FORMS = {"shoe": shoe, "sandal": sandal}
