"""What a product can be: each form draws a look in one of three poses, as an RGBA picture cut to its edges."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from data.demo.forms import gadgets, home, packs, vessels, wear
from data.demo.look import Look

POSES = 3
FORMS: dict[str, Callable[[Look, int], Image.Image]] = {
    **vessels.FORMS, **packs.FORMS, **wear.FORMS, **gadgets.FORMS, **home.FORMS,
}  # fmt: skip


def draw(look: Look, pose: int) -> Image.Image:
    """The product alone, on nothing: pose 0 is the front, 1 and 2 are other views of it."""
    return FORMS[look.form](look, pose % POSES)
