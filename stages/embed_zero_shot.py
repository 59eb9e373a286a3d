"""Stage embed_zero_shot: one zero-shot channel of params.yaml -> one row per listing.

    python -m stages.embed_zero_shot <channel>

A channel whose modality the catalogue lacks writes an array of no columns and ends well. A network's rows are
kept in data/checkpoints/ as they come: a run that is killed goes on from them when it is started again.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from samesku import artefacts
from samesku.catalogue.images import PackedImages
from samesku.errors import InputError
from samesku.params import Channel, Params, load

Rows = NDArray[np.float32]
#: Where the rows of runs that are under way are kept, git-ignored.
CHECKPOINTS = Path("data/checkpoints/embed_zero_shot")
CODE = (
    "stages/embed_zero_shot.py",
    "samesku/catalogue/images.py",
    "samesku/embedding",
    "samesku/embedding/encoders",
)
#: What a listing must have, by backend or else by modality: as the log names it.
NEEDS = {"phash": "perceptual hash", "image": "picture", "title": "title"}


def embed_channel(name: str, settings: Params, listings: pd.DataFrame, folder: Path) -> tuple[Rows, str]:
    """Embed every listing by channel `name`, and write to `folder` what embeds new listings alike.

    Returns:
        (N, dim) float32, rows of norm 1, or zero where the listing lacks the modality; (N, 0) where all do.
        And what was done, for the summary line.
    """
    channel = settings.channels[name]
    needed = NEEDS.get(channel.backend) or NEEDS[channel.modality]
    present = presence(channel, listings)
    found, total = int(present.sum()), len(listings)
    record: dict[str, Any] = {"channel": name, "modality": channel.modality, "backend": channel.backend}
    folder.mkdir(parents=True, exist_ok=True)
    if not found:
        rows, summary = (
            np.zeros((total, 0), np.float32),
            f"skipped: none of {total:,} listings has a {needed}",
        )
    else:
        rows, seconds, where, more = EMBED.get(channel.backend, _neural)(name, settings, listings, folder)
        record |= more
        summary = f"{total:,} listings, {found:,} with a {needed}, {found / seconds:,.0f}/s, {where}"
    artefacts.write_json(folder / "channel.json", record | {"dim": rows.shape[1]})
    return rows, summary


def presence(channel: Channel, listings: pd.DataFrame) -> NDArray[np.bool_]:
    """(N,) bool: the listings that have what the channel embeds."""
    if channel.backend == "phash":
        return (listings["image_phash"] != "").to_numpy(bool)
    found = listings["has_image"] if channel.modality == "image" else listings["title"] != ""
    return found.to_numpy(bool)


# Each of the following embeds by one kind of backend: rows, seconds, where it ran, what to record of it.
# Backends are imported by name, so that a channel hangs on no other backend's code, torch on its own alone.
Embedded = tuple[Rows, float, str, dict[str, Any]]


def _phash(name: str, settings: Params, listings: pd.DataFrame, folder: Path) -> Embedded:
    start = time.perf_counter()
    hashes = np.array([int(digits or "0", 16) for digits in listings["image_phash"]], np.uint64)
    channel = settings.channels[name]
    encode = import_module("samesku.embedding.encoders.phash").encode
    rows = encode(hashes, presence(channel, listings), channel.dim)
    return rows, time.perf_counter() - start, "cpu", {}


def _tfidf(name: str, settings: Params, listings: pd.DataFrame, folder: Path) -> Embedded:
    """Fit on the titles of train, or of all listings where none of those is labelled, then embed all."""
    start = time.perf_counter()
    known = listings["title"] != ""
    train = known & (listings["split"] == "train") & listings["label_group"].notna()
    titles = listings["title"][train if train.any() else known].tolist()
    fitted = import_module("samesku.embedding.encoders.tfidf").fit(titles, settings.channels[name].dim)
    fitted.save(folder)
    return fitted.encode(listings["title"].tolist()), time.perf_counter() - start, "cpu", {}


def _neural(name: str, settings: Params, listings: pd.DataFrame, folder: Path) -> Embedded:
    from samesku.embedding import mapper, runner
    from samesku.embedding.shards import Shards

    channel, machine = settings.channels[name], settings.machine
    make = partial(mapper.Mapper, name, channel, machine, settings.embed)
    present = presence(channel, listings)
    titles = channel.modality == "title"
    content: Any = listings["title"].tolist() if titles else _pictures(len(listings))

    def kept(about: mapper.About) -> Shards:
        settled = [
            channel.model_dump(), settings.embed.batch_size, about.precision, about.kind, about.origin,
        ]  # fmt: skip
        return Shards(CHECKPOINTS / f"{name}-{shards_key(settled, channel.modality)}")

    if machine.engine == "local":
        here = make()
        about, where = here.about, here.about.where
        start = time.perf_counter()
        rows = here.embed(content, present=present, shards=kept(about))
    else:
        from samesku.workers.ray_embedding import mappers

        order = runner.longest_first(content) if titles else np.flatnonzero(present).tolist()
        with mappers(make, machine) as (count, run):
            [about] = run([None])
            where = f"{count} workers of Ray, each {about.where}"
            start = time.perf_counter()
            rows = mapper.embed_elsewhere(
                run,
                count,
                order,
                len(listings),
                about,
                partial(sent, content),
                batch_size=settings.embed.batch_size,
                label=name,
                shards=kept(about),
            )
    seconds = time.perf_counter() - start
    return rows, seconds, where, {"model": channel.model, "engine": settings.embed.engine, **about.origin}


def sent(content: Sequence[str] | PackedImages, rows: list[int]) -> Sequence[Any]:
    """The titles or pictures of some listings, as they travel to another machine."""
    return content.some(rows) if isinstance(content, PackedImages) else [content[row] for row in rows]


def _pictures(listings: int) -> PackedImages:
    images = PackedImages(artefacts.IMAGES)
    if len(images) != listings:
        raise InputError(
            f"{artefacts.IMAGES} holds {len(images):,} pictures for {listings:,} listings; "
            "run the stage sample again"
        )
    return images


def shards_key(settled: list[Any], modality: str) -> str:
    """A name for what decides the rows: params, weights and processor in `settled`, the data, the code."""
    code = [file for path in map(Path, CODE) for file in ([path] if path.is_file() else path.rglob("*.py"))]
    data = [artefacts.LISTINGS, artefacts.IMAGES] if modality == "image" else [artefacts.LISTINGS]
    return artefacts.fingerprint(settled, [*data, *sorted(code)])


EMBED = {"phash": _phash, "tfidf": _tfidf}


def main(name: str) -> str:
    settings = load()
    if name not in settings.channels:
        raise InputError(f"channel {name!r} is not in params.yaml; allowed: {', '.join(settings.channels)}")
    listings = pd.read_parquet(artefacts.LISTINGS)
    with artefacts.replacing(artefacts.MODELS / name) as folder:
        rows, summary = embed_channel(name, settings, listings, folder)
        with artefacts.replacing(artefacts.embedding(name)) as beside, beside.open("wb") as opened:
            np.save(opened, rows)
    for old in CHECKPOINTS.glob(f"{name}-*"):
        shutil.rmtree(old)
    return summary


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m stages.embed_zero_shot <channel>")
    artefacts.run(f"embed_zero_shot@{sys.argv[1]}", lambda: main(sys.argv[1]))
