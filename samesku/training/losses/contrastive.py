"""Contrastive loss on pairs."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Contrastive(nn.Module):
    """Mean of d over positive pairs plus mean of max(0, m − d) over negative pairs, zeros left out of each.

    d is the Euclidean distance of unit rows (Hadsell et al., 2006, without the squares, as
    pytorch-metric-learning has it).
    """

    def __init__(self, margin: float = 1.0, one_pair_each: bool = False) -> None:
        """
        Args:
            margin: m, 0 to 2.
            one_pair_each: the batch is PairSampler's: rows (0, 1) are the positive pair, (0, 2) the negative.
        """
        from pytorch_metric_learning.losses import ContrastiveLoss

        super().__init__()
        self.loss = ContrastiveLoss(pos_margin=0.0, neg_margin=margin)
        self.one_pair_each = one_pair_each

    def forward(
        self, rows: Tensor, labels: Tensor, others: Tensor | None = None, other_labels: Tensor | None = None
    ) -> Tensor:
        """Arguments as InfoNCE.forward. A scalar."""
        pairs = None
        if self.one_pair_each:
            # In both orders, which moves no mean: the library takes a single pair for none.
            pairs = tuple(torch.tensor(at, device=rows.device) for at in ([0, 1], [1, 0], [0, 2], [2, 0]))
        return self.loss(rows, labels, pairs, others, other_labels)
