"""What every neural encoder gives, whatever library its trunk comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn

from samesku.embedding.blocks import group
from samesku.embedding.preprocess import Preprocess
from samesku.embedding.spec import Spec


@dataclass(kw_only=True)
class Encoder:
    """A trunk, an optional projection head on it, and how its parameters stand in blocks.

    Attributes:
        spec: where the encoder comes from; with it and the tensors it can be built again.
        module: the trunk.
        dim: width of a vector, after the head.
        head: applied to the trunk's vectors; an identity unless trained.
        block_of: parameter name of `module` -> number of its block, front to back.
        origin: what was loaded (weights, revision, sha256), for the record.
    """

    spec: Spec
    module: nn.Module
    dim: int
    block_of: Callable[[str], int]
    head: nn.Module = field(default_factory=nn.Identity)
    origin: dict[str, Any] = field(default_factory=dict)
    precision: str = "fp32"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def to(self, device: torch.device | str) -> Self:
        """Move trunk and head to `device` (convolutions in channels_last) and set them to eval."""
        self.device = torch.device(device)
        self.module.to(self.device).to(memory_format=torch.channels_last).eval()
        self.head.to(self.device).eval()
        return self

    def blocks(self) -> list[nn.Module]:
        """The trunk's blocks, front to back: every parameter of `module` is in exactly one.

        The stem and the embeddings are the first; the final norm and the projection are part of the last, so
        that the last n blocks are what training frees.
        """
        return group(self.module, self.block_of)


@dataclass(kw_only=True)
class ImageEncoder(Encoder):
    """An encoder of pictures."""

    prepare: (
        Preprocess  # one RGB picture -> (3, size, size) float32; small and picklable, for worker processes
    )

    @property
    def size(self) -> int:
        return self.prepare.size

    @property
    def mean(self) -> tuple[float, ...]:
        return self.prepare.mean

    @property
    def std(self) -> tuple[float, ...]:
        return self.prepare.std

    def forward(self, batch: Tensor) -> Tensor:
        """(B, 3, size, size) float32 on the encoder's device -> (B, dim), not normalised; gradients flow."""
        return self.head(self.module(batch))


@dataclass(kw_only=True)
class TitleEncoder(Encoder):
    """An encoder of titles."""

    tokenize: Callable[[list[str]], dict[str, Tensor]]

    def prepare(self, titles: list[str]) -> dict[str, Tensor]:
        """Tokens of `titles`, each (B, length) int64: truncated in tokens, padded to the longest of them."""
        return self.tokenize(titles)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Tokens on the encoder's device -> (B, dim), not normalised; gradients flow."""
        return self.head(self.module(batch))
