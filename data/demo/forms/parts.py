"""What several forms share: the label on a round body, the brand stamp, cloth and folds."""

from __future__ import annotations

import numpy as np
from PIL import Image

from data.demo.canvas import RGB, Box, Canvas, both, write
from data.demo.labels import back_label, label
from data.demo.look import Look, mix, readable
from data.demo.marks import mark
from data.demo.patterns import pattern


def stick(
    c: Canvas, look: Look, box: Box, body: Image.Image, pose: int, clear: bool, bend: float = 2.5
) -> None:
    """Put the label on a turned body; pose 1 has it turned by a quarter, pose 2 shows the back."""
    x0, y0, x1, y1 = box
    w = 220
    h = max(80, min(360, round(w * (y1 - y0) / (x1 - x0))))
    art = back_label(look, w, h, clear) if pose == 2 else label(look, w, h, clear)
    round_ = Image.new("RGBA", (w * 4 // 3, h), (*look.main, 0) if clear else (*look.paper, 255))
    round_.paste(art, (w // 6, 0))
    if pose == 1:
        shift = round(w * (0.36 if look.shape[0] > 0.5 else -0.36))
        round_ = Image.fromarray(np.roll(np.asarray(round_), shift, axis=1))
    c.put(round_, box, body, bend)


def wall(look: Look) -> Image.Image:
    """The printed wall of a can or mug."""
    return pattern(
        look.pattern,
        look.art_rng(),
        look.main,
        mix(look.accent, look.main, 0.25),
        mix(look.second, look.main, 0.25),
    )


def stamp(c: Canvas, look: Look, box: Box, ground: RGB) -> None:
    """The brand's mark and name, small."""
    image = Image.new("RGBA", (120, 120), (*readable(ground), 0))
    mark(image, look, 60, 42, 34, look.accent if look.accent != ground else readable(ground), ground)
    write(image, look.brand, (6, 84, 114, 114), readable(ground), 1)
    c.put(image, box, c.alpha)


def cloth(look: Look) -> RGB | Image.Image:
    return (
        look.main
        if look.pattern == "plain"
        else pattern(look.pattern, look.art_rng(), look.main, look.accent, look.second)
    )


def folds(c: Canvas, look: Look, mask: Image.Image, xs: tuple[float, float], ys: tuple[float, float]) -> None:
    rng = look.art_rng()
    for _ in range(5):
        x, y = rng.uniform(*xs), rng.uniform(*ys)
        fold = c.curve([(x, y), (x + rng.normal(0, 4), y + 9), (x + rng.normal(0, 6), y + 18)], 0.9)
        c.shadow(both(fold, mask), 0, 0, 1.2, 0.35)
