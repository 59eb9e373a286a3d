"""Every form draws every pose of any look, and shows what siblings differ in."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import ImageChops

from data.demo.forms import FORMS, POSES, draw
from data.demo.look import Look
from data.demo.patterns import PATTERNS

LOOK = Look(
    form="bottle",
    shape=(0.5,) * 8,
    main=(206, 48, 52),
    second=(34, 46, 88),
    accent=(244, 202, 66),
    paper=(250, 248, 242),
    ink=(30, 30, 36),
    pattern="dots",
    layout=0,
    mark=0,
    brand="Zuvela",
    line="Nuro",
    variant="Lemon",
    size="250 ml",
    icon="fruit",
    art=1,
)


@pytest.mark.parametrize("form", FORMS)
def test_every_pose_is_drawn(form: str) -> None:
    rng = np.random.default_rng(len(form))
    for pose in range(POSES):
        look = replace(
            LOOK,
            form=form,
            shape=tuple(float(v) for v in rng.uniform(0, 1, 8)),
            pattern=str(rng.choice(PATTERNS)),
            layout=int(rng.integers(8)),
            mark=int(rng.integers(10)),
        )
        picture = draw(look, pose)
        assert picture.mode == "RGBA"
        assert min(picture.size) > 40
        assert picture.getchannel("A").getextrema() == (0, 255) or form in ("box", "phone_case")


def test_forms_do_not_look_alike() -> None:
    shapes = [draw(replace(LOOK, form=form), 0).getchannel("A").resize((32, 32)) for form in FORMS]
    pixels = np.stack([np.asarray(shape, float).ravel() for shape in shapes])
    apart = np.abs(pixels[:, None] - pixels[None]).mean(-1) + 255 * np.eye(len(FORMS))
    assert (apart > 0).all()


@pytest.mark.parametrize(
    "change", [{"main": (44, 98, 180)}, {"size": "500 ml"}, {"accent": (120, 80, 150)}, {"variant": "Mint"}]
)
def test_a_sibling_looks_different(change: dict) -> None:
    one, other = draw(LOOK, 0), draw(replace(LOOK, **change), 0)
    assert one.size == other.size
    assert ImageChops.difference(one.convert("RGB"), other.convert("RGB")).getbbox() is not None
