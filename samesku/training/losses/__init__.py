"""The losses by name, and the loss of a batch.

A loss imports its library when it is made: pytorch-metric-learning and open_clip take seconds to import.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from samesku.params import TrainRun
from samesku.training.losses.arcface import ArcFace
from samesku.training.losses.contrastive import Contrastive
from samesku.training.losses.image_text import ImageText
from samesku.training.losses.infonce import InfoNCE
from samesku.training.losses.triplet import SemiHardTriplet

__all__ = ["ArcFace", "Contrastive", "ImageText", "InfoNCE", "SemiHardTriplet", "batch_loss", "make_loss"]


def make_loss(run: TrainRun, dim: int, n_products: int) -> nn.Module:
    """The loss of a run.

    Args:
        dim: columns of the towers' embeddings; n_products: products to train on. ArcFace needs both.
    """
    margin = {} if run.margin is None else {"margin": run.margin}
    match run.loss:
        case "infonce":
            return InfoNCE(run.temperature, run.learnable_temperature)
        case "arcface":
            torch.manual_seed(run.seed)  # draws the class vectors
            return ArcFace(dim, n_products, scale=run.scale, **margin)
        case "triplet":
            return SemiHardTriplet(**margin)
        case "contrastive":
            return Contrastive(one_pair_each=run.sampler == "pairs", **margin)
        case "image_text":
            return ImageText(run.temperature, run.learnable_temperature)


def batch_loss(
    loss: nn.Module, embeddings: Mapping[str, Tensor], labels: Tensor, cross_modal: float
) -> Tensor:
    """The loss within each tower, plus that between the towers.

        Σ_towers L(tower) + cross_modal · (L(image → title) + L(title → image)) / 2

    ImageText compares the two towers alone, without labels.

    Args:
        embeddings: by modality, float32 (B, d), L2-normalised, of the same B listings.
        labels: int (B,), the product of each listing.

    Returns:
        A scalar.
    """
    if isinstance(loss, ImageText):
        return loss(embeddings["image"], embeddings["title"])
    total = torch.stack([loss(rows, labels) for rows in embeddings.values()]).sum()
    if cross_modal:
        image, title = embeddings["image"], embeddings["title"]
        # A copy: pytorch-metric-learning takes the same tensor to mean that row i of both is one row.
        copied = labels.clone()
        between = loss(image, labels, title, copied) + loss(title, labels, image, copied)
        total = total + cross_modal * between / 2
    return total
