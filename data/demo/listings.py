"""The listings of one family: who posts which picture under which title."""

from __future__ import annotations

import hashlib
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
from data.demo.titles import title
from data.demo.words import SHOPS


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
    """Render every listing of a family; each picture and title has a generator of its own."""
    poses = {p.number: lru_cache(partial(draw, p.look)) for p in family.products}
    rng = np.random.default_rng([params.seed, 4, family.number])
    common = _common(family, poses, rng) if family.shared else None
    rows: list[Listing] = []
    for product in family.products:
        rows += _of_product(product, poses[product.number], common, params)
    return _copied_titles(rows, rng)


def _of_product(product: Product, poses: Poses, common: bytes | None, params: Params) -> list[Listing]:
    rng = np.random.default_rng([params.seed, 5, product.number])
    n = product.listings
    reusing = int(np.floor(n * params.reuse + rng.random()))
    reusing = (n if rng.random() < params.reuse else 0) if n == 2 else max(reusing, min(2, n))
    main = hero(poses, rng) if rng.random() < 0.75 else snapshot(poses, rng)
    rows = []
    for view in range(n):
        rng = np.random.default_rng([params.seed, 6, product.number, view])
        shop = SHOPS[int(rng.integers(len(SHOPS)))]
        if view == n - 1 and common is not None:
            jpeg = common
        elif view < reusing:
            picture = main if view == 0 or rng.random() < 0.05 else edited(main, rng, shop)
            jpeg = _jpeg(picture, int(rng.integers(45, 93)) if view else 88)
        else:
            picture = snapshot(poses, rng) if rng.random() < 0.8 else hero(poses, rng)
            if rng.random() < 0.3:
                picture = edited(picture, rng, shop)
            jpeg = _jpeg(picture, int(rng.integers(60, 93)))
        rows.append(Listing(product.number, title(product, rng, shop), _phash(jpeg), jpeg))
    return rows


def _common(family: Family, poses: dict[int, Poses], rng: np.random.Generator) -> bytes:
    """The picture that stands on each sibling: all of them in a row, or the first one alone."""
    fronts = [each(0) for each in poses.values()]
    picture = lineup(fronts, rng) if rng.random() < 0.6 else hero(poses[family.products[0].number], rng)
    return _jpeg(picture, 85)


def _copied_titles(rows: list[Listing], rng: np.random.Generator) -> list[Listing]:
    """Now and then a seller copies the title of a sibling's listing as it stands."""
    if len({row.product for row in rows}) > 1 and rng.random() < 0.15:
        a, b = rows[0], rows[-1]
        rows[-1] = Listing(b.product, a.title, b.phash, b.jpeg)
    return rows


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _phash(jpeg: bytes) -> str:
    with Image.open(BytesIO(jpeg)) as picture:
        return str(imagehash.phash(picture))
