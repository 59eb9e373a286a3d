"""ArcFace: products as classes, with an angular margin."""

from torch import Tensor, nn


class ArcFace(nn.Module):
    """Softmax over products, in which the angle to the right class vector is made larger by a margin.

        L_i = −log( exp(s·cos(θ_iy + m)) / (exp(s·cos(θ_iy + m)) + Σ_{j ≠ y} exp(s·cos θ_ij)) )

    θ_ij is the angle between row i and the class vector of product j, y the product of row i (Deng et al.,
    ArcFace, 2019). The class vectors are parameters of the loss, shared by the towers, and are dropped after
    training.
    """

    def __init__(self, dim: int, n_products: int, margin: float = 28.6, scale: float = 64.0) -> None:
        """margin: m in degrees; scale: s."""
        from pytorch_metric_learning.losses import ArcFaceLoss

        super().__init__()
        self.loss = ArcFaceLoss(num_classes=n_products, embedding_size=dim, margin=margin, scale=scale)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """embeddings: float (B, d); labels: int (B,), 0 to n_products − 1. Gives a scalar."""
        return self.loss(embeddings, labels)
