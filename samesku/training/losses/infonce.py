"""Multi-positive InfoNCE, the project's own loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class InfoNCE(nn.Module):
    """Each row must find the rows of its product among all rows of the batch.

    For row i with positives P(i), the other rows of its label, and A(i), all other rows:

        L_i = −1/|P(i)| · Σ_{p ∈ P(i)} log( exp(s_ip / τ) / Σ_{a ∈ A(i)} exp(s_ia / τ) )

    averaged over the rows that have a positive. This is L_out of Khosla et al., Supervised Contrastive
    Learning (2020), eq. 2; with one positive a row it is InfoNCE (van den Oord et al., 2018). As in CLIP
    (Radford et al., 2021) the logits' scale 1/τ is kept as its logarithm, may be learned, and is at most 100.
    """

    def __init__(self, temperature: float = 0.07, learnable: bool = False) -> None:
        super().__init__()
        log_scale = torch.tensor(math.log(1 / temperature))
        if learnable:
            self.log_scale = nn.Parameter(log_scale)
        else:
            self.register_buffer("log_scale", log_scale)
        self.largest = max(100.0, 1 / temperature)

    def forward(
        self, rows: Tensor, labels: Tensor, others: Tensor | None = None, other_labels: Tensor | None = None
    ) -> Tensor:
        """The loss, a scalar; where no row has a positive, a zero that still back-propagates.

        Args:
            rows: float (B, d), L2-normalised; labels: int (B,).
            others, other_labels: the rows of another modality in which those of `rows` must find theirs
                (B', d), (B',); without them, `rows` itself, self left out.
        """
        if others is None or other_labels is None:
            others, other_labels, itself = (
                rows,
                labels,
                torch.eye(len(rows), dtype=torch.bool, device=rows.device),
            )
        else:
            itself = torch.zeros(len(rows), len(others), dtype=torch.bool, device=rows.device)
        positive = (labels[:, None] == other_labels[None, :]) & ~itself
        count = positive.sum(dim=1)
        has = count > 0
        if not has.any():
            return (rows.sum() + others.sum()) * 0.0 + self.log_scale * 0.0
        logits = rows @ others.T * self.log_scale.exp().clamp(max=self.largest)
        log_p = logits - logits.masked_fill(itself, -math.inf).logsumexp(dim=1, keepdim=True)
        each = -log_p.masked_fill(~positive, 0.0).sum(dim=1)
        return (each[has] / count[has]).mean()
