"""InfoNCE with several positives: the supervised contrastive loss."""

import math

import torch
from torch import Tensor, nn

from samesku.embedding.products import multiply


class InfoNCE(nn.Module):
    """Cross-entropy of the rows of the same product among all rows of the batch.

    For row i with positives P(i), the further rows of its product, and A(i), all rows but i:

        L_i = −1/|P(i)| · Σ_{p ∈ P(i)} log( exp(s_ip / τ) / Σ_{a ∈ A(i)} exp(s_ia / τ) )

    averaged over the rows that have a positive. This is L_out of Khosla et al., Supervised Contrastive
    Learning (2020), eq. 2; with one positive a row it is InfoNCE (van den Oord et al., 2018). The scale 1/τ
    is held as its logarithm, may be learned, and is at most 100, as in CLIP (Radford et al., 2021).
    """

    def __init__(self, temperature: float = 0.07, learnable: bool = False) -> None:
        super().__init__()
        log_scale = torch.tensor(math.log(1 / temperature))
        if learnable:
            self.log_scale = nn.Parameter(log_scale)
        else:
            self.register_buffer("log_scale", log_scale)
        self.max_scale = max(100.0, 1 / temperature)

    def forward(self, embeddings: Tensor, labels: Tensor, *references: Tensor) -> Tensor:
        """The loss, a scalar; where no row has a positive, a zero that still back-propagates.

        Args:
            embeddings: float (B, d), L2-normalised; labels: int (B,).
            references: (B', d), and their labels (B',): the embeddings of the second modality, among which
                positives and negatives lie; without them: `embeddings`, without the row itself.
        """
        candidates, candidate_labels = references or (embeddings, labels)
        is_same = labels[:, None] == candidate_labels[None, :]
        is_self = (
            torch.zeros_like(is_same) if references else torch.eye(len(labels), device=labels.device) > 0
        )
        is_positive = is_same & ~is_self
        n_positives = is_positive.sum(dim=1)
        has_positive = n_positives > 0
        if not has_positive.any():
            return (embeddings.sum() + candidates.sum()) * 0.0 + self.log_scale * 0.0
        logits = multiply(embeddings, candidates) * self.log_scale.exp().clamp(max=self.max_scale)
        log_p = logits - logits.masked_fill(is_self, -math.inf).logsumexp(dim=1, keepdim=True)
        row_loss = -log_p.masked_fill(~is_positive, 0.0).sum(dim=1)
        return (row_loss[has_positive] / n_positives[has_positive]).mean()
