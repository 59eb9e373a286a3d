"""What sellers do to a picture that they found elsewhere, so that it looks like their own."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from data.demo.backgrounds import PASTELS, VIVID
from data.demo.canvas import lettering, write
from data.demo.look import RGB, light, readable

SLOGANS = (
    "READY STOCK", "GRATIS ONGKIR", "COD BAYAR DI TEMPAT", "100% ORIGINAL", "PROMO HARI INI", "BEST SELLER",
    "DISKON 50%", "TERMURAH", "GARANSI RESMI", "KIRIM HARI INI", "FLASH SALE", "FREE GIFT", "BELI 2 GRATIS 1",
    "STOK TERBATAS",
)  # fmt: skip


def edited(image: Image.Image, rng: np.random.Generator, shop: str) -> Image.Image:
    """Apply some edits, in the order in which a person would; many sellers take little trouble."""
    steps = LIGHT if rng.random() < 0.45 else HEAVY
    chosen = [step for step, share in steps if rng.random() < share] or [steps[0][0]]
    for step in chosen:
        image = step(image, rng, shop)
    return image


def _vivid(rng: np.random.Generator) -> RGB:
    return VIVID[int(rng.integers(len(VIVID)))]


def _crop(image: Image.Image, rng: np.random.Generator, shop: str) -> Image.Image:
    w, h = image.size
    keep = rng.uniform(0.72, 0.95, 2)
    x, y = rng.uniform(0, 1 - keep[0]) * w, rng.uniform(0, 1 - keep[1]) * h
    return image.crop((int(x), int(y), int(x + keep[0] * w), int(y + keep[1] * h)))


def _stretch(image: Image.Image, rng: np.random.Generator, shop: str) -> Image.Image:
    return image.resize(
        (round(image.width * rng.uniform(0.8, 1.15)), image.height), Image.Resampling.BILINEAR
    )


def _tone(image: Image.Image, rng: np.random.Generator, shop: str) -> Image.Image:
    image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.75, 1.3))
    image = ImageEnhance.Contrast(image).enhance(rng.uniform(0.75, 1.3))
    return ImageEnhance.Color(image).enhance(rng.uniform(0.5, 1.5))


def _mirror(image: Image.Image, rng: np.random.Generator, shop: str) -> Image.Image:
    return ImageOps.mirror(image)


def _inset(image: Image.Image, rng: np.random.Generator, shop: str) -> Image.Image:
    """A corner shows a detail in a ring or a box."""
    w, h = image.size
    side = int(min(w, h) * rng.uniform(0.25, 0.4))
    x, y = int(rng.uniform(0.2, 0.5) * w), int(rng.uniform(0.2, 0.5) * h)
    detail = image.crop((x, y, x + side * 2 // 3, y + side * 2 // 3)).resize(
        (side, side), Image.Resampling.BILINEAR
    )
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).ellipse((0, 0, side - 1, side - 1), fill=255)
    left, up = (int(rng.choice([6, w - side - 6])), int(rng.choice([6, h - side - 6])))
    out = image.copy()
    ImageDraw.Draw(out).ellipse((left - 4, up - 4, left + side + 4, up + side + 4), fill=_vivid(rng))
    out.paste(detail, (left, up), mask)
    return out


def _border(image: Image.Image, rng: np.random.Generator, shop: str) -> Image.Image:
    """A frame, or bars that make the picture square."""
    color = _vivid(rng) if rng.random() < 0.6 else PASTELS[int(rng.integers(len(PASTELS)))]
    if rng.random() < 0.4:
        side = round(max(image.size) * rng.uniform(1.0, 1.2))
        return ImageOps.pad(image, (side, side), color=color)
    out = ImageOps.expand(image, round(min(image.size) * rng.uniform(0.03, 0.1)), color)
    if rng.random() < 0.5:
        ImageDraw.Draw(out).rectangle(
            (5, 5, out.width - 6, out.height - 6), outline=light(color, 0.6), width=3
        )
    return out


def _banner(image: Image.Image, rng: np.random.Generator, shop: str) -> Image.Image:
    """A bar with the shop's name or a slogan, above or below, over the picture or beside it."""
    w, h = image.size
    high = round(h * rng.uniform(0.09, 0.2))
    color = _vivid(rng)
    out, y = image.copy(), int(rng.choice([0, h - high]))
    if rng.random() < 0.4:
        out = Image.new("RGB", (w, h + high), color)
        out.paste(image, (0, 0 if y else high))
        y = h if y else 0
    ImageDraw.Draw(out).rectangle((0, y, w, y + high), fill=color)
    text = shop.upper() if rng.random() < 0.4 else str(rng.choice(SLOGANS))
    write(out, text, (w * 0.06, y + high * 0.18, w * 0.94, y + high * 0.82), readable(color), 2)
    return out


def _sticker(image: Image.Image, rng: np.random.Generator, shop: str) -> Image.Image:
    """A round badge or a ribbon in a corner."""
    w, h = image.size
    r = min(w, h) * rng.uniform(0.1, 0.17)
    x, y = float(rng.choice([r + 6, w - r - 6])), float(rng.choice([r + 6, h - r - 6]))
    color = _vivid(rng)
    out = image.copy()
    d = ImageDraw.Draw(out)
    if rng.random() < 0.6:
        d.ellipse((x - r, y - r, x + r, y + r), fill=color, outline=light(color, 0.6), width=3)
    else:
        d.rectangle((x - r, y - r * 0.5, x + r, y + r * 0.5), fill=color)
    words = str(rng.choice(SLOGANS)).split()
    for i, word in enumerate(words[:2]):
        top = y + (i - len(words[:2]) / 2) * r * 0.5
        write(out, word, (x - r * 0.8, top, x + r * 0.8, top + r * 0.45), readable(color), 2)
    return out


def _watermark(image: Image.Image, rng: np.random.Generator, shop: str) -> Image.Image:
    """The shop's name across the picture, half transparent, once or repeated."""
    w, h = image.size
    ink = lettering(shop, 1)
    scale = w * rng.uniform(0.25, 0.8) / ink.width
    ink = ink.resize(
        (max(1, round(ink.width * scale)), max(1, round(ink.height * scale))), Image.Resampling.BILINEAR
    )
    ink = ink.rotate(float(rng.choice([0, 0, 30, 45, -30])), expand=True)
    alpha = rng.uniform(0.25, 0.65)
    ink = ink.point(lambda v: v * alpha)
    color = (255, 255, 255) if rng.random() < 0.6 else (40, 40, 40)
    out = image.copy()
    if rng.random() < 0.3:
        for y in range(0, h, ink.height + 40):
            for x in range(0, w, ink.width + 40):
                out.paste(color, (x, y), ink)
    else:
        at = (round((w - ink.width) * rng.uniform(0.1, 0.9)), round((h - ink.height) * rng.uniform(0.1, 0.9)))
        out.paste(color, at, ink)
    return out


def _shrink(image: Image.Image, rng: np.random.Generator, shop: str) -> Image.Image:
    """Saved small by a messenger, and posted again."""
    scale = rng.uniform(0.5, 0.8)
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)


LIGHT = ((_tone, 0.5), (_watermark, 0.5), (_sticker, 0.2), (_shrink, 0.3))
HEAVY = (
    (_crop, 0.5),
    (_stretch, 0.2),
    (_tone, 0.5),
    (_mirror, 0.04),
    (_inset, 0.1),
    (_border, 0.4),
    (_banner, 0.45),
    (_sticker, 0.35),
    (_watermark, 0.35),
    (_shrink, 0.25),
)
