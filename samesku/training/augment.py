"""What is changed at random in a listing when it is drawn; a function of the draw's seed alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

TRIES = 10  # crops that are drawn, of which the first that fits is taken
WIDEST = 4 / 3  # proportions of a crop
LUMA = np.array([0.299, 0.587, 0.114])  # of red, green and blue (ITU-R BT.601)
#: Turn colours about grey by an angle θ: cos θ · (I − J/3) + sin θ · AROUND + J/3, J all ones.
AROUND = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / np.sqrt(3)


@dataclass(frozen=True)
class Pictures:
    """Random resized crop, flip and colour jitter of a picture, in one pass over its pixels each.

    Attributes:
        size: side of the square that the model takes.
        crop: smallest share of the area that is kept, in proportions 3:4 to 4:3 (Szegedy et al., 2015).
        flip: share of pictures mirrored. jitter: brightness, contrast and saturation are each multiplied by
        1 − jitter to 1 + jitter. hue: turned by up to this share of the colour wheel.
    """

    size: int
    crop: float = 0.7
    flip: float = 0.5
    jitter: float = 0.2
    hue: float = 0.0

    def __call__(self, image: Image.Image, seed: int) -> Tensor:
        """An RGB picture -> (3, size, size) uint8, channels last in memory."""
        random = np.random.default_rng(seed)
        box = self._box(*image.size, random)
        square = image.resize((self.size, self.size), Image.Resampling.BILINEAR, box)
        if random.random() < self.flip:
            square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if self.jitter or self.hue:
            mean = np.array(square.reduce(self.size).getpixel((0, 0)))
            brightness, contrast, saturation = random.uniform(1 - self.jitter, 1 + self.jitter, 3)
            turned = 2 * np.pi * random.uniform(-self.hue, self.hue)
            square = square.convert("RGB", colours(brightness, contrast, saturation, turned, mean))
        return torch.from_numpy(np.array(square)).permute(2, 0, 1)

    def _box(self, width: int, height: int, random: np.random.Generator) -> tuple[float, float, float, float]:
        """Left, top, right and bottom; where no try fits, as much as the proportions allow."""
        area = width * height * random.uniform(self.crop, 1, TRIES)
        ratio = np.exp(random.uniform(-np.log(WIDEST), np.log(WIDEST), TRIES))
        wide, high = np.sqrt(area * ratio), np.sqrt(area / ratio)
        fits = np.flatnonzero((wide <= width) & (high <= height))
        w = wide[fits[0]] if len(fits) else min(width, height * WIDEST)
        h = high[fits[0]] if len(fits) else min(height, width * WIDEST)
        left, top = random.uniform(0, (width - w, height - h))
        return left, top, min(left + w, width), min(top + h, height)


def colours(
    brightness: float, contrast: float, saturation: float, turned: float, mean: NDArray[np.floating]
) -> tuple[float, ...]:
    """Four changes of colour as one affine map, so that a pixel is rounded and cut to 0 … 255 once.

    Hue is turned about the grey axis; saturation s takes a colour to s times its distance from its own grey;
    brightness multiplies; contrast c takes a value to c times its distance from the picture's mean grey
    (Haeberli, Matrix Operations for Image Processing, 1993).

    Args:
        turned: the hue, in radians. mean: (3,), the picture's mean colour, 0 … 255.

    Returns:
        12 numbers, a row of four for each of red, green and blue, as Image.convert takes them.
    """
    third = np.full((3, 3), 1 / 3)
    hue = np.cos(turned) * (np.eye(3) - third) + np.sin(turned) * AROUND + third
    matrix = brightness * (saturation * np.eye(3) + (1 - saturation) * LUMA) @ hue
    grey = LUMA @ matrix @ mean
    shift = np.full((3, 1), (1 - contrast) * grey)
    return tuple(np.hstack([contrast * matrix, shift]).ravel().tolist())


def leave_out_words(title: str, share: float, seed: int) -> str:
    """`title` without about `share` of its words, in their order; at least one stays."""
    words = title.split()
    if not share or len(words) < 2:
        return title
    rng = np.random.default_rng(seed)
    stay = rng.random(len(words)) >= share
    stay[rng.integers(len(words))] = True
    return " ".join(word for word, stays in zip(words, stay, strict=True) if stays)


def draw_seed(*entropy: int) -> int:
    """A seed, 0 to 2^63 − 1, from the run's seed and the number of the draw."""
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))
