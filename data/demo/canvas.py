"""The surface a product is drawn on: masks made of simple shapes, painted, shaded and written upon.

Coordinates run from 0 to 100 in both directions, whatever the size in pixels; colours are RGB in 0..255.
A mask is an "L" picture of the whole canvas, 255 inside the shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

RGB = tuple[int, int, int]
Paint = RGB | Image.Image
Point = tuple[float, float]
Box = tuple[float, float, float, float]

SIDE = 448  # pixels; a product is shown at two thirds of it or so, which smooths its edges


class Canvas:
    """An RGBA picture that starts transparent; `picture()` gives it cut to what was drawn."""

    def __init__(self, side: int = SIDE) -> None:
        self.side = side
        self.unit = side / 100
        self.image = Image.new("RGB", (side, side))
        self.alpha = Image.new("L", (side, side))

    # Masks

    def poly(self, points: Sequence[Point]) -> Image.Image:
        """A polygon with straight sides."""
        return self._drawn(lambda d: d.polygon([self._at(p) for p in points], fill=255))

    def blob(self, points: Sequence[Point]) -> Image.Image:
        """A closed smooth curve through the points (Catmull-Rom)."""
        return self.poly(smooth(points, closed=True))

    def rect(self, x0: float, y0: float, x1: float, y1: float, round_: float = 0) -> Image.Image:
        box = (*self._at((x0, y0)), *self._at((x1, y1)))
        return self._drawn(lambda d: d.rounded_rectangle(box, radius=round_ * self.unit, fill=255))

    def oval(self, x0: float, y0: float, x1: float, y1: float) -> Image.Image:
        return self._drawn(lambda d: d.ellipse((*self._at((x0, y0)), *self._at((x1, y1))), fill=255))

    def line(self, points: Sequence[Point], width: float) -> Image.Image:
        """A stroke of the given width with round joints."""
        w = max(1, round(width * self.unit))

        def stroke(d: ImageDraw.ImageDraw) -> None:
            d.line([self._at(p) for p in points], fill=255, width=w, joint="curve")
            for x, y in (self._at(points[0]), self._at(points[-1])):
                d.ellipse((x - w / 2, y - w / 2, x + w / 2, y + w / 2), fill=255)

        return self._drawn(stroke)

    def curve(self, points: Sequence[Point], width: float) -> Image.Image:
        return self.line(smooth(points), width)

    def profile(self, rows: Sequence[tuple[float, float]], cx: float = 50, soft: bool = False) -> Image.Image:
        """A turned body: (y, half width) from top to bottom, mirrored about x = cx."""
        side = smooth([(cx + hw, y) for y, hw in rows]) if soft else [(cx + hw, y) for y, hw in rows]
        return self.poly([*side, *[(2 * cx - x, y) for x, y in reversed(side)]])

    # Painting

    def fill(self, mask: Image.Image, paint: Paint) -> None:
        """Paint the mask with a colour or with a pattern, which is stretched over the mask's box."""
        box = mask.getbbox()
        if box is None:
            return
        cut = mask.crop(box)
        if isinstance(paint, Image.Image):
            paint = paint.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BILINEAR)
        self.image.paste(paint, box, cut)
        self.alpha.paste(ImageChops.lighter(self.alpha.crop(box), cut), box)

    def flip(self) -> None:
        """Mirror what is drawn so far; what is written afterwards reads the right way."""
        self.image, self.alpha = ImageOps.mirror(self.image), ImageOps.mirror(self.alpha)

    def erase(self, mask: Image.Image) -> None:
        self.alpha = ImageChops.subtract(self.alpha, mask)

    def round(self, mask: Image.Image, depth: float = 0.5, gloss: float = 0.4, light: float = -0.4) -> None:
        """Shade a mask as a turned body: dark edges, a bright streak at `light` (−1 left edge, 1 right)."""
        box = mask.getbbox()
        if box is None:
            return
        inside = np.asarray(mask.crop(box)) > 127
        w = inside.shape[1]
        left = inside.argmax(axis=1)[:, None]
        right = (w - 1 - inside[:, ::-1].argmax(axis=1))[:, None]
        t = (2 * (np.arange(w)[None, :] - left) / np.maximum(right - left, 1) - 1).astype(np.float32)
        shade = 1 - depth * (np.abs(t - light * 0.35) ** 2.2).clip(0, 1)
        streak = gloss * (
            np.exp(-(((t - light) / 0.13) ** 2)) + 0.35 * np.exp(-(((t + light * 1.8) / 0.1) ** 2))
        )
        self._light(box, mask, shade, streak)

    def soft(self, mask: Image.Image, depth: float = 0.5, reach: float = 6, light: float = -1) -> None:
        """Shade a mask as a cushion lit from above, left (light −1) or right (1)."""
        box = mask.getbbox()
        if box is None:
            return
        quarter = max(1, self.side // 4)
        small = mask.resize((quarter, quarter), Image.Resampling.BILINEAR)
        blurred = small.filter(ImageFilter.GaussianBlur(reach * self.unit / 4))
        field = np.asarray(blurred.resize(mask.size, Image.Resampling.BILINEAR).crop(box), np.float32) / 255
        gy, gx = np.gradient(field)
        slope = (-light * gx + gy) * reach * self.unit * -1.6
        shade = 1 - depth * (1 - field).clip(0, 1) * 0.9 + np.minimum(slope, 0) * depth
        self._light(box, mask, shade.clip(0.15, 1), (np.maximum(slope, 0) * depth * 0.6).clip(0, 0.6))

    def slope(self, mask: Image.Image, start: float, end: float, across: bool = False) -> None:
        """Brightness runs from `start` to `end` (1 is unchanged, above is lit), downwards or across."""
        box = mask.getbbox()
        if box is None:
            return
        h, w = box[3] - box[1], box[2] - box[0]
        ramp = np.linspace(start, end, w if across else h, dtype=np.float32)
        ramp = np.broadcast_to(ramp[None, :] if across else ramp[:, None], (h, w))
        self._light(box, mask, np.minimum(ramp, 1), np.maximum(ramp - 1, 0))

    def shadow(self, mask: Image.Image, dx: float, dy: float, blur: float, amount: float) -> None:
        """Darken what is already drawn where the mask's shadow falls."""
        moved = ImageChops.offset(mask, round(dx * self.unit), round(dy * self.unit))
        moved = moved.filter(ImageFilter.GaussianBlur(blur * self.unit)).point(lambda v: v * amount)
        self.image.paste((0, 0, 0), (0, 0), moved)

    def put(self, picture: Image.Image, box: Box, mask: Image.Image | None = None, bend: float = 0) -> None:
        """Print an RGBA picture into a box; `bend` > 0 wraps it around a turned body and sags its middle."""
        x0, y0 = (round(v) for v in self._at(box[:2]))
        x1, y1 = (round(v) for v in self._at(box[2:]))
        if x1 - x0 < 2 or y1 - y0 < 2:
            return
        flat = picture.resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR)
        if bend:
            flat = wrapped(flat, bend * self.unit)
        over = flat.getchannel("A")
        if mask is not None:
            over = ImageChops.multiply(over, mask.crop((x0, y0, x0 + flat.width, y0 + flat.height)))
        self.image.paste(flat.convert("RGB"), (x0, y0), over)
        if mask is None:
            grown = Image.new("L", self.alpha.size)
            grown.paste(over, (x0, y0))
            self.alpha = ImageChops.lighter(self.alpha, grown)

    def picture(self) -> Image.Image:
        """RGBA, cut to the box of what was drawn."""
        out = self.image.copy()
        out.putalpha(self.alpha)
        return out.crop(self.alpha.getbbox())

    def _at(self, point: Sequence[float]) -> tuple[float, float]:
        return point[0] * self.unit, point[1] * self.unit

    def _drawn(self, draw: Callable[[ImageDraw.ImageDraw], None]) -> Image.Image:
        mask = Image.new("L", (self.side, self.side))
        draw(ImageDraw.Draw(mask))
        return mask

    def _light(
        self, box: tuple[int, int, int, int], mask: Image.Image, shade: np.ndarray, glow: np.ndarray
    ) -> None:
        pixels = np.asarray(self.image.crop(box), np.float32)
        lit = pixels * shade[..., None] + (255 - pixels) * glow[..., None]
        self.image.paste(Image.fromarray(lit.clip(0, 255).astype(np.uint8)), box, mask.crop(box))


def both(a: Image.Image, b: Image.Image) -> Image.Image:
    """Where two masks overlap."""
    return ImageChops.multiply(a, b)


def smooth(points: Sequence[Point], closed: bool = False, steps: int = 8) -> list[Point]:
    """Points on the Catmull-Rom spline through `points`."""
    p = np.asarray(points, float)
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    a, b, c, d = p[:-3, None], p[1:-2, None], p[2:-1, None], p[3:, None]
    spline = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    out = [(float(x), float(y)) for x, y in spline.reshape(-1, 2)]
    return out if closed else [*out, (float(p[-2][0]), float(p[-2][1]))]


def wrapped(flat: Image.Image, sag: float) -> Image.Image:
    """An RGBA picture as seen on a cylinder from slightly above: columns crowd at the edges, rows sag."""
    pixels = np.asarray(flat)
    h, w = pixels.shape[:2]
    t = np.linspace(-1, 1, w)
    columns = ((np.arcsin(t * 0.96) / np.arcsin(0.96) + 1) / 2 * (w - 1)).round().astype(int)
    drop = sag * np.sqrt(1 - (t * 0.96) ** 2)
    tall = h + int(np.ceil(sag))
    rows = np.arange(tall)[:, None] - drop[None, :].round().astype(int)
    out = pixels[rows.clip(0, h - 1), columns[None, :]].copy()
    out[(rows < 0) | (rows >= h), 3] = 0
    return Image.fromarray(out)


@lru_cache(maxsize=4096)
def lettering(text: str, weight: int = 0, slant: float = 0) -> Image.Image:
    """The text as an "L" picture at 48 px, cut to its ink; weight thickens the strokes, slant leans them."""
    font = _font()
    box = font.getbbox(text, stroke_width=weight)
    w, h = int(box[2] - box[0]) + 4, int(box[3] - box[1]) + 4
    lean = abs(slant) * h
    out = Image.new("L", (int(w + lean), h))
    ImageDraw.Draw(out).text((2 - box[0], 2 - box[1]), text, font=font, fill=255, stroke_width=weight)
    if slant:
        out = out.transform(
            out.size, Image.Transform.AFFINE, (1, slant, -slant * h, 0, 1, 0), Image.Resampling.BILINEAR
        )
    return out.crop(out.getbbox() or (0, 0, 1, 1))


@lru_cache(maxsize=1)
def _font() -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=48)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this build of Pillow has no FreeType; install the wheel of Pillow")
    return font


def write(
    image: Image.Image, text: str, box: Box, color: RGB, weight: int = 0, slant: float = 0, align: float = 0.5
) -> None:
    """Write into a box (pixels) of an RGBA or RGB picture, as large as fits; align 0 is left, 1 right."""
    w, h = box[2] - box[0], box[3] - box[1]
    if not text or w < 2 or h < 2:
        return
    ink = lettering(text, weight, slant)
    scale = min(w / ink.width, h / ink.height)
    if scale * ink.height < h * 0.6:  # a long word is narrowed rather than shrunk
        size = (max(1, round(w)), max(1, round(min(h, scale * ink.height * 1.5))))
    else:
        size = (max(1, round(ink.width * scale)), max(1, round(ink.height * scale)))
    ink = ink.resize(size, Image.Resampling.BOX if scale < 0.4 else Image.Resampling.BILINEAR)
    at = (round(box[0] + (w - size[0]) * align), round(box[1] + (h - size[1]) / 2))
    fill: tuple[int, ...] = (*color, 255) if image.mode == "RGBA" else color
    image.paste(fill, at, ink)
