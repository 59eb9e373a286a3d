"""Brand marks, and the pictures of what a variant tastes or smells of."""

from __future__ import annotations

from math import cos, pi, sin

from PIL import Image, ImageDraw

from data.demo.canvas import write
from data.demo.look import RGB, Look, dark, light, mix

MARKS = 10


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
                    (x - r, y + r * 0.6), (x - r, y - r * 0.5), (x - r * 0.4, y), (x, y - r * 0.8),
                    (x + r * 0.4, y), (x + r, y - r * 0.5), (x + r, y + r * 0.6),
                ],
                fill=color,
            )  # fmt: skip
        case 7:
            d.rounded_rectangle((x - r, y - r, x + r, y + r), radius=r * 0.35, fill=color)
            d.polygon(
                [
                    (x - r * 0.2, y - r * 0.7), (x + r * 0.5, y - r * 0.7), (x + r * 0.1, y - r * 0.1),
                    (x + r * 0.5, y - r * 0.1), (x - r * 0.4, y + r * 0.8), (x - r * 0.1, y + r * 0.1),
                    (x - r * 0.5, y + r * 0.1),
                ],
                fill=hole,
            )  # fmt: skip
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
                    (x - r * 0.9, y + r * 0.7), (x + r * 0.2, y + r * 0.25),
                    (x + r * 0.75, y - r * 0.6), (x + r * 0.35, y - r * 0.6),
                    (x - r * 0.1, y - r * 0.1),
                ],
                fill=color,
            )  # fmt: skip
            d.line((x + r * 0.55, y - r * 0.55, x + r * 0.65, y - r), fill=green, width=4)
