"""Random changes of a listing each time it is drawn; a function of the draw's seed alone."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from samesku.arrays import Floats

N_CROPS = 10  # crops that are drawn; the first one that fits into the picture is taken
MAX_RATIO = 4 / 3  # of a crop's width to its height, or its height to its width
LUMA = np.array([0.299, 0.587, 0.114])  # of red, green and blue (ITU-R BT.601)
#: Rotates colours about the grey axis by θ: cos θ · (I − J/3) + sin θ · CROSS + J/3, where J is all ones.
CROSS = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / np.sqrt(3)


@dataclass(frozen=True)
class PictureAugmentation:
    """Random resized crop, horizontal flip and colour jitter.

    Attributes:
        size: side of the square that the model takes.
        crop: smallest share of the area that stays; its proportions are 3:4 to 4:3 (Szegedy et al., 2015).
        flip: share of pictures that are mirrored.
        jitter: brightness, contrast and saturation are each multiplied by 1 − jitter to 1 + jitter.
        hue: largest shift of the hue, as a share of the colour wheel.
    """

    size: int
    crop: float = 0.7
    flip: float = 0.5
    jitter: float = 0.2
    hue: float = 0.0

    def __call__(self, image: Image.Image, seed: int) -> Tensor:
        """An RGB picture -> (3, size, size) uint8, channels last in memory."""
        rng = np.random.default_rng(seed)
        box = self._draw_box(*image.size, rng)
        square = image.resize((self.size, self.size), Image.Resampling.BILINEAR, box)
        if rng.random() < self.flip:
            square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if self.jitter or self.hue:
            mean = np.array(square.reduce(self.size).getpixel((0, 0)))
            brightness, contrast, saturation = rng.uniform(1 - self.jitter, 1 + self.jitter, 3)
            angle = 2 * np.pi * rng.uniform(-self.hue, self.hue)
            square = square.convert("RGB", colour_matrix(brightness, contrast, saturation, angle, mean))
        return torch.from_numpy(np.array(square)).permute(2, 0, 1)

    def _draw_box(
        self, width: int, height: int, rng: np.random.Generator
    ) -> tuple[float, float, float, float]:
        """Left, top, right, bottom. Where no crop fits, the largest one that the proportions allow."""
        area = width * height * rng.uniform(self.crop, 1, N_CROPS)
        ratio = np.exp(rng.uniform(-np.log(MAX_RATIO), np.log(MAX_RATIO), N_CROPS))
        widths, heights = np.sqrt(area * ratio), np.sqrt(area / ratio)
        fits = np.flatnonzero((widths <= width) & (heights <= height))
        w = widths[fits[0]] if len(fits) else min(width, height * MAX_RATIO)
        h = heights[fits[0]] if len(fits) else min(height, width * MAX_RATIO)
        left, top = rng.uniform(0, (width - w, height - h))
        return left, top, min(left + w, width), min(top + h, height)


def colour_matrix(
    brightness: float, contrast: float, saturation: float, angle: float, mean: Floats
) -> tuple[float, ...]:
    """Four changes of colour as one affine map, so that each pixel is rounded and clipped once.

    Hue is rotated about the grey axis. Saturation s multiplies a colour's distance from its grey by s,
    brightness multiplies the colour, contrast c multiplies its distance from the picture's mean grey by c
    (Haeberli, Matrix Operations for Image Processing, 1993).

    Args:
        angle: of the hue, in radians. mean: (3,), the picture's mean colour, 0 to 255.

    Returns:
        12 numbers as Image.convert takes them: a row of four for each of red, green and blue.
    """
    third = np.full((3, 3), 1 / 3)
    hue = np.cos(angle) * (np.eye(3) - third) + np.sin(angle) * CROSS + third
    matrix = brightness * (saturation * np.eye(3) + (1 - saturation) * LUMA) @ hue
    grey = LUMA @ matrix @ mean
    offset = np.full((3, 1), (1 - contrast) * grey)
    return tuple(np.hstack([contrast * matrix, offset]).ravel().tolist())


def drop_words(title: str, share: float, seed: int) -> str:
    """`title` without about `share` of its words; at least one word stays, and the order too."""
    words = title.split()
    if not share or len(words) < 2:
        return title
    rng = np.random.default_rng(seed)
    stays = rng.random(len(words)) >= share
    stays[rng.integers(len(words))] = True
    return " ".join(word for word, stay in zip(words, stays, strict=True) if stay)


def draw_seed(*entropy: int) -> int:
    """A seed, 0 to 2^63 − 1, made from the run's seed, the index of the draw and the purpose of the seed."""
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))
