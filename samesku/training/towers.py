"""A tower: an encoder's trunk and head, which of it learns, and at which rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from samesku.embedding.base import ImageEncoder, TitleEncoder
from samesku.embedding.trained import Head
from samesku.errors import InputError

Blocks = int | Literal["all"]


class Tower(nn.Module):
    """An encoder in training.

    What is frozen stays in eval mode, so that no statistic of it moves and no dropout acts in it, and records
    no gradient.
    """

    def __init__(
        self,
        encoder: ImageEncoder | TitleEncoder,
        *,
        head_dim: int | None,
        blocks: Blocks,
        train_batch_norm: bool = False,
        seed: int = 0,
    ) -> None:
        """
        Args:
            encoder: where the tower starts; it is trained in place, and embeds with what was learned.
            head_dim: width of a linear projection on the trunk, orthogonal at first, so that it starts from
                the similarities of the trunk; None: the encoder's own head, if it has one.
            blocks: how many of the trunk's blocks `free` sets free, counted from its end.

        Raises:
            InputError: more blocks than the trunk has; a head on an encoder that brings another.
        """
        super().__init__()
        self.encoder = encoder
        if head_dim is not None:
            _put_head(encoder, head_dim, seed)
        self.trunk, self.head = encoder.module, encoder.head
        self.train_batch_norm = train_batch_norm
        all_blocks = encoder.blocks()
        if blocks != "all" and blocks > len(all_blocks):
            raise InputError(
                f"unfreeze_blocks is {blocks}; allowed with {encoder.spec.model}: 0 to {len(all_blocks)}, all"
            )
        # A plain list: the containers only refer to parts of the trunk, which is registered above.
        self.learning = all_blocks if blocks == "all" else all_blocks[len(all_blocks) - blocks :]
        self._free: list[nn.Module] = []
        self.freeze()

    @property
    def dim(self) -> int:
        return self.encoder.dim

    @property
    def wholly_frozen(self) -> bool:
        """Whether the trunk never learns, so that its features can be computed once."""
        return not self.learning

    def freeze(self) -> None:
        """Let the head learn alone."""
        self._set_free([])

    def free(self) -> None:
        """Let the last blocks of the trunk learn too."""
        self._set_free(self.learning)

    def _set_free(self, blocks: list[nn.Module]) -> None:
        self._free = blocks
        self.trunk.requires_grad_(False)
        for block in blocks:
            block.requires_grad_(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> Tower:
        """Training mode for what is free; everything else stays in eval mode."""
        self.training = mode
        self.head.train(mode)
        self.trunk.eval()
        for block in self._free:
            block.train(mode)
        if not self.train_batch_norm:
            for part in self.trunk.modules():
                if isinstance(part, _BatchNorm):
                    part.eval()
        return self

    def forward(self, inputs: Any) -> Tensor:
        """What `Batch.inputs` has for this tower -> float32 (B, dim), L2-normalised."""
        if isinstance(inputs, Tensor) and inputs.dim() == 2:  # features of a wholly frozen trunk
            rows = self.head(inputs.to(self.encoder.device))
        elif isinstance(self.encoder, ImageEncoder):
            pixels = inputs.to(self.encoder.device, non_blocking=True)
            batch = self.encoder.prepare.normalise(pixels).contiguous(memory_format=torch.channels_last)
            rows = self.encoder.forward(batch)
        else:
            rows = self._titles(self.encoder.prepare(inputs))
        return nn.functional.normalize(rows.float(), dim=-1)

    def _titles(self, tokens: dict[str, Tensor]) -> Tensor:
        """Rows of a batch of titles; on a CPU in groups of like length, as padding costs as much."""
        encoder: Any = self.encoder
        if encoder.device.type != "cpu":
            return encoder.forward({key: value.to(encoder.device) for key, value in tokens.items()})
        groups = list(by_length(tokens))
        rows = torch.cat([encoder.forward(group) for _, group in groups])
        return rows[torch.argsort(torch.cat([at for at, _ in groups]))]

    def learned(self) -> dict[str, Tensor]:
        """The tensors that training can change, by name: the head's and those of the blocks that learn."""
        own = {id(t) for block in self.learning for t in (*block.parameters(), *block.buffers())}
        trunk = {key: t for key, t in self.trunk.state_dict(keep_vars=True).items() if id(t) in own}
        return {f"trunk.{key}": t.detach() for key, t in trunk.items()} | {
            f"head.{key}": t for key, t in self.head.state_dict().items()
        }

    def load_learned(self, state: dict[str, Tensor]) -> None:
        """Take back what `learned` gave."""
        with torch.no_grad():
            for name, tensor in self.learned().items():
                tensor.copy_(state[name])


def by_length(tokens: dict[str, Tensor], size: int = 16) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
    """Groups of up to `size` titles, shortest first, each cut to the longest of the group.

    Args:
        tokens: each (B, length); what is padded on the left, or without an attention_mask, is left whole.

    Yields:
        int64 (b,), the places of the titles in the batch, and their tokens.
    """
    mask = tokens.get("attention_mask")
    if mask is None or not mask[:, 0].all():
        yield torch.arange(len(next(iter(tokens.values())))), tokens
        return
    lengths = mask.sum(dim=1)
    for at in lengths.argsort(stable=True).split(size):
        longest = int(lengths[at].max())
        yield at, {key: value[at, :longest] for key, value in tokens.items()}


def parameter_groups(
    towers: dict[str, Tower], loss: nn.Module, *, lr: float, head_lr: float, weight_decay: float
) -> list[dict[str, Any]]:
    """AdamW's groups: the trunks at `lr`, heads and the loss's own parameters at `head_lr`.

    Norms, biases and other tensors of one dimension have no weight decay. `part` is trunk or head.
    """
    groups = []
    trunks = [p for tower in towers.values() for block in tower.learning for p in block.parameters()]
    heads = [p for tower in towers.values() for p in tower.head.parameters()]
    heads += [p for p in loss.parameters() if p.requires_grad]
    for part, rate, parameters in (("trunk", lr, trunks), ("head", head_lr, heads)):
        for decay, chosen in (
            (weight_decay, [p for p in parameters if p.ndim > 1]),
            (0.0, [p for p in parameters if p.ndim <= 1]),
        ):
            if chosen:
                groups.append(
                    {"params": chosen, "lr": rate, "rate": rate, "weight_decay": decay, "part": part}
                )
    return groups


def _put_head(encoder: ImageEncoder | TitleEncoder, dim: int, seed: int) -> None:
    if not isinstance(encoder.head, nn.Identity):
        raise InputError(
            f"head_dim is {dim}, but {encoder.spec.weights} brings a head of {encoder.dim} columns; "
            "allowed: null, which trains that one on"
        )
    head = Head(encoder.dim, dim)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for weight in head.parameters():
            nn.init.orthogonal_(weight)
    encoder.head, encoder.dim = head.to(encoder.device), dim
