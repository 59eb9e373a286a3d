"""Triplet loss on semi-hard triplets."""

from torch import Tensor, nn


class SemiHardTriplet(nn.Module):
    """The mean over the semi-hard triplets of anchor a, positive p and negative n.

        L = mean of max(0, d(a, p) − d(a, n) + m) over d(a, p) < d(a, n) < d(a, p) + m

    d is the Euclidean distance of two rows of norm 1; semi-hard mining as in FaceNet (Schroff et al., 2015).
    A batch without such a triplet gives a zero that still back-propagates.
    """

    def __init__(self, margin: float = 0.2) -> None:
        from pytorch_metric_learning.losses import TripletMarginLoss
        from pytorch_metric_learning.miners import TripletMarginMiner

        super().__init__()
        self.miner = TripletMarginMiner(margin=margin, type_of_triplets="semihard")
        self.loss = TripletMarginLoss(margin=margin)

    def forward(self, embeddings: Tensor, labels: Tensor, *references: Tensor) -> Tensor:
        """Arguments as InfoNCE.forward. Gives a scalar."""
        triplets = self.miner(embeddings, labels, *references)
        return self.loss(embeddings, labels, triplets, *references)
