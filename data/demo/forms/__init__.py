"""What a product can be: each form draws a look in one of three poses, RGBA, cut to its edges."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from data.demo.forms import (
    audio,
    bags,
    footwear,
    gadgets,
    garments,
    home,
    kitchen,
    packs,
    toys,
    tubes,
    vessels,
    watches,
)
from data.demo.look import Look

POSES = 3
ROOMS = (vessels, tubes, packs, kitchen, garments, footwear, bags, watches, gadgets, audio, home, toys)
FORMS: dict[str, Callable[[Look, int], Image.Image]] = {
    name: form for room in ROOMS for name, form in room.FORMS.items()
}


def draw(look: Look, pose: int) -> Image.Image:
    """The product alone, on nothing: pose 0 is the front, 1 and 2 are other views of it."""
    return FORMS[look.form](look, pose % POSES)
