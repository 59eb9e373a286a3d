"""Fusion, and the one scorer: how similar two listings are, by each channel and by all of them.

A fused row holds several channels. The inner product of two rows is Σ w_c · cos_c over the channels c that
both have; divided by Σ w_c it is their score. Every score of a pair and every cosine of a channel in the
project is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samesku.arrays import Float32, Float64, Floats, Ints
from samesku.artefacts import read_json, replace_out, write_json
from samesku.errors import InputError

ROWS = 8192  # of the catalogue, fused at once
DECIMALS = 6  # scores are rounded to this, so that equal pairs tie however they were computed
PAIRS = 8192  # in one block

Channels = Mapping[str, Float32]  # name -> (N, d), rows L2-normalised or zero


@dataclass(frozen=True)
class Fused:
    """Fused rows, and what is needed to compare two of them on the channels that both have.

    Attributes:
        vectors: float32 (N, D).
        modality_mask: uint32 (N,); bit c is set where the listing has channel c.
        weights: float64 (C,), the weight of channel c.
        widths: the columns of each channel in `vectors`; their sum is D.
    """

    vectors: Float32
    modality_mask: NDArray[np.uint32]
    weights: Float64
    widths: Sequence[int]

    def __len__(self) -> int:
        return len(self.modality_mask)

    def __getitem__(self, rows: Ints | slice) -> Fused:
        return Fused(self.vectors[rows], self.modality_mask[rows], self.weights, self.widths)

    def shared_weight(self, left_mask: int, right_mask: int) -> float:
        """Σ w_c over the channels that two modality masks have in common."""
        common = left_mask & right_mask
        return float(sum(w for c, w in enumerate(self.weights) if common >> c & 1))


def load_channels(names: Iterable[str], path_of: Callable[[str], Path]) -> dict[str, Float32]:
    """The arrays of these channels, float32 (N, d), memory-mapped rather than read.

    Args:
        path_of: name of a channel -> its .npy file.
    """
    return {name: np.load(path_of(name), mmap_mode="r") for name in names}


def channel_weights(image: Mapping[str, float], title: Mapping[str, float], alpha: float) -> dict[str, float]:
    """w_c = α · share_c for image channels, (1 − α) · share_c for title channels; weights of 0 are left out.

    Args:
        image, title: weights by channel, 0 or more; a share is a weight over the sum of its side.
        alpha: the weight of the image side, 0 to 1.
    """
    weights: dict[str, float] = {}
    for side, side_weight in ((image, alpha), (title, 1.0 - alpha)):
        total = sum(side.values())  # 0 where no channel of the side has weight: nothing is divided
        weights |= {
            name: side_weight * weight / total for name, weight in side.items() if side_weight * weight > 0
        }
    return weights


def fusion_weights(
    image: Mapping[str, float], title: Mapping[str, float], alpha: float, channels: Channels
) -> dict[str, float]:
    """`channel_weights` without empty channels, whose share the rest of their side take: α keeps its meaning.

    Args:
        channels: of both sides; (N, 0) where no listing has one.
    """
    image, title = (
        {name: weight for name, weight in side.items() if channels[name].shape[1]} for side in (image, title)
    )
    return channel_weights(image, title, alpha)


def fuse_channels(channels: Channels, weights: Mapping[str, float], method: str) -> Fused:
    """Fuse by `concat` or `average`: `concatenate_channels` or `average_channels`."""
    return {"concat": concatenate_channels, "average": average_channels}[method](channels, weights)


def concatenate_channels(channels: Channels, weights: Mapping[str, float]) -> Fused:
    """Rows √w_c · e_c side by side: their inner product is Σ w_c · cos_c over the channels that both have.

    Args:
        channels: name -> float32 (N, d_c), rows L2-normalised, or zero where the listing lacks the channel;
            (N, 0) where no listing has it.
        weights: name -> w_c > 0; channels without a weight are left out.

    Raises:
        InputError: arrays of different length.
    """
    n = count_listings(channels)
    widths = [channels[name].shape[1] for name in weights]
    vectors = np.zeros((n, sum(widths)), dtype=np.float32)
    modality_mask = np.zeros(n, dtype=np.uint32)
    start = 0
    for bit, (name, width) in enumerate(zip(weights, widths, strict=True)):
        columns = vectors[:, start : start + width]
        np.multiply(channels[name], np.float32(np.sqrt(weights[name])), out=columns)
        modality_mask |= columns.any(axis=1).astype(np.uint32) << np.uint32(bit)
        start += width
    return Fused(vectors, modality_mask, np.array(list(weights.values()), dtype=np.float64), widths)


def average_channels(channels: Channels, weights: Mapping[str, float]) -> Fused:
    """Σ w_c · e_c in one shared space, L2-normalised: the zero-shot CLIP baseline.

    Arguments as of `concatenate_channels`. A listing that lacks a modality is the mean of what it has.

    Raises:
        InputError: channels of different widths, which share no space.
    """
    n = count_listings(channels)
    widths = {name: channels[name].shape[1] for name in weights if channels[name].shape[1]}
    if len(set(widths.values())) > 1:
        columns = ", ".join(f"{name} has {width}" for name, width in widths.items())
        raise InputError(
            f"fusion method average needs channels of one shared space, but {columns} columns; use concat"
        )
    total = np.zeros((n, max(widths.values(), default=0)), dtype=np.float32)
    for name in widths:
        total += channels[name] * np.float32(weights[name])
    norm = np.linalg.norm(total, axis=1, keepdims=True)
    np.divide(total, norm, out=total, where=norm > 0)
    return Fused(total, (norm[:, 0] > 0).astype(np.uint32), np.ones(1), [total.shape[1]])


def count_listings(channels: Channels) -> int:
    """The number of rows of these arrays. Raises InputError if they have different lengths."""
    lengths = {name: len(rows) for name, rows in channels.items()}
    if len(set(lengths.values())) > 1:
        rows = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InputError(f"channels have different numbers of rows ({rows}); embed them all from one sample")
    return next(iter(lengths.values()), 0)


def fuse_in_blocks(channels: Channels, weights: Mapping[str, float], method: str) -> Iterator[Fused]:
    """`fuse_channels` of ROWS listings after ROWS listings: a catalogue may be larger than memory."""
    for start in range(0, max(1, count_listings(channels)), ROWS):
        block = {name: rows[start : start + ROWS] for name, rows in channels.items()}
        yield fuse_channels(block, weights, method)


def write_fused(
    folder: Path, blocks: Iterable[Fused], n_listings: int, names: Sequence[str]
) -> tuple[int, int]:
    """Write vectors.npy, modality_masks.npy and weights.json, holding one block at a time.

    Args:
        blocks: fused rows, one block after the other. n_listings: their number in all.
        names: the channels that carry weight.

    Returns:
        The shape of vectors.npy.
    """
    masks: list[NDArray[np.uint32]] = []
    with replace_out(folder) as partial:
        partial.mkdir()
        with (partial / "vectors.npy").open("wb") as file:
            for block in blocks:
                shape = n_listings, block.vectors.shape[1]
                if not masks:
                    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, header)
                file.write(block.vectors.tobytes())
                masks.append(block.modality_mask)
        np.save(partial / "modality_masks.npy", np.concatenate(masks))
        weights = {"channels": list(names), "weights": block.weights.tolist(), "widths": list(block.widths)}
        write_json(partial / "weights.json", weights)
    return shape


def read_fused(folder: Path) -> Fused:
    """What `write_fused` wrote; the vectors stay in their file until they are used.

    Raises:
        InputError: the folder has no fused rows.
    """
    if not (folder / "vectors.npy").is_file():
        raise InputError(f"{folder}/vectors.npy is missing; run `dvc repro fuse`")
    weights = read_json(folder / "weights.json")
    return Fused(
        np.load(folder / "vectors.npy", mmap_mode="r"),
        np.load(folder / "modality_masks.npy"),
        np.array(weights["weights"], dtype=np.float64),
        weights["widths"],
    )


def weighted_mean(total: ArrayLike, weight: ArrayLike, missing: float = np.nan) -> Float64:
    """Σ w_c · cos_c divided by Σ w_c, in float64; `missing` where the weight is 0: nothing is in common."""
    mean = np.full(np.broadcast_shapes(np.shape(total), np.shape(weight)), missing)
    return np.divide(total, weight, out=mean, where=np.asarray(weight) > 0, dtype=np.float64)


def ranking_scores(total: ArrayLike, weight: ArrayLike) -> Float64:
    """`weighted_mean` rounded to 1e-6, as neighbours are ranked by; −inf where nothing is in common."""
    return weighted_mean(total, weight, missing=-np.inf).round(DECIMALS)


def mean_cosine(cosines: Floats, present: NDArray[Any], weights: Floats) -> Float64:
    """The score of pairs by the cosines of C channels: float64 (...), NaN where no channel is in common.

    Args:
        cosines: (..., C), 0 where one of the two listings lacks the channel. present: (..., C), 0 or 1.
        weights: (C,).
    """
    return weighted_mean(cosines @ weights, present @ weights)


def shared_weights(fused: Fused, left: Ints, right: Ints) -> Float64:
    """Σ w_c over the channels that both of a pair have; the rows `left` and `right` may broadcast."""
    left_masks, i = np.unique(fused.modality_mask[left], return_inverse=True)
    right_masks, j = np.unique(fused.modality_mask[right], return_inverse=True)
    table = [fused.shared_weight(int(a), int(b)) for a in left_masks for b in right_masks]
    shared = np.array(table, dtype=np.float64).reshape(len(left_masks), len(right_masks))
    return shared[i.reshape(left.shape), j.reshape(right.shape)]


def pair_scores(fused: Fused, left: Ints, right: Ints) -> Float64:
    """The score of P pairs, not rounded: float64 (P,), NaN where the two have no channel in common.

    Args:
        left, right: (P,) rows of `fused`.
    """
    inner = np.empty(len(left), np.float32)
    for block in _blocks(len(left)):
        inner[block] = _inner_products(fused.vectors[left[block]], fused.vectors[right[block]])
    return weighted_mean(inner, shared_weights(fused, left, right))


def channel_cosines(
    channels: Channels, left: Ints, right: Ints, right_channels: Channels | None = None
) -> dict[str, Float32]:
    """Each channel's cosine for P pairs: why they match.

    Args:
        channels: name -> float32 (N, d), rows L2-normalised or zero.
        left, right: (P,) rows. right_channels: the arrays that `right` counts in; by default `channels`.

    Returns:
        name -> float32 (P,), rounded to 1e-6; NaN where one of the two lacks the channel.
    """
    right_channels = channels if right_channels is None else right_channels
    cosines = {name: np.full(len(left), np.nan, np.float32) for name in channels}
    for name, rows in channels.items():
        if rows.shape[1] == 0:
            continue
        for block in _blocks(len(left)):
            a, b = rows[left[block]], right_channels[name][right[block]]
            present = a.any(axis=1) & b.any(axis=1)
            cosines[name][block] = np.where(present, _inner_products(a, b).round(DECIMALS), np.nan)
    return cosines


def _inner_products(left: Float32, right: Float32) -> Float32:
    return np.einsum("pd,pd->p", left, right)


def _blocks(n_pairs: int) -> Iterator[slice]:
    return (slice(start, start + PAIRS) for start in range(0, n_pairs, PAIRS))
