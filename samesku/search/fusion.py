"""Channels mixed into one row whose inner product is the weighted mean of their similarities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesku.errors import InputError


@dataclass(frozen=True)
class Fused:
    """Fused rows, and what is needed to compare two of them on what both have.

    Attributes:
        vectors: float32 (N, D).
        modality_mask: uint32 (N,): bit c is set where the listing has channel c.
        weights: float64 (C,): the weight of channel c.
        widths: the columns of each part of `vectors`, whose sum is D.

    The score of two listings is `vectors[i] @ vectors[j] / sum(weights[c] for c that both have)`; where they
    have no channel in common they cannot be compared.
    """

    vectors: NDArray[np.float32]
    modality_mask: NDArray[np.uint32]
    weights: NDArray[np.float64]
    widths: Sequence[int]

    def __len__(self) -> int:
        return len(self.modality_mask)

    def shared_weight(self, left: int, right: int) -> float:
        """Σ w_c over the channels that both modality_mask patterns have."""
        common = left & right
        return float(sum(w for c, w in enumerate(self.weights) if common >> c & 1))


def channel_weights(image: Mapping[str, float], title: Mapping[str, float], alpha: float) -> dict[str, float]:
    """w_c = α · share_c on the image side, (1 − α) · share_c on the title side; what weighs 0 is left out.

    Args:
        image, title: non-negative relative weights by channel; shares are these over their sum.
        alpha: the weight of the image side, 0 to 1.
    """
    found: dict[str, float] = {}
    for side, mass in ((image, alpha), (title, 1.0 - alpha)):
        total = sum(side.values())  # 0 where no channel of the side weighs anything: nothing is divided
        found |= {name: mass * weight / total for name, weight in side.items() if mass * weight > 0}
    return found


def concatenate(channels: Mapping[str, NDArray[np.float32]], weights: Mapping[str, float]) -> Fused:
    """Rows √w_c · e_c side by side: their inner product is Σ w_c · cos_c over the channels that both have.

    Args:
        channels: name -> float32 (N, d_c), rows L2-normalised, or zero where the listing lacks the channel;
            (N, 0) where nobody has it.
        weights: name -> w_c > 0; channels without a weight are left out.

    Raises:
        InputError: arrays of different length.
    """
    names = list(weights)
    n = same_length(channels)
    widths = [channels[name].shape[1] for name in names]
    vectors = np.zeros((n, sum(widths)), dtype=np.float32)
    modality_mask = np.zeros(n, dtype=np.uint32)
    start = 0
    for bit, (name, width) in enumerate(zip(names, widths, strict=True)):
        part = vectors[:, start : start + width]
        np.multiply(channels[name], np.float32(np.sqrt(weights[name])), out=part)
        modality_mask |= part.any(axis=1).astype(np.uint32) << np.uint32(bit)
        start += width
    return Fused(
        vectors, modality_mask, np.array([weights[name] for name in names], dtype=np.float64), widths
    )


def average(channels: Mapping[str, NDArray[np.float32]], weights: Mapping[str, float]) -> Fused:
    """Σ w_c · e_c of one shared space, renormalised: the zero-shot CLIP baseline. Arguments as `concatenate`.

    A listing that lacks a modality is the mean of what it has.

    Raises:
        InputError: channels of different widths, which share no space.
    """
    n = same_length(channels)
    widths = {name: channels[name].shape[1] for name in weights if channels[name].shape[1]}
    if len(set(widths.values())) > 1:
        told = ", ".join(f"{name} has {width}" for name, width in widths.items())
        raise InputError(
            f"fusion method average needs channels of one shared space, but {told} columns; use concat"
        )
    total = np.zeros((n, max(widths.values(), default=0)), dtype=np.float32)
    for name in widths:
        total += channels[name] * np.float32(weights[name])
    norm = np.linalg.norm(total, axis=1, keepdims=True)
    np.divide(total, norm, out=total, where=norm > 0)
    return Fused(total, (norm[:, 0] > 0).astype(np.uint32), np.ones(1), [total.shape[1]])


def fuse(channels: Mapping[str, NDArray[np.float32]], weights: Mapping[str, float], method: str) -> Fused:
    """`concatenate` or `average`, by name."""
    return {"concat": concatenate, "average": average}[method](channels, weights)


def same_length(channels: Mapping[str, NDArray[np.float32]]) -> int:
    """The number of rows of these arrays; refused where they differ."""
    lengths = {name: len(rows) for name, rows in channels.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InputError(f"channels have different numbers of rows ({told}); embed them all from one sample")
    return next(iter(lengths.values()), 0)
