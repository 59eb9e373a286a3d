"""ArcFace: the products as classes, with an angular margin."""

from __future__ import annotations

from torch import Tensor, nn


class ArcFace(nn.Module):
    """−log softmax of s·cos(θ_y + m) against s·cos θ_j over learned class rows (Deng et al., 2019).

    The class rows are parameters of the loss, shared by the towers; they are dropped after training.
    """

    def __init__(self, dim: int, classes: int, margin: float = 28.6, scale: float = 64.0) -> None:
        """margin: m in degrees; scale: s."""
        from pytorch_metric_learning.losses import ArcFaceLoss

        super().__init__()
        self.loss = ArcFaceLoss(num_classes=classes, embedding_size=dim, margin=margin, scale=scale)

    def forward(self, rows: Tensor, labels: Tensor) -> Tensor:
        """rows: float (B, d); labels: int (B,) in 0 … classes − 1. A scalar."""
        return self.loss(rows, labels)
