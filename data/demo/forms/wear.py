"""Clothes, shoes, bags, watches."""

from __future__ import annotations

from math import cos, pi, sin

from PIL import Image, ImageDraw

from data.demo.canvas import Box, Canvas, Point, both, write
from data.demo.labels import label, mark
from data.demo.look import RGB, Look, dark, light, readable
from data.demo.patterns import pattern


def shirt(look: Look, pose: int) -> Image.Image:
    """A T-shirt, a polo or (high shape[3]) a long sleeve, laid flat; pose 1 shows the back."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    hem, body = 92 - 8 * t, 21 + 4 * s
    reach = 78 if v > 0.6 else 44 + 6 * u
    out = 47 if v <= 0.6 else 44
    half: list[Point] = [
        (43, 10),
        (50 - body - 4, 14),
        (50 - out, reach - 8),
        (50 - out + 11, reach),
        (50 - body, 40),
        (50 - body - 0.5, hem),
    ]
    if v > 0.6:
        half = [
            (43, 10),
            (50 - body - 4, 14),
            (50 - out, reach),
            (50 - out + 9, reach + 2),
            (50 - body, 38),
            (50 - body - 0.5, hem),
        ]
    mask = c.poly([*half, *[(100 - x, y) for x, y in reversed(half)]])
    c.fill(mask, _cloth(look))
    if look.shape[4] > 0.66:  # raglan: sleeves of the second colour
        for side in (-1, 1):
            sleeve = c.poly(
                [
                    (50 + side * 7, 9),
                    (50 + side * (body + 4), 14),
                    (50 + side * 50, reach),
                    (50 + side * 36, reach + 4),
                    (50 + side * body, 40),
                ]
            )
            c.fill(both(sleeve, mask), look.second)
    if look.shape[4] < 0.3:  # bands
        c.fill(both(c.rect(0, 48, 100, 53 + 6 * u), mask), look.accent)
    c.soft(mask, 0.4, 3.5)
    _folds(c, look, mask, (50 - body, 50 + body), (30, hem))
    neck = c.oval(42, 5.5, 58, 15 if pose != 1 else 11.5)
    c.fill(both(neck, c.rect(0, 9.4, 100, 20)), dark(look.main, 0.45))
    c.fill(
        c.curve(
            [
                (42.4, 10),
                (45, 13.6 if pose != 1 else 11),
                (50, 15 if pose != 1 else 11.8),
                (55, 13.6 if pose != 1 else 11),
                (57.6, 10),
            ],
            1.6,
        ),
        look.second,
    )
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
                (14, 64),
                (16, 44),
                (26, 28 - 8 * s),
                (44, 22 - 8 * s),
                (60, 30 - 6 * s),
                (67, 48),
                (68, 64),
                (40, 67),
            ]
        )
        bill = c.blob([(56, 58), (68, 57), (86, 62), (97, 71), (92, 76 - 3 * t), (74, 70), (56, 67)])
        at = (42, 36, 62, 56)
    c.fill(crown, _cloth(look))
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
    stamp(c, look, at, look.second if u > 0.45 else look.main)
    picture = c.picture()
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if pose == 1 else picture


def shoe(look: Look, pose: int) -> Image.Image:
    """A sneaker from the side, low or ankle high; pose 1 is the pair."""
    pair = [_shoe(look)]
    if pose == 1:
        pair.append(pair[0].rotate(-9, Image.Resampling.BILINEAR, expand=True))
        w, h = pair[1].width + 40, pair[0].height + 70
        out = Image.new("RGBA", (w, h))
        out.paste(pair[1], (38, 0), pair[1])
        out.alpha_composite(pair[0], (0, h - pair[0].height))
        return out
    return pair[0] if pose == 0 else pair[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _shoe(look: Look) -> Image.Image:
    c, (s, t, u, v, *_) = Canvas(), look.shape
    ankle = 18 + 16 * (1 - s)
    upper = c.blob(
        [
            (7, 70),
            (8, 50),
            (11, ankle + 4),
            (20, ankle),
            (36, ankle + 3),
            (46, 44),
            (64, 54),
            (84, 60),
            (95, 68),
            (94, 76),
            (50, 78),
            (8, 77),
        ]
    )
    c.fill(upper, _cloth(look))
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
        x = 34 + i * 7
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
            (4, 77),
            (30, 76),
            (60, 77),
            (96, 74),
            (98, 79),
            (93, 78 + sole_high),
            (50, 79 + sole_high),
            (8, 78 + sole_high),
            (4, 82),
        ]
    )
    c.fill(sole, light(look.paper, 0.4) if look.shape[4] > 0.35 else look.second)
    c.slope(sole, 1.1, 0.7)
    c.fill(both(c.line([(4, 80), (97, 79)], 1), sole), look.accent)
    stamp(c, look, (20, ankle + 10, 34, ankle + 20), look.main)
    return c.picture()


def sandal(look: Look, pose: int) -> Image.Image:
    """Flip-flops or slides from above: the pair, or one."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    for cx, side in ((30, -1), (70, 1)) if pose != 1 else ((50, 1),):

        def x(d: float) -> float:
            return cx + side * d  # noqa: B023

        sole = c.blob(
            [
                (x(-12), 20),
                (x(-4), 7),
                (x(9), 9),
                (x(15), 26),
                (x(11), 50),
                (x(12), 76),
                (x(4), 94),
                (x(-8), 90),
                (x(-11), 66),
                (x(-9), 46),
            ]
        )
        c.fill(sole, look.second)
        c.soft(sole, 0.5, 3)
        inner = c.blob(
            [
                (x(-10), 21),
                (x(-3.5), 9.5),
                (x(8), 11.5),
                (x(13), 26),
                (x(9), 50),
                (x(10), 75),
                (x(3), 91),
                (x(-6.5), 88),
                (x(-9), 66),
                (x(-7), 46),
            ]
        )
        c.fill(inner, pattern(look.pattern, look.art_rng(), look.main, look.accent, look.second))
        c.slope(inner, 1.05, 0.85)
        stamp(c, look, (min(x(-5), x(6)), 70, max(x(-5), x(6)), 82), look.main)
        straps = (
            [[(x(-13), 34), (x(0), 26 + 4 * t), (x(15), 36)]]
            if s > 0.5
            else [[(x(1), 20), (x(-5), 32), (x(-12), 48)], [(x(1), 20), (x(9), 32), (x(13), 50)]]
        )
        for points in straps:
            strap = c.curve(points, 13 if s > 0.5 else 3.5 + 2 * u)
            c.shadow(strap, 0.8, 1.6, 1, 0.5)
            c.fill(strap, look.accent)
            c.soft(strap, 0.5, 3)
        if s > 0.5:
            stamp(c, look, (min(x(-6), x(8)), 25, max(x(-6), x(8)), 36), look.accent)
    return c.picture()


def tote(look: Look, pose: int) -> Image.Image:
    """A tote or handbag: handles, panels, a clasp."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    top, w, flare = 36 + 8 * t, 28 + 8 * s, 6 * u
    handle = dark(look.second, 0.1)
    for dy in (0, 3):
        c.fill(
            c.curve(
                [
                    (50 - w * 0.5, top + 4),
                    (50 - w * 0.42, 14 + 8 * v + dy),
                    (50, 6 + 8 * v + dy),
                    (50 + w * 0.42, 14 + 8 * v + dy),
                    (50 + w * 0.5, top + 4),
                ],
                2.6,
            ),
            handle if dy else dark(handle, 0.3),
        )
    body = c.blob(
        [
            (50 - w, top),
            (50, top + 1),
            (50 + w, top),
            (50 + w + flare, 70),
            (50 + w + flare * 0.6, 92),
            (50, 94),
            (50 - w - flare * 0.6, 92),
            (50 - w - flare, 70),
        ]
    )
    c.fill(body, _cloth(look))
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
            (50 - w * 0.8, 16),
            (50, 9),
            (50 + w * 0.8, 16),
            (50 + w, 50),
            (50 + w * 0.98, 88),
            (50, 95),
            (50 - w * 0.98, 88),
            (50 - w, 50),
        ]
    )
    c.fill(body, _cloth(look))
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


def watch(look: Look, pose: int) -> Image.Image:
    """A watch: round or square, hands or digits, on its strap."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    w = 8 + 3 * s
    strap = c.profile([(3, w * 0.75), (30, w), (70, w), (97, w * 0.7)], soft=True)
    c.fill(
        strap,
        pattern(look.pattern, look.art_rng(), look.second, dark(look.second, 0.2), look.accent)
        if v > 0.5
        else look.second,
    )
    c.round(strap, 0.5, 0.2)
    for i in range(5):
        c.fill(c.oval(49.2, 80 + 3 * i, 50.8, 81.4 + 3 * i), dark(look.second, 0.6))
        c.shadow(c.line([(50 - w, 10 + 5 * i), (50 + w, 10 + 5 * i)], 0.4), 0, 0, 0.3, 0.3 if t > 0.5 else 0)
    r = 19 + 4 * t
    square = u > 0.55
    rim = (
        (218, 186, 118)
        if look.shape[4] > 0.6
        else (176, 178, 186)
        if look.shape[4] > 0.3
        else dark(look.main, 0.6)
    )
    c.fill(c.rect(50 + r - 1, 47, 50 + r + 3, 53, 1), dark(rim, 0.2))
    case = c.rect(50 - r, 50 - r, 50 + r, 50 + r, 6) if square else c.oval(50 - r, 50 - r, 50 + r, 50 + r)
    c.fill(case, rim)
    c.soft(case, 0.7, 3)
    k = r - 3.2
    dial = c.rect(50 - k, 50 - k, 50 + k, 50 + k, 4) if square else c.oval(50 - k, 50 - k, 50 + k, 50 + k)
    screen = square and look.shape[5] > 0.4
    ground = (18, 20, 26) if screen else look.main
    c.fill(dial, ground)
    c.put(_dial(look, screen, pose, ground), (50 - k, 50 - k, 50 + k, 50 + k), dial)
    c.slope(dial, 1.2, 0.9, across=True)
    return c.picture()


def _dial(look: Look, screen: bool, pose: int, ground: RGB) -> Image.Image:
    image = Image.new("RGBA", (200, 200), (*ground, 255))
    d, ink = ImageDraw.Draw(image), readable(ground)
    if screen:
        write(image, ("10:08", "07:45", "12:30")[pose], (22, 50, 178, 110), look.accent, 1)
        write(image, look.brand, (50, 24, 150, 44), ink)
        for i in range(3):
            d.arc(
                (30 + i * 50, 126, 70 + i * 50, 166),
                120,
                420 - 60 * i,
                fill=(look.accent, look.main, look.second)[i],
                width=7,
            )
        return image
    ticks = 12 if look.shape[6] > 0.3 else 4
    for i in range(ticks):
        a = 2 * pi * i / ticks
        d.line(
            (100 + sin(a) * 78, 100 - cos(a) * 78, 100 + sin(a) * 92, 100 - cos(a) * 92),
            fill=look.accent if look.shape[7] > 0.5 else ink,
            width=6 if i % 3 == 0 else 3,
        )
    mark(image, look, 100, 52, 13, look.accent, ground)
    write(image, look.brand, (62, 68, 138, 84), ink)
    write(image, look.variant, (72, 128, 128, 142), ink)
    if look.shape[6] > 0.65:
        d.ellipse((80, 120, 120, 160), outline=look.accent, width=3)
    for hours, long, wide in ((10.15 + 2 * pose, 48, 6), (1.6 + 4 * pose, 74, 4)):
        a = 2 * pi * hours / 12
        d.line((100, 100, 100 + sin(a) * long, 100 - cos(a) * long), fill=ink, width=wide)
    d.line((100, 100, 60, 150), fill=look.accent, width=2)
    return image


def _cloth(look: Look) -> RGB | Image.Image:
    return (
        look.main
        if look.pattern == "plain"
        else pattern(look.pattern, look.art_rng(), look.main, look.accent, look.second)
    )


def stamp(c: Canvas, look: Look, box: Box, ground: RGB) -> None:
    """The brand's mark and name, small."""
    image = Image.new("RGBA", (120, 120), (*readable(ground), 0))
    mark(image, look, 60, 42, 34, look.accent if look.accent != ground else readable(ground), ground)
    write(image, look.brand, (6, 84, 114, 114), readable(ground), 1)
    c.put(image, box, c.alpha)


def _folds(
    c: Canvas, look: Look, mask: Image.Image, xs: tuple[float, float], ys: tuple[float, float]
) -> None:
    rng = look.art_rng()
    for _ in range(5):
        x, y = rng.uniform(*xs), rng.uniform(*ys)
        fold = c.curve([(x, y), (x + rng.normal(0, 4), y + 9), (x + rng.normal(0, 6), y + 18)], 0.9)
        c.shadow(both(fold, mask), 0, 0, 1.2, 0.35)


FORMS = {
    "shirt": shirt, "cap": cap, "shoe": shoe, "sandal": sandal, "tote": tote, "backpack": backpack, "watch": watch,
}  # fmt: skip
