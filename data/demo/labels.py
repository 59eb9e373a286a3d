"""What is printed on a package: brand mark, name, variant with its picture, size, small print."""

from __future__ import annotations

from PIL import Image, ImageDraw

from data.demo.canvas import write
from data.demo.look import RGB, Look, dark, light, mix, readable
from data.demo.marks import icon, mark
from data.demo.patterns import pattern

LAYOUTS = 8


def label(look: Look, w: int = 220, h: int = 220, clear: bool = False) -> Image.Image:
    """The label of a product as an RGBA picture; `clear` leaves the ground to the body underneath."""
    ground = look.main if clear else look.paper
    image = Image.new("RGBA", (w, h), (*ground, 0 if clear else 255))
    ink = readable(ground) if clear else look.ink
    _LAYOUTS[look.layout % LAYOUTS](image, look, ink, ground)
    return image


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
