"""Contrastive loss on pairs."""

import torch
from torch import Tensor, nn


class Contrastive(nn.Module):
    """Pulls positive pairs together and pushes negative pairs apart, up to a margin.

        L = mean⁺ over positive pairs of d + mean⁺ over negative pairs of max(0, m − d)

    d is the Euclidean distance of two rows of norm 1, mean⁺ the mean of the terms above 0 (Hadsell et al.,
    2006, without the squares, as in pytorch-metric-learning).
    """

    def __init__(self, margin: float = 1.0, one_pair_each: bool = False) -> None:
        """margin: m, 0 to 2. one_pair_each: the batch is PairSampler's, pairs (0, 1) positive and (0, 2) negative."""
        from pytorch_metric_learning.losses import ContrastiveLoss

        super().__init__()
        self.loss = ContrastiveLoss(pos_margin=0.0, neg_margin=margin)
        self.one_pair_each = one_pair_each

    def forward(self, embeddings: Tensor, labels: Tensor, *references: Tensor) -> Tensor:
        """Arguments as InfoNCE.forward. Gives a scalar."""
        pairs = None
        if self.one_pair_each:
            # Each pair in both orders, which changes no mean: the library ignores a single pair.
            indices = ([0, 1], [1, 0], [0, 2], [2, 0])
            pairs = tuple(torch.tensor(index, device=embeddings.device) for index in indices)
        return self.loss(embeddings, labels, pairs, *references)
