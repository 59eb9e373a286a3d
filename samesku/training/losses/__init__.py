"""The losses by name; each imports its library when it is made, which takes seconds."""

from __future__ import annotations

from torch import nn

from samesku.training.losses.arcface import ArcFace
from samesku.training.losses.contrastive import Contrastive
from samesku.training.losses.image_text import ImageText
from samesku.training.losses.infonce import InfoNCE
from samesku.training.losses.triplet import SemiHardTriplet

__all__ = ["ArcFace", "Contrastive", "ImageText", "InfoNCE", "SemiHardTriplet", "make_loss"]


def make_loss(
    name: str,
    *,
    dim: int,
    classes: int,
    temperature: float = 0.07,
    learnable_temperature: bool = False,
    margin: float | None = None,
    scale: float = 64.0,
    one_pair_each: bool = False,
) -> nn.Module:
    """The loss `name`; what it does not use is ignored.

    Args:
        name: infonce, arcface, triplet, contrastive or image_text.
        dim: columns of the rows; classes: number of products (both for arcface).
        margin: None for the loss's own.
    """
    own_margin = {} if margin is None else {"margin": margin}
    match name:
        case "infonce":
            return InfoNCE(temperature, learnable_temperature)
        case "arcface":
            return ArcFace(dim, classes, scale=scale, **own_margin)
        case "triplet":
            return SemiHardTriplet(**own_margin)
        case "contrastive":
            return Contrastive(one_pair_each=one_pair_each, **own_margin)
        case "image_text":
            return ImageText(temperature, learnable_temperature)
    raise ValueError(f"loss {name} is unknown")
