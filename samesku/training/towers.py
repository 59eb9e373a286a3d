"""A tower: an encoder's trunk and head, which part of it learns, and at which rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from samesku.embedding.network import Head, ImageEncoder, TitleEncoder
from samesku.embedding.products import MIN_TOKENS
from samesku.errors import InputError


class FeatureTower(nn.Module):
    """A head in training, on features that training does not change."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head
        self.learning_blocks: list[nn.Module] = []  # of a trunk

    def freeze(self) -> None:
        """Let the head learn alone."""

    def unfreeze(self) -> None:
        """Let the blocks of the trunk learn too, where there is one."""

    def forward(self, inputs: Any) -> Tensor:
        """Features (b, d) -> float32 (b, dim), L2-normalised."""
        return nn.functional.normalize(self.head(inputs).float(), dim=-1)

    def learned_state(self) -> dict[str, Tensor]:
        """The tensors that training can change, by name."""
        return {f"head.{key}": tensor for key, tensor in self.head.state_dict().items()}

    def load_learned_state(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `learned_state` gave."""
        with torch.no_grad():
            for name, tensor in self.learned_state().items():
                tensor.copy_(state[name])


class Tower(FeatureTower):
    """An encoder in training.

    What is frozen stays in eval mode, so that its statistics do not change and its dropout does not act, and
    records no gradient.
    """

    def __init__(
        self,
        encoder: ImageEncoder | TitleEncoder,
        *,
        head_dim: int | None,
        unfreeze_blocks: int | Literal["all"],
        train_batch_norm: bool = False,
        seed: int = 0,
    ) -> None:
        """
        Args:
            encoder: where the tower starts; it is trained in place, and embeds with what was learned.
            head_dim: width of a linear projection on the trunk, orthogonal at first, so that the tower starts
                from the trunk's similarities; None: the encoder's head, if it has one.
            unfreeze_blocks: how many of the trunk's blocks `unfreeze` lets learn, counted from its end.
            train_batch_norm: whether the statistics of their batch norms are learned too.

        Raises:
            InputError: more blocks than the trunk has; a head on an encoder that already has one.
        """
        if head_dim is not None:
            _add_head(encoder, head_dim, seed)
        super().__init__(encoder.head)
        self.encoder, self.trunk = encoder, encoder.module
        self.train_batch_norm = train_batch_norm
        blocks = encoder.blocks()
        if unfreeze_blocks != "all" and unfreeze_blocks > len(blocks):
            raise InputError(
                f"unfreeze_blocks is {unfreeze_blocks}; "
                f"allowed with {encoder.spec.model}: 0 to {len(blocks)}, all"
            )
        # Plain lists: their containers refer to parts of the trunk, which is registered above.
        self.learning_blocks = blocks if unfreeze_blocks == "all" else blocks[len(blocks) - unfreeze_blocks :]
        self._unfrozen: list[nn.Module] = []
        self.freeze()

    @property
    def dim(self) -> int:
        return self.encoder.dim

    def freeze(self) -> None:
        """Let the head learn alone."""
        self._set_unfrozen([])

    def unfreeze(self) -> None:
        """Let the last blocks of the trunk learn too."""
        self._set_unfrozen(self.learning_blocks)

    def _set_unfrozen(self, blocks: list[nn.Module]) -> None:
        self._unfrozen = blocks
        self.trunk.requires_grad_(False)
        for block in blocks:
            block.requires_grad_(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> Tower:
        """Training mode for the head and the unfrozen blocks; everything else stays in eval mode."""
        self.training = mode
        self.head.train(mode)
        self.trunk.eval()
        for block in self._unfrozen:
            block.train(mode)
        if not self.train_batch_norm:
            for module in self.trunk.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def forward(self, inputs: Any) -> Tensor:
        """What `TrainingBatch.inputs` has for this tower -> float32 (b, dim), L2-normalised."""
        if isinstance(inputs, Tensor) and inputs.dim() == 2:  # features of a frozen trunk
            rows = self.head(inputs.to(self.encoder.device))
        elif isinstance(self.encoder, ImageEncoder):
            pixels = inputs.to(self.encoder.device, non_blocking=True)
            images = self.encoder.prepare.normalise(pixels).contiguous(memory_format=torch.channels_last)
            rows = self.encoder.forward(images)
        else:
            rows = self.embed_tokens(self.encoder.prepare(inputs))
        return nn.functional.normalize(rows.float(), dim=-1)

    def embed_tokens(self, tokens: dict[str, Tensor]) -> Tensor:
        """A batch of titles as tokens -> (b, dim), not normalised.

        On a CPU in groups of similar length, since padding costs time too.
        """
        encoder: Any = self.encoder
        if encoder.device.type != "cpu":
            return encoder.forward({key: value.to(encoder.device) for key, value in tokens.items()})
        groups = list(group_by_length(tokens))
        rows = torch.cat([encoder.forward(group) for _, group in groups])
        return rows[torch.argsort(torch.cat([index for index, _ in groups]))]

    def learned_state(self) -> dict[str, Tensor]:
        """The tensors that training can change, by name: the head's and those of the blocks that learn."""
        ids = {id(t) for block in self.learning_blocks for t in (*block.parameters(), *block.buffers())}
        trunk = {key: t for key, t in self.trunk.state_dict(keep_vars=True).items() if id(t) in ids}
        return {f"trunk.{key}": t.detach() for key, t in trunk.items()} | super().learned_state()


def group_by_length(tokens: dict[str, Tensor], size: int = 16) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
    """Groups of up to `size` titles, shortest first, each truncated to its longest: int64 (b,) of the batch, tokens.

    Tokens, each (B, length), without an attention_mask or padded on the left stay one group.
    """
    mask = tokens.get("attention_mask")
    if mask is None or not mask[:, 0].all():
        yield torch.arange(len(next(iter(tokens.values())))), tokens
        return
    lengths = mask.sum(dim=1)
    for index in lengths.argsort(stable=True).split(size):
        longest = max(int(lengths[index].max()), MIN_TOKENS)
        yield index, {key: value[index, :longest] for key, value in tokens.items()}


def parameter_groups(
    towers: Mapping[str, FeatureTower], loss: nn.Module, *, lr: float, head_lr: float, weight_decay: float
) -> list[dict[str, Any]]:
    """AdamW's groups: trunks at `lr`, heads and the loss's parameters at `head_lr`.

    Norms, biases and other tensors of one dimension have no weight decay. `part` is trunk or head, `full_lr`
    the rate before the schedule.
    """
    trunks = [p for tower in towers.values() for block in tower.learning_blocks for p in block.parameters()]
    heads = [p for tower in towers.values() for p in tower.head.parameters()]
    heads += [p for p in loss.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = []
    for part, rate, parameters in (("trunk", lr, trunks), ("head", head_lr, heads)):
        matrices = [p for p in parameters if p.ndim > 1]
        vectors = [p for p in parameters if p.ndim <= 1]
        for params, decay in ((matrices, weight_decay), (vectors, 0.0)):
            rates = {"lr": rate, "full_lr": rate, "weight_decay": decay, "part": part}
            groups += [{"params": params, **rates}] if params else []
    return groups


def _add_head(encoder: ImageEncoder | TitleEncoder, dim: int, seed: int) -> None:
    if not isinstance(encoder.head, nn.Identity):
        raise InputError(
            f"head_dim is {dim}, but {encoder.spec.weights} brings a head of {encoder.dim} columns; "
            "allowed: null, which trains that one on"
        )
    head = Head(encoder.dim, dim)
    # By NumPy: torch's decomposition is MKL's, whose last bits depend on who made the processor.
    columns = np.random.default_rng(seed).standard_normal((max(encoder.dim, dim), min(encoder.dim, dim)))
    basis, _ = np.linalg.qr(columns)
    with torch.no_grad():
        for weight in head.parameters():
            weight.copy_(torch.from_numpy(basis if dim > encoder.dim else basis.T))
    encoder.head, encoder.dim = head.to(encoder.device), dim
