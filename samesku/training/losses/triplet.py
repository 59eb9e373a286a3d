"""Triplet loss on semi-hard triplets."""

from __future__ import annotations

from torch import Tensor, nn


class SemiHardTriplet(nn.Module):
    """Mean of max(0, d(a, p) − d(a, n) + m) over the triplets with d(a, p) < d(a, n) < d(a, p) + m.

    d is the Euclidean distance of unit rows; semi-hard mining as in FaceNet (Schroff et al., 2015). A batch
    with no such triplet gives a zero that still back-propagates.
    """

    def __init__(self, margin: float = 0.2) -> None:
        from pytorch_metric_learning.losses import TripletMarginLoss
        from pytorch_metric_learning.miners import TripletMarginMiner

        super().__init__()
        self.miner = TripletMarginMiner(margin=margin, type_of_triplets="semihard")
        self.loss = TripletMarginLoss(margin=margin)

    def forward(
        self, rows: Tensor, labels: Tensor, others: Tensor | None = None, other_labels: Tensor | None = None
    ) -> Tensor:
        """Arguments as InfoNCE.forward. A scalar."""
        triplets = self.miner(rows, labels, others, other_labels)
        return self.loss(rows, labels, triplets, others, other_labels)
