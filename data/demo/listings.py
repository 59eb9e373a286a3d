"""The listings of one family: who posts which picture under which title."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from io import BytesIO

import imagehash
import numpy as np
from PIL import Image

from data.demo.edits import edited
from data.demo.forms import draw
from data.demo.params import Params
from data.demo.products import Family, Product
from data.demo.scene import Poses, hero, lineup, snapshot
from data.demo.titles import shop, wordings

SERIES = 0.3  # share of the families whose makers photograph all siblings in the same way
PLACE = 0.4  # share of a product's further pictures that are taken at one place


@dataclass(frozen=True)
class Listing:
    """One row of the catalogue with its picture, a JPEG."""

    product: int
    title: str
    phash: str
    jpeg: bytes

    @property
    def image(self) -> str:
        """The picture's file name: equal pictures have equal names."""
        return hashlib.blake2b(self.jpeg, digest_size=16).hexdigest() + ".jpg"


def listings(family: Family, params: Params) -> list[Listing]:
    """Render every listing of a family; each picture and each title has a generator of its own."""
    poses = {p.number: lru_cache(partial(draw, p.look)) for p in family.products}
    rng = np.random.default_rng([params.seed, 4, family.number])
    series = [params.seed, 7, family.number] if rng.random() < SERIES else []
    common = _common(family, poses, rng) if family.shared else None
    rows: list[Listing] = []
    for product, titles in zip(family.products, wordings(family, params), strict=True):
        pictures = _pictures(product, poses[product.number], series, params)
        if common is not None:
            pictures[-1] = common
        rows += [
            Listing(product.number, t, _phash(jpeg), jpeg) for t, jpeg in zip(titles, pictures, strict=True)
        ]
    return rows


def _pictures(product: Product, poses: Poses, series: list[int], params: Params) -> list[bytes]:
    """A JPEG for each listing: one picture reused with edits, then pictures of their own.

    Siblings of one `series` are photographed in the same way: same ground, place and light.
    """
    rng = np.random.default_rng([params.seed, 5, product.number])
    n = product.listings
    reusing = (n if rng.random() < params.reuse else 0) if n == 2 else int(n * params.reuse + rng.random())
    if series:
        main = hero(poses, np.random.default_rng(series))
    else:
        main = hero(poses, rng) if rng.random() < 0.75 else snapshot(poses, rng, rng)
    made = []
    for view in range(n):
        rng = np.random.default_rng([params.seed, 6, product.number, view])
        seller = shop(params, product.number, view)
        if view < max(reusing, 1):
            picture = main if view == 0 or rng.random() < 0.05 else edited(main, rng, seller)
        else:
            place = np.random.default_rng([params.seed, 13, product.number]) if rng.random() < PLACE else rng
            picture = snapshot(poses, rng, place) if rng.random() < 0.8 else hero(poses, rng)
            if rng.random() < 0.3:
                picture = edited(picture, rng, seller)
        made.append(_jpeg(picture, int(rng.integers(50, 93)) if view else 88))
    return made


def _common(family: Family, poses: Mapping[int, Poses], rng: np.random.Generator) -> bytes:
    """The picture that stands on each sibling: all of them in a row, or the first one alone."""
    fronts = [each(0) for each in poses.values()]
    picture = lineup(fronts, rng) if rng.random() < 0.6 else hero(poses[family.products[0].number], rng)
    return _jpeg(picture, 85)


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _phash(jpeg: bytes) -> str:
    with Image.open(BytesIO(jpeg)) as picture:
        return str(imagehash.phash(picture))
