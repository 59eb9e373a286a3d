"""Fusion: several channels as one row whose inner product is the weighted sum of their cosines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samesku.arrays import Float32, Float64, Ints
from samesku.artefacts import read_json, replace_out, write_json
from samesku.errors import InputError

ROWS = 8192  # of the catalogue, fused at once

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
