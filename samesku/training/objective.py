"""The loss of a batch: within each tower, and between them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from samesku.training.losses import ImageText


def objective(loss: nn.Module, rows: dict[str, Tensor], labels: Tensor, cross_modal: float) -> Tensor:
    """Σ over the towers of L(rows), plus cross_modal · (L(images → titles) + L(titles → images)) / 2.

    With image_text it is that loss of the two towers alone, and labels are not looked at.

    Args:
        rows: by tower, float32 (B, d), L2-normalised, of the same listings.
        labels: int (B,), the products.

    Returns:
        A scalar.
    """
    if isinstance(loss, ImageText):
        return loss(rows["image"], rows["title"])
    total = torch.stack([loss(own, labels) for own in rows.values()]).sum()
    if cross_modal:
        image, title = rows["image"], rows["title"]
        theirs = labels.clone()  # the very same tensor would tell pytorch-metric-learning to leave out self
        across = loss(image, labels, title, theirs) + loss(title, labels, image, theirs)
        total = total + cross_modal * across / 2
    return total
