"""What is printed on a package: brand mark, name, variant with its picture, size, small print."""

from __future__ import annotations

from math import cos, pi, sin

from PIL import Image, ImageDraw

from data.demo.canvas import write
from data.demo.look import RGB, Look, dark, light, mix, readable
from data.demo.patterns import pattern

MARKS = 10
LAYOUTS = 8


def label(look: Look, w: int = 220, h: int = 220, clear: bool = False) -> Image.Image:
    """The label of a product as an RGBA picture; `clear` leaves the ground to the body underneath."""
    ground = look.main if clear else look.paper
    image = Image.new("RGBA", (w, h), (*ground, 0 if clear else 255))
    ink = readable(ground) if clear else look.ink
    _LAYOUTS[look.layout % LAYOUTS](image, look, ink, ground)
    return image


def mark(image: Image.Image, look: Look, x: float, y: float, r: float, color: RGB, hole: RGB) -> None:
    """Draw the brand's mark, r pixels in radius; `hole` is the colour of what it stands on."""
    d = ImageDraw.Draw(image)

    def turned(n: int, deep: float = 1, start: float = -pi / 2) -> list[tuple[float, float]]:
        k = range(n * 2) if deep < 1 else range(n)
        m = len(k)
        return [
            (
                x + cos(start + 2 * pi * i / m) * r * (deep if i % 2 else 1),
                y + sin(start + 2 * pi * i / m) * r * (deep if i % 2 else 1),
            )
            for i in k
        ]

    match look.mark % MARKS:
        case 0:
            d.ellipse((x - r, y - r, x + r, y + r), fill=color)
            write(image, look.brand[:1], (x - r * 0.6, y - r * 0.6, x + r * 0.6, y + r * 0.6), hole, 2)
        case 1:
            d.ellipse((x - r, y - r, x + r, y + r), outline=color, width=max(2, int(r * 0.25)))
            d.ellipse((x - r * 0.4, y - r * 0.4, x + r * 0.4, y + r * 0.4), fill=color)
        case 2:
            d.polygon(turned(5, 0.45), fill=color)
        case 3:
            d.polygon(turned(6), fill=color)
            write(image, look.brand[:1], (x - r * 0.5, y - r * 0.5, x + r * 0.5, y + r * 0.5), hole, 2)
        case 4:
            d.polygon([(x, y - r), (x + r * 0.75, y), (x, y + r), (x - r * 0.75, y)], fill=color)
            d.line((x, y - r * 0.7, x, y + r * 0.7), fill=hole, width=2)
        case 5:
            d.pieslice((x - r, y - r, x + r, y + r), 180, 360, fill=color)
            d.pieslice((x - r, y - r * 0.6, x + r, y + r * 1.4), 0, 180, fill=mix(color, hole, 0.45))
        case 6:
            d.polygon(
                [
                    (x - r, y + r * 0.6),
                    (x - r, y - r * 0.5),
                    (x - r * 0.4, y),
                    (x, y - r * 0.8),
                    (x + r * 0.4, y),
                    (x + r, y - r * 0.5),
                    (x + r, y + r * 0.6),
                ],
                fill=color,
            )
        case 7:
            d.rounded_rectangle((x - r, y - r, x + r, y + r), radius=r * 0.35, fill=color)
            d.polygon(
                [
                    (x - r * 0.2, y - r * 0.7),
                    (x + r * 0.5, y - r * 0.7),
                    (x + r * 0.1, y - r * 0.1),
                    (x + r * 0.5, y - r * 0.1),
                    (x - r * 0.4, y + r * 0.8),
                    (x - r * 0.1, y + r * 0.1),
                    (x - r * 0.5, y + r * 0.1),
                ],
                fill=hole,
            )
        case 8:
            for i in range(3):
                d.arc(
                    (x - r, y - r + i * r * 0.6, x + r, y + r * 0.6 + i * r * 0.6),
                    200,
                    340,
                    fill=color,
                    width=max(2, int(r * 0.22)),
                )
        case _:
            for i in range(4):
                px, py = x + cos(i * pi / 2) * r * 0.5, y + sin(i * pi / 2) * r * 0.5
                d.ellipse(
                    (px - r * 0.48, py - r * 0.48, px + r * 0.48, py + r * 0.48),
                    fill=color if i % 2 else mix(color, hole, 0.35),
                )


def icon(image: Image.Image, name: str, x: float, y: float, r: float, color: RGB) -> None:
    """Draw what a flavour tastes or smells of: fruit, berry, leaf, bean, drop, flower, grain or chili."""
    d = ImageDraw.Draw(image)
    green = (76, 142, 58)

    def ball(px: float, py: float, pr: float, fill: RGB) -> None:
        d.ellipse((px - pr, py - pr, px + pr, py + pr), fill=fill)
        d.ellipse((px - pr * 0.55, py - pr * 0.6, px - pr * 0.05, py - pr * 0.15), fill=light(fill, 0.55))

    match name:
        case "fruit":
            ball(x - r * 0.3, y + r * 0.1, r * 0.7, dark(color, 0.12))
            ball(x + r * 0.4, y + r * 0.25, r * 0.6, color)
            d.ellipse((x + r * 0.05, y - r * 0.95, x + r * 0.75, y - r * 0.4), fill=green)
        case "berry":
            for dx, dy in ((-0.45, -0.1), (0.4, -0.15), (0, 0.45)):
                ball(x + dx * r, y + dy * r, r * 0.42, color)
            d.line((x, y - r, x - r * 0.4, y - r * 0.3), fill=green, width=3)
            d.line((x, y - r, x + r * 0.4, y - r * 0.3), fill=green, width=3)
        case "leaf":
            for side in (-1, 1):
                d.polygon(
                    [
                        (x, y + r * 0.9),
                        (x + side * r * 0.75, y + r * 0.1),
                        (x + side * r * 0.55, y - r * 0.8),
                        (x + side * r * 0.08, y - r * 0.1),
                    ],
                    fill=dark(color, 0.15 if side > 0 else 0),
                )
        case "bean":
            for dx, dy in ((-0.4, -0.2), (0.4, 0), (-0.1, 0.55)):
                d.ellipse(
                    (x + (dx - 0.42) * r, y + (dy - 0.3) * r, x + (dx + 0.42) * r, y + (dy + 0.3) * r),
                    fill=color,
                )
                d.arc(
                    (x + (dx - 0.4) * r, y + (dy - 0.1) * r, x + (dx + 0.4) * r, y + (dy + 0.2) * r),
                    180,
                    350,
                    fill=dark(color, 0.5),
                    width=2,
                )
        case "drop":
            d.polygon([(x, y - r), (x + r * 0.55, y + r * 0.2), (x - r * 0.55, y + r * 0.2)], fill=color)
            ball(x, y + r * 0.3, r * 0.62, color)
        case "flower":
            for i in range(6):
                px, py = x + cos(i * pi / 3) * r * 0.55, y + sin(i * pi / 3) * r * 0.55
                d.ellipse((px - r * 0.4, py - r * 0.4, px + r * 0.4, py + r * 0.4), fill=color)
            d.ellipse((x - r * 0.28, y - r * 0.28, x + r * 0.28, y + r * 0.28), fill=(246, 206, 74))
        case "grain":
            for i in range(5):
                px, py = x + (i - 2) * r * 0.3, y - abs(i - 2) * -r * 0.18
                d.ellipse(
                    (px - r * 0.16, py - r * 0.5, px + r * 0.16, py + r * 0.3),
                    fill=color if i % 2 else light(color, 0.3),
                )
        case "chili":
            d.polygon(
                [
                    (x - r * 0.9, y + r * 0.7),
                    (x + r * 0.2, y + r * 0.25),
                    (x + r * 0.75, y - r * 0.6),
                    (x + r * 0.35, y - r * 0.6),
                    (x - r * 0.1, y - r * 0.1),
                ],
                fill=color,
            )
            d.line((x + r * 0.55, y - r * 0.55, x + r * 0.65, y - r), fill=green, width=4)


def _small_print(image: Image.Image, x: float, y: float, w: float, rows: int, color: RGB) -> None:
    d = ImageDraw.Draw(image)
    for i in range(rows):
        d.line((x, y + i * 5, x + w * (0.95 - 0.25 * (i % 2)), y + i * 5), fill=color, width=1)


def _banner(image: Image.Image, look: Look, ink: RGB, ground: RGB) -> None:
    """Brand above, a band of the accent with the name, picture and size below."""
    w, h = image.size
    d = ImageDraw.Draw(image)
    mark(image, look, w * 0.5, h * 0.12, h * 0.09, look.second, ground)
    write(image, look.brand, (w * 0.15, h * 0.23, w * 0.85, h * 0.34), ink, 1)
    d.rectangle((0, h * 0.37, w, h * 0.57), fill=look.accent)
    write(image, look.line.upper(), (w * 0.08, h * 0.4, w * 0.92, h * 0.54), readable(look.accent), 2)
    icon(image, look.icon, w * 0.3, h * 0.74, h * 0.13, look.accent)
    write(image, look.variant, (w * 0.5, h * 0.62, w * 0.93, h * 0.7), ink)
    _small_print(image, w * 0.5, h * 0.76, w * 0.4, 2, mix(ink, ground, 0.5))
    write(image, look.size, (w * 0.5, h * 0.87, w * 0.93, h * 0.96), ink, 1, align=1)


def _badge(image: Image.Image, look: Look, ink: RGB, ground: RGB) -> None:
    """A disc in the middle with the name across."""
    w, h = image.size
    d = ImageDraw.Draw(image)
    r = min(w, h) * 0.34
    d.ellipse(
        (w / 2 - r, h * 0.4 - r, w / 2 + r, h * 0.4 + r), fill=look.second, outline=look.accent, width=5
    )
    over = readable(look.second)
    mark(image, look, w * 0.5, h * 0.4 - r * 0.55, r * 0.24, look.accent, look.second)
    write(
        image,
        look.brand.upper(),
        (w / 2 - r * 0.85, h * 0.4 - r * 0.2, w / 2 + r * 0.85, h * 0.4 + r * 0.2),
        over,
        2,
    )
    write(
        image,
        look.line,
        (w / 2 - r * 0.6, h * 0.4 + r * 0.3, w / 2 + r * 0.6, h * 0.4 + r * 0.6),
        over,
        0,
        0.2,
    )
    icon(image, look.icon, w * 0.2, h * 0.84, h * 0.11, look.accent)
    write(image, look.variant, (w * 0.36, h * 0.78, w * 0.95, h * 0.87), ink, 1, align=0)
    write(image, look.size, (w * 0.36, h * 0.89, w * 0.95, h * 0.97), ink, align=0)


def _split(image: Image.Image, look: Look, ink: RGB, ground: RGB) -> None:
    """Two grounds that meet on a slant."""
    w, h = image.size
    d = ImageDraw.Draw(image)
    d.polygon([(0, h * 0.62), (w, h * 0.42), (w, h), (0, h)], fill=look.accent)
    write(image, look.brand, (w * 0.08, h * 0.08, w * 0.75, h * 0.22), ink, 2, 0.2, align=0)
    mark(image, look, w * 0.86, h * 0.15, h * 0.08, look.second, ground)
    write(image, look.line, (w * 0.08, h * 0.27, w * 0.7, h * 0.4), look.second, 1, align=0)
    over = readable(look.accent)
    icon(image, look.icon, w * 0.72, h * 0.68, h * 0.17, light(look.accent, 0.45))
    write(image, look.variant, (w * 0.06, h * 0.72, w * 0.52, h * 0.82), over, 1, align=0)
    write(image, look.size, (w * 0.06, h * 0.87, w * 0.5, h * 0.96), over, align=0)


def _upright(image: Image.Image, look: Look, ink: RGB, ground: RGB) -> None:
    """The name runs up the side."""
    w, h = image.size
    side = Image.new("RGBA", (h, int(w * 0.34)), (*look.second, 255))
    write(side, look.line.upper(), (h * 0.06, w * 0.04, h * 0.94, w * 0.3), readable(look.second), 2)
    image.paste(side.rotate(90, expand=True), (0, 0))
    mark(image, look, w * 0.67, h * 0.18, w * 0.13, look.accent, ground)
    write(image, look.brand, (w * 0.38, h * 0.34, w * 0.96, h * 0.45), ink, 1)
    icon(image, look.icon, w * 0.67, h * 0.62, w * 0.14, look.accent)
    write(image, look.variant, (w * 0.4, h * 0.77, w * 0.95, h * 0.85), ink)
    write(image, look.size, (w * 0.4, h * 0.88, w * 0.95, h * 0.96), ink, 1)


def _frame(image: Image.Image, look: Look, ink: RGB, ground: RGB) -> None:
    """An apothecary's frame."""
    w, h = image.size
    d = ImageDraw.Draw(image)
    d.rectangle((w * 0.04, h * 0.04, w * 0.96, h * 0.96), outline=look.accent, width=3)
    d.rectangle((w * 0.07, h * 0.07, w * 0.93, h * 0.93), outline=ink, width=1)
    write(image, look.brand.upper(), (w * 0.18, h * 0.12, w * 0.82, h * 0.21), ink, 0)
    d.line((w * 0.2, h * 0.25, w * 0.8, h * 0.25), fill=look.accent, width=2)
    write(image, look.line, (w * 0.12, h * 0.29, w * 0.88, h * 0.45), ink, 1, 0.2)
    if look.icon:
        icon(image, look.icon, w * 0.5, h * 0.61, h * 0.11, look.accent)
    else:
        mark(image, look, w * 0.5, h * 0.61, h * 0.1, look.accent, ground)
    write(image, look.variant, (w * 0.15, h * 0.75, w * 0.85, h * 0.83), ink)
    write(image, look.size, (w * 0.3, h * 0.85, w * 0.7, h * 0.92), ink)


def _printed(image: Image.Image, look: Look, ink: RGB, ground: RGB) -> None:
    """A pattern all over with a plate for the words."""
    w, h = image.size
    art = pattern(look.pattern, look.art_rng(), ground, look.accent, look.second)
    if image.getpixel((0, 0))[3]:  # type: ignore[index]
        image.paste(art.resize((w, h)), (0, 0))
    d = ImageDraw.Draw(image)
    plate = light(look.paper, 0.6)
    d.rounded_rectangle((w * 0.1, h * 0.22, w * 0.9, h * 0.78), radius=h * 0.06, fill=plate)
    over = readable(plate)
    mark(image, look, w * 0.22, h * 0.34, h * 0.08, look.second, plate)
    write(image, look.brand, (w * 0.34, h * 0.26, w * 0.86, h * 0.42), over, 2, align=0)
    write(image, look.line, (w * 0.14, h * 0.46, w * 0.86, h * 0.58), dark(look.accent, 0.2), 1)
    write(image, look.variant, (w * 0.14, h * 0.62, w * 0.6, h * 0.72), over, align=0)
    write(image, look.size, (w * 0.64, h * 0.62, w * 0.86, h * 0.72), over, align=1)


def _stacked(image: Image.Image, look: Look, ink: RGB, ground: RGB) -> None:
    """Three fields, one above the other."""
    w, h = image.size
    d = ImageDraw.Draw(image)
    d.rectangle((0, 0, w, h * 0.3), fill=look.second)
    d.rectangle((0, h * 0.72, w, h), fill=look.accent)
    write(image, look.brand.upper(), (w * 0.1, h * 0.07, w * 0.9, h * 0.23), readable(look.second), 2)
    write(image, look.line, (w * 0.07, h * 0.35, w * 0.62, h * 0.5), ink, 2, align=0)
    write(image, look.variant, (w * 0.07, h * 0.55, w * 0.6, h * 0.64), ink, align=0)
    icon(image, look.icon, w * 0.79, h * 0.51, h * 0.15, look.accent)
    mark(image, look, w * 0.14, h * 0.86, h * 0.08, readable(look.accent), look.accent)
    write(image, look.size, (w * 0.4, h * 0.79, w * 0.93, h * 0.93), readable(look.accent), 1, align=1)


def _minimal(image: Image.Image, look: Look, ink: RGB, ground: RGB) -> None:
    """Much air: a small mark, two lines."""
    w, h = image.size
    mark(image, look, w * 0.2, h * 0.2, h * 0.08, look.accent, ground)
    write(image, look.brand.lower(), (w * 0.1, h * 0.4, w * 0.9, h * 0.54), ink, 0, align=0)
    write(image, look.line, (w * 0.1, h * 0.58, w * 0.7, h * 0.66), look.accent, 0, align=0)
    _small_print(image, w * 0.1, h * 0.72, w * 0.5, 3, mix(ink, ground, 0.5))
    write(image, look.variant, (w * 0.1, h * 0.88, w * 0.55, h * 0.95), ink, align=0)
    write(image, look.size, (w * 0.62, h * 0.88, w * 0.92, h * 0.95), ink, align=1)


_LAYOUTS = (_banner, _badge, _split, _upright, _frame, _printed, _stacked, _minimal)


def back_label(look: Look, w: int = 220, h: int = 220, clear: bool = False) -> Image.Image:
    """The back of a package: small print, a bar code, the size."""
    ground = look.main if clear else look.paper
    image = Image.new("RGBA", (w, h), (*ground, 0 if clear else 255))
    ink = readable(ground)
    write(image, look.brand, (w * 0.1, h * 0.06, w * 0.6, h * 0.14), ink, 1, align=0)
    _small_print(image, w * 0.1, h * 0.2, w * 0.8, int(h * 0.4 / 5), mix(ink, ground, 0.35))
    d = ImageDraw.Draw(image)
    d.rectangle((w * 0.1, h * 0.68, w * 0.52, h * 0.93), fill=(250, 250, 250))
    x, rng = w * 0.13, look.art_rng()
    while x < w * 0.49:
        step = float(rng.integers(2, 7))
        d.rectangle((x, h * 0.7, x + step / 2, h * 0.9), fill=(20, 20, 20))
        x += step
    write(image, look.size, (w * 0.58, h * 0.72, w * 0.92, h * 0.8), ink, 1)
    icon(image, look.icon, w * 0.75, h * 0.88, h * 0.06, look.accent)
    return image
