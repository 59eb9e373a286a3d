"""fuse: the channels of params.yaml's `fusion`, weighted into one row for each listing.

Reads data/embeddings/<channel>.npy by name; writes data/fused/ (vectors.npy, presence.npy, weights.json).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages import artefacts, settings
from stages.matching import fusion
from stages.settings import Fusion, Refused


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


def write(fused: fusion.Fused, names: list[str], folder: Path) -> None:
    with artefacts.replacing(folder) as beside:
        beside.mkdir()
        np.save(beside / "vectors.npy", fused.vectors)
        np.save(beside / "presence.npy", fused.presence)
        about = {"channels": names, "weights": fused.weights.tolist(), "widths": list(fused.widths)}
        artefacts.write_json(beside / "weights.json", about)


def read(folder: Path) -> fusion.Fused:
    """What `write` wrote; the vectors stay in their file until they are used."""
    if not (folder / "vectors.npy").is_file():
        raise Refused(f"{folder}/vectors.npy is missing; run `dvc repro fuse`")
    about = artefacts.read_json(folder / "weights.json")
    return fusion.Fused(
        np.load(folder / "vectors.npy", mmap_mode="r"),
        np.load(folder / "presence.npy"),
        np.array(about["weights"], dtype=np.float64),
        about["widths"],
    )


def main() -> str:
    spec = settings.load().fusion
    fused, names = fuse(spec)
    write(fused, names, artefacts.FUSED)
    mix = ", ".join(f"{name} {weight:.3g}" for name, weight in zip(names, fused.weights, strict=False))
    return f"{len(fused)} listings, {fused.vectors.shape[1]} columns ({spec.method}: {mix})"


if __name__ == "__main__":
    artefacts.run("fuse", main)
