"""The channels of a fusion: their arrays by name, fused, and the fused rows as data/fused/ keeps them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samesku import artefacts
from samesku.errors import InputError
from samesku.params import Fusion
from samesku.search import fusion

ROWS = 8192  # of the catalogue, fused at once


def load_channels(names: Iterable[str]) -> dict[str, NDArray[np.float32]]:
    """The arrays of these channels, float32 (N, d), read through the page cache rather than copied."""
    return {name: np.load(artefacts.embedding(name), mmap_mode="r") for name in names}


def fuse(spec: Fusion) -> tuple[fusion.Fused, list[str]]:
    """The fused catalogue, and the names of the channels that carry weight."""
    channels = load_channels([*spec.image, *spec.title])
    weights = fusion.channel_weights(*present(spec, channels), spec.alpha)
    return fusion.fuse(channels, weights, spec.method), list(weights)


def present(
    spec: Fusion, channels: dict[str, NDArray[np.float32]]
) -> tuple[dict[str, float], dict[str, float]]:
    """The weights of each side's channels that somebody has: α keeps its meaning without the others."""
    image, title = (
        {name: weight for name, weight in side.items() if channels[name].shape[1]}
        for side in (spec.image, spec.title)
    )
    return image, title


def write(spec: Fusion, folder: Path) -> tuple[tuple[int, int], dict[str, float]]:
    """Fuse the catalogue into a folder, a block of rows at a time: a catalogue may be larger than memory.

    Returns:
        (rows, columns), and the weights of the channels that carry any.
    """
    channels = load_channels([*spec.image, *spec.title])
    fusion.same_length(channels)
    weights = fusion.channel_weights(*present(spec, channels), spec.alpha)
    modality_mask = []
    with artefacts.replacing(folder) as beside:
        beside.mkdir()
        with (beside / "vectors.npy").open("wb") as file:
            total = len(next(iter(channels.values())))
            for at in range(0, max(1, total), ROWS):
                block = fusion.fuse({n: c[at : at + ROWS] for n, c in channels.items()}, weights, spec.method)
                shape = total, block.vectors.shape[1]
                if at == 0:
                    about = {"descr": "<f4", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, about)
                file.write(block.vectors.tobytes())
                modality_mask.append(block.modality_mask)
        np.save(beside / "modality_masks.npy", np.concatenate(modality_mask))
        told = {"channels": list(weights), "weights": block.weights.tolist(), "widths": list(block.widths)}
        artefacts.write_json(beside / "weights.json", told)
    return shape, weights


def read(folder: Path) -> fusion.Fused:
    """What `write` wrote; the vectors stay in their file until they are used."""
    if not (folder / "vectors.npy").is_file():
        raise InputError(f"{folder}/vectors.npy is missing; run `dvc repro fuse`")
    about = artefacts.read_json(folder / "weights.json")
    return fusion.Fused(
        np.load(folder / "vectors.npy", mmap_mode="r"),
        np.load(folder / "modality_masks.npy"),
        np.array(about["weights"], dtype=np.float64),
        about["widths"],
    )
