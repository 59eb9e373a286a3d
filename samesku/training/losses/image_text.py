"""CLIP's symmetric loss on pairs of picture and title; it needs no labels."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from samesku.embedding.products import multiply


class ImageText(nn.Module):
    """The mean of two cross-entropies: of each picture over all titles, and of each title over all pictures.

        L = −1/(2B) · Σ_i ( log softmax_j(s_ij / τ)_i + log softmax_j(s_ji / τ)_i )

    s_ij is the inner product of picture i and title j (Radford et al., CLIP, 2021). The
    scale 1/τ is held as its logarithm and is at most 100, as there.
    """

    def __init__(self, temperature: float = 0.07, learnable: bool = True) -> None:
        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / temperature)), requires_grad=learnable)

    def forward(self, images: Tensor, titles: Tensor) -> Tensor:
        """images, titles: float (B, d), L2-normalised; row i of both is one listing. Gives a scalar."""
        logits = self.logit_scale.exp().clamp(max=100.0) * multiply(images, titles)
        rows = torch.arange(len(images), device=images.device)
        return (cross_entropy(logits, rows) + cross_entropy(logits.T, rows)) / 2
