"""A picture as a model wants it: which part of it, how large, scaled how."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Preprocess:
    """The eval preprocessing of an image model; small and picklable, for worker processes.

    Attributes:
        size: side of the square that the model takes.
        mean, std: of each channel, in the range 0…1.
        crop: share of the short side that is kept by the centre crop, 0 < crop <= 1.
        fit: "crop" keeps the proportions and takes the centre square; "squash" takes the whole picture and
            changes its proportions.
    """

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop: float = 1.0
    fit: Literal["crop", "squash"] = "crop"
    interpolation: str = "bicubic"

    def pixels(self, image: Image.Image) -> Tensor:
        """An RGB picture -> (3, size, size) uint8, channels last in memory."""
        width, height = image.size
        if self.fit == "crop":
            half = min(width, height) * self.crop / 2
            box = (width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)
        else:
            box = (0.0, 0.0, float(width), float(height))
        # Resizing from a box is cropping and resizing in one pass over the pixels that are kept.
        square = image.resize(
            (self.size, self.size), RESAMPLING.get(self.interpolation, RESAMPLING["bicubic"]), box
        )
        return torch.from_numpy(np.array(square, dtype=np.uint8)).permute(2, 0, 1)

    def normalise(self, pixels: Tensor) -> Tensor:
        """(…, 3, size, size) uint8 -> float32, (pixels / 255 − mean) / std, channels last in memory."""
        std = torch.tensor(self.std, device=pixels.device)
        shift = -torch.tensor(self.mean, device=pixels.device) / std
        # Whole lines of pixels at a time, in place: a loop over the three channels would take twice as long,
        # newly allocated memory three times.
        lines, width = pixels.movedim(-3, -1).flatten(-2).float(), pixels.shape[-1]
        torch.addcmul(shift.repeat(width), lines, (1 / (255 * std)).repeat(width), out=lines)
        return lines.unflatten(-1, (-1, 3)).movedim(-1, -3)

    def __call__(self, image: Image.Image) -> Tensor:
        """An RGB picture -> (3, size, size) float32, as the model takes it."""
        return self.normalise(self.pixels(image))


def stack(pictures: Sequence[Tensor]) -> Tensor:
    """B pictures as Preprocess.pixels gives them, (3, size, size) -> (B, 3, size, size), channels last."""
    # They lie in memory as (size, size, 3); stacked so, the batch is channels_last without a copy.
    return torch.stack([pixels.permute(1, 2, 0) for pixels in pictures]).permute(0, 3, 1, 2)
