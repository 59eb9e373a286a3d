"""How one product looks: everything that its pictures have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Look:
    """What a form draws. Siblings share all of it but the attribute that they differ in."""

    form: str
    shape: tuple[float, ...]  # eight numbers in 0..1: the proportions and parts of the form
    main: RGB  # the body
    second: RGB  # caps, soles, bands
    accent: RGB  # what the variant colours: a flavour's fruit, a stripe
    paper: RGB  # the label's ground
    ink: RGB
    pattern: str
    layout: int
    mark: int
    brand: str
    line: str  # the product's own name, printed large
    variant: str  # a flavour or a model number, printed small
    size: str
    icon: str  # what the flavour's picture shows; "" for none
    art: int  # seed of the pattern's details

    def art_rng(self) -> np.random.Generator:
        """The generator of the product's own artwork: the same in each of its pictures."""
        return np.random.default_rng([7, self.art])


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """A colour between `a` (share 0) and `b` (share 1)."""
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def dark(color: RGB, share: float = 0.35) -> RGB:
    return mix(color, (0, 0, 0), share)


def light(color: RGB, share: float = 0.5) -> RGB:
    return mix(color, (255, 255, 255), share)


def readable(ground: RGB) -> RGB:
    """Near black or white, whichever stands out."""
    return (28, 26, 30) if 0.3 * ground[0] + 0.59 * ground[1] + 0.11 * ground[2] > 140 else (250, 250, 246)
