"""What is changed at random in a listing when it is drawn; a function of the draw's seed alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2


@dataclass(frozen=True)
class Pictures:
    """Random resized crop, flip and colour jitter of a picture.

    Attributes:
        size: side of the square that the model takes.
        crop: smallest share of the area that is kept, in proportions 3:4 to 4:3.
        flip: share of pictures mirrored. jitter: brightness, contrast and saturation are each multiplied by
        1 − jitter to 1 + jitter. hue: turned by up to this share of the colour wheel.
    """

    size: int
    crop: float = 0.7
    flip: float = 0.5
    jitter: float = 0.2
    hue: float = 0.0
    _steps: v2.Compose = field(init=False, repr=False)

    def __post_init__(self) -> None:
        steps: list[torch.nn.Module] = [
            v2.RandomResizedCrop(self.size, scale=(self.crop, 1.0), interpolation=InterpolationMode.BILINEAR),
            v2.RandomHorizontalFlip(self.flip),
        ]
        if self.jitter or self.hue:
            steps.append(v2.ColorJitter(self.jitter, self.jitter, self.jitter, self.hue))
        object.__setattr__(self, "_steps", v2.Compose([*steps, v2.PILToTensor()]))

    def __call__(self, image: Image.Image, seed: int) -> Tensor:
        """An RGB picture -> (3, size, size) uint8."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(
                seed
            )  # torch.manual_seed seeds every device, in a millisecond
            return self._steps(image)


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
