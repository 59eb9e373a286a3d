"""Networks of learned fusion: they change the channels of a listing before listings are compared.

A row holds the C channels of one listing side by side, each of length 1, or zero where the listing lacks it. The
network gives a row of the same columns: channel c has the length √p_c, and Σ p_c = 1 over the channels that the
listing has. Before training that is the plain fusion with the weights that the network starts from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from samesku.arrays import Float32
from samesku.artefacts import round_floats, write_json
from samesku.embedding.products import use_portable_products
from samesku.training.epochs import Epoch

HEADS = 4  # of the attention
BLOCK = 4096  # rows that go through a network at once


class FusionNetwork(nn.Module):
    """What both networks share: the columns of each channel, and the weights that training starts from."""

    def __init__(self, widths: Sequence[int], weights: Sequence[float]) -> None:
        """
        Args:
            widths: the columns of each channel. weights: of each channel, above 0; their proportions count.
        """
        super().__init__()
        self.widths = list(widths)
        self.weights = np.array(weights) / np.sum(weights)
        self.start = torch.from_numpy(self.weights).log().float()

    def shares(self, rows: Tensor) -> Tensor:
        """float32 (b, C): p_c of each listing, 0 for a channel that it lacks; a listing without any has only 0."""
        present = self.find_present(rows)
        logits = self.logits(rows).masked_fill(~present, -torch.inf)
        return torch.where(present, logits.softmax(dim=1), 0.0)

    def forward(self, rows: Tensor) -> Tensor:
        """float32 (b, D) -> (b, D): the changed channels, channel c of length √p_c."""
        shares = self.shares(rows)
        root = torch.where(shares > 0, shares, 1.0).sqrt() * (shares > 0)  # the gradient of √0 is infinite
        parts = self.change(rows).split(self.widths, dim=1)
        return torch.cat([part * root[:, c, None] for c, part in enumerate(parts)], dim=1)

    def find_present(self, rows: Tensor) -> Tensor:
        """bool (b, C): which channels each listing has."""
        return torch.stack([part.any(dim=1) for part in rows.split(self.widths, dim=1)], dim=1)

    def logits(self, rows: Tensor) -> Tensor:
        """float32 (b, C): log p_c, but for a number that is the same for all channels of a listing."""
        raise NotImplementedError

    def change(self, rows: Tensor) -> Tensor:
        """float32 (b, D): the channels that are compared, each of length 1 or zero."""
        raise NotImplementedError


class GatedFusion(FusionNetwork):
    """A gate gives each listing its own weights of the channels, and leaves the channels as they are.

        log p = log w + W₂ · gelu(W₁ · x + b₁) + b₂

    x is the row, w are the weights that it starts from, W₂ and b₂ are 0 at first. The score of two listings stays a
    sum over channels: Σ_c √(p_c · p'_c) · cos_c.
    """

    def __init__(self, widths: Sequence[int], weights: Sequence[float], width: int, seed: int) -> None:
        """
        Args:
            width: hidden units. seed: of W₁.
        """
        super().__init__(widths, weights)
        self.hidden = nn.Linear(sum(widths), width)
        self.gate = nn.Linear(width, len(self.widths))
        _draw(self.hidden.weight, len(self.widths) ** -0.5, np.random.default_rng(seed))
        for tensor in (self.hidden.bias, self.gate.weight, self.gate.bias):
            nn.init.zeros_(tensor)
        use_portable_products(self)

    def logits(self, rows: Tensor) -> Tensor:
        return self.start + self.gate(gelu(self.hidden(rows)))

    def change(self, rows: Tensor) -> Tensor:
        return rows


class AttentionFusion(FusionNetwork):
    """One block of self-attention over the channels of a listing; each channel then is changed by what it saw.

        t_c = P_c · e_c + q_c          a token for each channel
        t ← t + attention(norm(t));    t ← t + W₂ · gelu(W₁ · norm(t))
        e'_c = e_c + U_c · norm(t_c),  made of length 1

    (Vaswani et al., Attention Is All You Need, 2017, with the norm before each part.) U_c is 0 at first. The
    weights of the channels are learned too, the same for all listings.
    """

    def __init__(self, widths: Sequence[int], weights: Sequence[float], width: int, seed: int) -> None:
        """
        Args:
            width: columns of a token, a multiple of HEADS. seed: of all that is not 0 at first.
        """
        super().__init__(widths, weights)
        rng = np.random.default_rng(seed)
        n, self.width = len(self.widths), width
        self.learned = nn.Parameter(torch.zeros(n))
        self.place = nn.Parameter(torch.zeros(n, width))
        project = [nn.Linear(columns, width, bias=False) for columns in widths]
        expand = [nn.Linear(width, columns, bias=False) for columns in widths]
        self.project, self.expand = nn.ModuleList(project), nn.ModuleList(expand)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attend = nn.Linear(width, 3 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.widen, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        for layer in project:
            _draw(layer.weight, 1.0, rng)
        _draw(self.place, 1.0, rng)
        for layer in (self.attend, self.mix, self.widen, self.narrow):
            _draw(layer.weight, layer.in_features**-0.5, rng)
        for tensor in (self.widen.bias, self.narrow.bias, *(layer.weight for layer in expand)):
            nn.init.zeros_(tensor)
        use_portable_products(self)

    def logits(self, rows: Tensor) -> Tensor:
        return (self.start + self.learned).expand(len(rows), -1)

    def change(self, rows: Tensor) -> Tensor:
        present, parts = self.find_present(rows), rows.split(self.widths, dim=1)
        tokens = torch.stack([layer(part) for layer, part in zip(self.project, parts, strict=True)], dim=1)
        tokens = tokens + self.place
        tokens = tokens + self.mix(self.attention(self.norms[0](tokens), present))
        tokens = tokens + self.narrow(gelu(self.widen(self.norms[1](tokens))))
        tokens = self.norms[2](tokens)
        changed = [
            normalize(part + layer(tokens[:, c]), dim=1) * present[:, c, None]
            for c, (layer, part) in enumerate(zip(self.expand, parts, strict=True))
        ]
        return torch.cat(changed, dim=1)

    def attention(self, tokens: Tensor, present: Tensor) -> Tensor:
        """(b, C, width) -> the same: each channel's mean of the channels that are there, by HEADS heads.

        C is small, so the products are sums of single products, whose bits do not depend on the processor.
        """
        query, key, value = (
            self.attend(tokens).unflatten(2, (3, HEADS, -1)).unbind(2)
        )  # (b, C, HEADS, ·) each
        scores = (query[:, :, None] * key[:, None]).sum(dim=-1) * query.shape[-1] ** -0.5  # (b, C, C, HEADS)
        hidden = ~present[:, None, :, None] & present.any(dim=1)[:, None, None, None]
        weight = scores.masked_fill(hidden, -torch.inf).softmax(dim=2)
        return (weight[..., None] * value[:, None]).sum(dim=2).flatten(2)


KINDS: dict[str, type[GatedFusion] | type[AttentionFusion]] = {
    "gated": GatedFusion,
    "attention": AttentionFusion,
}


@torch.inference_mode()
def change_rows(network: FusionNetwork, rows: Float32) -> tuple[Float32, Float32]:
    """What the network makes of n rows, float32 (n, D), and each one's shares, float32 (n, C)."""
    network.eval()
    changed, shares = np.empty_like(rows), np.empty((len(rows), len(network.widths)), np.float32)
    for start in range(0, len(rows), BLOCK):
        block = torch.from_numpy(rows[start : start + BLOCK])
        changed[start : start + BLOCK] = network(block).numpy()
        shares[start : start + BLOCK] = network.shares(block).numpy()
    return changed, shares


def write_network(
    folder: Path, network: FusionNetwork, history: list[Epoch], shares: Mapping[str, Float32]
) -> None:
    """Write network.safetensors, epochs.json and shares.json of a learned fusion.

    Args:
        shares: by channel, float32 (N,), its share of each listing; its mean, 5th and 95th percentile are written.
    """
    spread = {
        channel: {"mean": share.mean()} | {f"p{q}": np.percentile(share, q) for q in (5, 95)}
        for channel, share in ((name, np.asarray(share, np.float64)) for name, share in shares.items())
    }
    folder.mkdir()
    save_file(network.state_dict(), folder / "network.safetensors")
    write_json(folder / "epochs.json", history)
    write_json(folder / "shares.json", round_floats(spread))


def _draw(tensor: Tensor, scale: float, rng: np.random.Generator) -> None:
    """Normal numbers by NumPy, whose bits are the same on every machine."""
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(rng.standard_normal(tuple(tensor.shape)) * scale))
