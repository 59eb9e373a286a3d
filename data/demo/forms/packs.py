"""Boxes, pouches, sachets, notebooks."""

from __future__ import annotations

from PIL import Image

from data.demo.canvas import Canvas, Point
from data.demo.labels import back_label, label
from data.demo.look import Look, dark, light, mix
from data.demo.patterns import pattern


def box(look: Look, pose: int) -> Image.Image:
    """A carton seen from the front, or at an angle with its side and top."""
    c, (s, t, u, *_) = Canvas(), look.shape
    w, h = 22 + 20 * s, 24 + 20 * t
    clear = look.shape[5] > 0.5
    size = (round(5 * w), round(5 * h))
    window = look.shape[6] > 0.6 and pose != 2  # shows what is inside
    if window:
        size = (size[0], size[1] * 7 // 10)
    front = back_label(look, *size, clear) if pose == 2 else label(look, *size, clear)
    depth = (8 + 12 * u) if pose == 1 else 3 * u
    rise = depth * 0.5
    x0, y0, x1, y1 = 50 - w, 52 - h, 50 + w, 52 + h
    if pose == 1:
        side = c.poly([(x1, y0), (x1 + depth, y0 - rise), (x1 + depth, y1 - rise), (x1, y1)])
        c.fill(side, dark(look.second, 0.1))
        c.slope(side, 0.75, 0.55, across=True)
        art = label(look, 160, 320, clear=True)
        c.put(art, (x1 + depth * 0.15, y0 + h * 0.3, x1 + depth * 0.85, y1 - h * 0.4), side)
    top = c.poly([(x0, y0), (x0 + depth, y0 - rise), (x1 + depth, y0 - rise), (x1, y0)])
    c.fill(top, light(look.main, 0.25))
    c.slope(top, 1.15, 1.0)
    face = c.rect(x0, y0, x1, y1)
    c.fill(face, look.main)
    c.put(front, (x0, y0, x1, y1 - 0.6 * h if window else y1), face)
    if window:
        hole = c.rect(x0 + w * 0.3, y1 - h * 0.54, x1 - w * 0.3, y1 - h * 0.1, 2)
        inside = mix(look.accent, (120, 90, 60), 0.5)
        c.fill(hole, pattern("terrazzo", look.art_rng(), inside, look.accent, light(look.accent)))
        c.slope(hole, 0.7, 1.1)
    c.slope(face, 1.06, 0.86)
    return c.picture()


def pouch(look: Look, pose: int) -> Image.Image:
    """A stand-up pouch: sealed rims, a belly, creases that catch the light."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    w, top = 20 + 12 * s, 6 + 22 * t
    belly = 1 + 0.06 + 0.05 * u
    shape: list[Point] = [
        (50 - w, top), (50 + w, top), (50 + w * 0.97, top + 10), (50 + w * belly, 62), (50 + w * 1.02, 88),
        (50 + w * 0.9, 95), (50, 97), (50 - w * 0.9, 95), (50 - w * 1.02, 88), (50 - w * belly, 62),
        (50 - w * 0.97, top + 10),
    ]  # fmt: skip
    body = c.poly(shape)
    kraft = look.shape[6] > 0.75
    ground = (190, 150, 104) if kraft else look.main
    clear = look.shape[5] > 0.35
    c.fill(
        body,
        ground
        if kraft or not clear
        else pattern(look.pattern, look.art_rng(), ground, light(ground, 0.2), dark(ground, 0.12)),
    )
    size = (240, max(140, round(240 * (84 - top) / (2 * w))))
    art = back_label(look, *size, clear) if pose == 2 else label(look, *size, clear and not kraft)
    c.put(art, (50 - w * 0.92, top + 13, 50 + w * 0.92, 91), body, bend=1.5)
    c.soft(body, 0.55, 7)
    rng = look.art_rng()
    for side in (-1, 1):
        for _ in range(3):
            x, y = 50 + side * w * rng.uniform(0.6, 0.9), rng.uniform(top + 14, 88)
            c.shadow(c.curve([(x, y), (x - side * 2, y + 5), (x + side, y + 12)], 0.7), 0, 0, 0.8, 0.5)
    seal = c.rect(50 - w, top, 50 + w, top + 6)
    c.fill(seal, dark(ground, 0.12))
    for i in range(5):
        c.shadow(c.line([(50 - w, top + 1 + i), (50 + w, top + 1 + i)], 0.25), 0, 0, 0.1, 0.3)
    if v > 0.4:
        c.erase(c.oval(47.5, top + 1.5, 52.5, top + 4.8))
    return c.picture()


def sachet(look: Look, pose: int) -> Image.Image:
    """A flat sachet with toothed ends, as of a sheet mask or instant drink."""
    c, (s, t, *_) = Canvas(), look.shape
    w, h = 16 + 14 * s, 32 + 12 * t
    teeth = 9
    step = 2 * w / teeth
    upper = [(50 - w + i * step / 2, 50 - h + (1.4 if i % 2 else 0)) for i in range(2 * teeth + 1)]
    lower = [(x, 100 - y) for x, y in reversed(upper)]
    body = c.poly([*upper, *lower])
    c.fill(body, look.main)
    size = (220, max(120, round(220 * (h - 5) / w)))
    art = back_label(look, *size) if pose == 2 else label(look, *size, look.shape[5] > 0.5)
    c.put(art, (50 - w, 55 - h, 50 + w, 45 + h), body)
    c.soft(c.rect(50 - w, 55 - h, 50 + w, 45 + h, 3), 0.4, 5)
    for y in (50 - h, 45 + h):
        c.slope(c.rect(50 - w, y, 50 + w, y + 5), 1.2, 0.85)
    return c.picture()


def notebook(look: Look, pose: int) -> Image.Image:
    """A notebook: a patterned cover with a plate, a spiral or an elastic band; pose 1 lies fanned open."""
    c, (s, t, u, v, *_) = Canvas(), look.shape
    w, h = 26 + 10 * s, 36 + 8 * t
    x0, y0, x1, y1 = 50 - w, 50 - h, 50 + w, 50 + h
    pages = c.rect(x0 + 1.5, y0 + 1.5, x1 + 2, y1 + 1.5, 1)
    c.fill(pages, (238, 234, 222))
    cover = c.rect(x0, y0, x1, y1, 2)
    c.fill(cover, pattern(look.pattern, look.art_rng(), look.main, look.accent, look.second))
    if pose == 2:
        c.fill(cover, (246, 243, 232))
        for i in range(14):
            y = y0 + 8 + i * (2 * h - 12) / 14
            c.fill(c.line([(x0 + 6, y), (x1 - 4, y)], 0.3), mix(look.accent, (255, 255, 255), 0.4))
    else:
        plate = light(look.paper, 0.5)
        y = 50 - h * (0.5 - 0.6 * u)
        tag = c.rect(50 - w * 0.7, y, 50 + w * 0.7, y + h * 0.55, 2 if v > 0.5 else 0)
        c.fill(tag, plate)
        c.put(label(look, 240, 130), (50 - w * 0.66, y + 1, 50 + w * 0.66, y + h * 0.55 - 1), tag)
    c.slope(cover, 1.06, 0.88, across=True)
    if v > 0.5:
        for i in range(17):
            y = y0 + 3 + i * (2 * h - 6) / 16
            c.fill(c.oval(x0 + 1, y - 0.8, x0 + 2.6, y + 0.8), (40, 40, 44))
            c.fill(c.curve([(x0 + 1.8, y), (x0 - 1.6, y - 1.4), (x0 - 1, y + 1)], 0.7), (150, 152, 160))
    else:
        c.shadow(c.rect(x0 + 4, y0, x0 + 5, y1), 0, 0, 0.5, 0.4)
        c.fill(c.rect(x1 - 7, y0, x1 - 5, y1), look.second)
    return c.picture()


FORMS = {"box": box, "pouch": pouch, "sachet": sachet, "notebook": notebook}
