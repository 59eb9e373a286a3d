"""Invents the products: families of siblings that differ in one attribute, and how many listings each has."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data.demo.kinds import KINDS, Kind
from data.demo.labels import LAYOUTS
from data.demo.look import RGB, Look, dark, light
from data.demo.marks import MARKS
from data.demo.params import Params
from data.demo.patterns import PATTERNS
from data.demo.words import BRANDS, COLORS, FLAVORS, LINES

# Share of the products with so many listings: Shopee's shape (two is commonest, a tail beyond 20), leaner.
GROUPS = {
    1: 0.01, 2: 0.675, 3: 0.155, 4: 0.067, 5: 0.033, 6: 0.019, 7: 0.010, 8: 0.007, 9: 0.005, 10: 0.004,
    12: 0.003, 14: 0.0022, 17: 0.0016, 20: 0.0012, 24: 0.0011, 29: 0.0008, 35: 0.0006,
}  # fmt: skip
LARGE = 12  # a product with so many listings has no siblings, so that no family grows beyond bounds


@dataclass(frozen=True)
class Product:
    """One product: what it is called and what it looks like."""

    number: int
    kind: Kind
    look: Look
    color: tuple[str, str]  # Indonesian and English, "" where colour is not what it is sold by
    flavor: tuple[str, str]
    model: str
    size: str
    features: tuple[str, ...]  # what is claimed of it
    listings: int


@dataclass(frozen=True)
class Family:
    """Products that differ in one attribute alone; mostly one product."""

    number: int
    axis: str  # "size", "color", "flavor", "model", or "" for a single product
    shared: bool  # one picture stands on several of them
    products: tuple[Product, ...]


def invent(params: Params) -> list[Family]:
    """All families of the catalogue, in an order and with contents that depend on the seed alone."""
    rng = np.random.default_rng([params.seed, 0])
    small, large = _group_sizes(params.products, rng)
    families: list[Family] = []
    number = 0
    while small or large:
        many = int(rng.choice([2, 3, 4, 5], p=[0.45, 0.3, 0.16, 0.09]))
        alone = rng.random() < _alone(params.siblings) or many > len(small)
        source = (
            large
            if alone and large and (not small or rng.random() < len(large) / (len(small) + len(large)))
            else small
        )
        sizes = [source.pop() for _ in range(1 if alone else many)]
        family = _family(
            len(families), number, sizes, params, np.random.default_rng([params.seed, 1, len(families)])
        )
        families.append(family)
        number += len(sizes)
    return families


def _alone(siblings: float) -> float:
    """Share of the families that are one product, so that `siblings` of the products have siblings."""
    # A family of several has 2.89 products on average.
    return (1 - siblings) / (1 - siblings + siblings / 2.89)


def _group_sizes(products: int, rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Listings of each product, shuffled: quantiles of GROUPS, so that small catalogues have it too."""
    share = np.cumsum(list(GROUPS.values())) / sum(GROUPS.values())
    at = (np.arange(products) + 0.5) / products
    sizes = np.array(list(GROUPS))[np.searchsorted(share, at)]
    rng.shuffle(sizes)
    return [int(n) for n in sizes if n < LARGE], [int(n) for n in sizes if n >= LARGE]


def _family(number: int, first: int, sizes: list[int], params: Params, rng: np.random.Generator) -> Family:
    kind = KINDS[int(rng.integers(len(KINDS)))]
    axes = [
        axis
        for axis, has in (
            ("size", kind.sizes),
            ("flavor", kind.flavors),
            ("color", kind.colored),
            ("model", kind.models),
        )
        if has
    ]
    axis = str(rng.choice(axes)) if len(sizes) > 1 else ""
    base = _product(first, kind, rng, params.seed)
    products = [replace(base, number=first + i, listings=n) for i, n in enumerate(sizes)]
    count = len(sizes)
    if axis == "size":
        chosen = rng.permutation(len(kind.sizes))
        products = [
            _sized(p, kind.sizes[chosen[i % len(chosen)]], i // len(chosen)) for i, p in enumerate(products)
        ]
    elif axis == "flavor":
        table = FLAVORS[kind.flavors]
        products = [
            _flavored(p, table[i]) for p, i in zip(products, rng.permutation(len(table))[:count], strict=True)
        ]
    elif axis == "color":
        products = [
            _colored(p, i) for p, i in zip(products, rng.permutation(len(COLORS))[:count], strict=True)
        ]
    elif axis == "model":
        products = [_modelled(p, m) for p, m in zip(products, _models(rng, count), strict=True)]
    return Family(number, axis, len(sizes) > 1 and bool(rng.random() < params.shared), tuple(products))


def _product(number: int, kind: Kind, rng: np.random.Generator, seed: int) -> Product:
    """A product with everything that its kind can have."""
    brand = BRANDS[kind.trade][int(rng.integers(len(BRANDS[kind.trade])))]
    house = np.random.default_rng([seed, 2, *brand.encode()])  # a brand's house style
    house_color, house_second = int(house.integers(len(COLORS))), int(house.integers(len(COLORS)))
    layout, mark = int(house.integers(LAYOUTS)), int(house.integers(MARKS))
    color = house_color if rng.random() < 0.3 else int(rng.integers(len(COLORS)))
    second = COLORS[house_second if rng.random() < 0.5 else int(rng.integers(len(COLORS)))][2]
    accent = COLORS[int(rng.integers(len(COLORS)))][2]
    paper = [(250, 248, 242), light(COLORS[color][2], 0.8), light(accent, 0.75), (36, 36, 42)][
        int(rng.choice(4, p=[0.5, 0.2, 0.2, 0.1]))
    ]
    look = Look(
        form=kind.form,
        shape=tuple(float(v) for v in rng.uniform(0, 1, 8)),
        main=COLORS[color][2],
        second=second,
        accent=accent,
        paper=paper,
        ink=(30, 30, 36) if paper[0] > 100 else (246, 244, 238),
        pattern=str(rng.choice(PATTERNS)),
        layout=layout if rng.random() < 0.5 else int(rng.integers(LAYOUTS)),
        mark=mark,
        brand=brand,
        line=LINES[int(rng.integers(len(LINES)))],
        variant="",
        size="",
        icon="",
        art=int(rng.integers(2**31)),
    )
    claims = rng.permutation(len(kind.features))[: int(rng.integers(1, 4))]
    product = Product(
        number, kind, look, ("", ""), ("", ""), "", "", tuple(kind.features[i] for i in claims), 0
    )
    if kind.colored:
        product = _colored(product, color)
    if kind.flavors:
        product = _flavored(product, FLAVORS[kind.flavors][int(rng.integers(len(FLAVORS[kind.flavors])))])
    if kind.models:
        product = _modelled(product, _models(rng, 1)[0])
    if kind.sizes:
        product = _sized(product, kind.sizes[int(rng.integers(len(kind.sizes)))], 0)
    return product


def _sized(product: Product, size: str, again: int) -> Product:
    size = f"{size} isi {again + 1}" if again else size
    return replace(product, size=size, look=replace(product.look, size=size))


def _flavored(product: Product, flavor: tuple[str, str, str, RGB]) -> Product:
    look = replace(product.look, variant=flavor[1], icon=flavor[2], accent=flavor[3])
    return replace(product, flavor=flavor[:2], look=look)


def _colored(product: Product, index: int) -> Product:
    name_id, name_en, color = COLORS[index]
    second = product.look.second
    if second == color:
        second = light(color) if sum(color) < 380 else dark(color)
    return replace(product, color=(name_id, name_en), look=replace(product.look, main=color, second=second))


def _modelled(product: Product, model: str) -> Product:
    return replace(product, model=model, look=replace(product.look, variant=model))


def _models(rng: np.random.Generator, count: int) -> list[str]:
    """Model numbers of one series: `KX-21`, `KX-23`…"""
    letters = "".join(rng.choice(list("ABCDEFGHKLMNPRSTVXZ"), int(rng.integers(1, 3))))
    digits = int(rng.choice([2, 2, 3]))
    numbers = rng.choice(np.arange(10 ** (digits - 1), 10**digits), count, replace=False)
    joint = str(rng.choice(["", "-", " "]))
    return [f"{letters}{joint}{n}" for n in numbers]
