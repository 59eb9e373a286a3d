"""Stage embed_zero_shot: one zero-shot channel of params.yaml -> one row per listing.

    python -m stages.embed_zero_shot <channel>

A channel whose modality the catalogue lacks writes an array of no columns and ends well.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages import artefacts
from stages.encoders import Spec, load_encoder
from stages.settings import Channel, Refused, Settings, load

Rows = NDArray[np.float32]


def embed_channel(name: str, settings: Settings, listings: pd.DataFrame, folder: Path) -> tuple[Rows, str]:
    """Embed every listing by channel `name`, and write to `folder` what embeds new listings alike.

    Returns:
        (N, dim) float32, rows of norm 1, or zero where the listing lacks the modality; (N, 0) where all do.
        And what was done, for the summary line.
    """
    channel = settings.channels[name]
    present = presence(channel, listings)
    record: dict[str, Any] = {"channel": name, "modality": channel.modality, "backend": channel.backend}
    folder.mkdir(parents=True, exist_ok=True)
    if not present.any():
        rows, done = (
            np.zeros((len(listings), 0), np.float32),
            f"skipped, no listing has what {channel.backend} needs",
        )
    elif channel.backend == "phash":
        hashes = np.array([int(digits or "0", 16) for digits in listings["image_phash"]], np.uint64)
        rows, done = backend(channel).encode(hashes, present), "cpu"
    elif channel.backend == "tfidf":
        rows, done = _embed_tfidf(channel, listings, folder)
    else:
        rows, done, more = _embed_neural(name, settings, listings, present)
        record |= more
    artefacts.write_json(folder / "channel.json", record | {"dim": rows.shape[1]})
    return rows, f"{len(listings):,} listings, {int(present.sum()):,} with {channel.modality}, {done}"


def backend(channel: Channel) -> ModuleType:
    """The backend's own module, imported by name: a channel hangs on no other backend's code."""
    return import_module(f"stages.encoders.{channel.backend}")


def presence(channel: Channel, listings: pd.DataFrame) -> NDArray[np.bool_]:
    """(N,) bool: the listings that have what the channel embeds."""
    if channel.backend == "phash":
        return (listings["image_phash"] != "").to_numpy(bool)
    return (listings["has_image"] if channel.modality == "image" else listings["title"] != "").to_numpy(bool)


def _embed_tfidf(channel: Channel, listings: pd.DataFrame, folder: Path) -> tuple[Rows, str]:
    """Fit on the titles of train, or of all listings where none is labelled, then embed all."""
    assert channel.dim is not None  # noqa: S101  (the schema demands it of this backend)
    known = listings["title"] != ""
    train = known & (listings["split"] == "train") & listings["label_group"].notna()
    fitted = backend(channel).fit(listings["title"][train if train.any() else known].tolist(), channel.dim)
    fitted.save(folder)
    return fitted.encode(listings["title"].tolist()), "cpu"


def _embed_neural(
    name: str, settings: Settings, listings: pd.DataFrame, present: NDArray[np.bool_]
) -> tuple[Rows, str, dict[str, Any]]:
    from stages.encoders import device, runner

    device.set_threads(settings.machine.threads)
    where = device.resolve(settings.machine.device)
    precision = device.precision(settings.embed.precision, where)
    spec = Spec.of(settings.channels[name])
    encoder: Any = load_encoder(name, spec, device=where, precision=precision)
    size = settings.embed.batch_size
    if spec.modality == "image":
        from stages.catalogue.images import PackedImages

        images = PackedImages(artefacts.IMAGES)
        rows = runner.embed_images(
            encoder, images, batch_size=size, workers=settings.machine.workers, label=name, present=present
        )
    else:
        rows = runner.embed_titles(encoder, listings["title"].tolist(), batch_size=size, label=name)
    return rows, device.describe(where, precision), {"model": spec.model, **encoder.origin}


def main(name: str) -> str:
    settings = load()
    if name not in settings.channels:
        raise Refused(f"channel {name!r} is not in params.yaml; allowed: {', '.join(settings.channels)}")
    listings = pd.read_parquet(artefacts.LISTINGS)
    with artefacts.replacing(artefacts.MODELS / name) as folder:
        rows, summary = embed_channel(name, settings, listings, folder)
        with artefacts.replacing(artefacts.embedding(name)) as beside, beside.open("wb") as opened:
            np.save(opened, rows)
    return summary


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m stages.embed_zero_shot <channel>")
    artefacts.run(f"embed_zero_shot@{sys.argv[1]}", lambda: main(sys.argv[1]))
