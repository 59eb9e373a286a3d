"""CLIP's symmetric loss on pairs of image and title; no labels."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class ImageText(nn.Module):
    """Mean of two cross-entropies: each picture must find its own title, each title its picture.

    open_clip's ClipLoss (Radford et al., 2021), its scale held as there: as a logarithm, at most 100.
    """

    def __init__(self, temperature: float = 0.07, learnable: bool = True) -> None:
        from open_clip.loss import ClipLoss

        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / temperature)), requires_grad=learnable)
        self.loss = ClipLoss()

    def forward(self, images: Tensor, titles: Tensor) -> Tensor:
        """images, titles: float (B, d), L2-normalised, row i of both from one listing. A scalar."""
        return self.loss(images, titles, self.logit_scale.exp().clamp(max=100.0))
