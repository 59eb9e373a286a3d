"""Stage embed_zero_shot: one zero-shot channel of params.yaml -> one row per listing.

    python -m stages.embed_zero_shot <channel>

Writes <channel>.npy to the folder `out` of the channel: float32 (N, dim), rows of norm 1, or zero where a
listing lacks what the channel embeds; no columns where every listing does. A channel of pictures has M rows more
where listings have M further pictures. Writes to data/models/<channel>/
what embeds new listings in the same way. A network's rows go to the embedding store (machine.store) as they come:
the next run, also of one that was killed, embeds only titles and pictures that are not there.
"""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from samesku.arrays import Bools, Float32
from samesku.artefacts import (
    BASELINES,
    IMAGES,
    LISTINGS,
    MODELS,
    replace_out,
    run_stage,
    write_array,
    write_json,
)
from samesku.catalogue.images import PackedImages
from samesku.catalogue.listings import Listings, read_listings
from samesku.embedding.encoder import Content, Encoder
from samesku.encoders.registry import RECORD, needed_column, open_channel
from samesku.errors import InputError
from samesku.params import Params, find_entry, load_params
from samesku.params.schema import Channel
from samesku.reading import check_rows
from samesku.store import prune

#: How messages call what a channel embeds.
COLUMN_NAMES = {"title": "title", "image": "picture", "image_phash": "perceptual hash"}


def main(name: str) -> str:
    params = load_params()
    channel = find_entry(params.channels, name, "channels")
    listings = read_listings(LISTINGS)
    try:
        return embed(name, channel, params, listings)
    except InputError as error:
        if channel.out != BASELINES.as_posix():
            raise
        # A baseline that cannot run, for want of its weights say, does not stop the main system.
        write_outs(name, channel, np.zeros((len(listings), 0), np.float32), {}, None)
        return f"skipped: {error}; `dvc repro -sf embed_zero_shot@{name}` tries again"


def write_outs(
    name: str, channel: Channel, rows: Float32, info: dict[str, Any], encoder: Encoder | None
) -> None:
    """Write the array, the record of the channel and what its encoder learned, if there is one."""
    check_rows(rows, f"channel {name}")
    record = {"channel": name, "modality": channel.modality, "backend": channel.backend}
    with replace_out(MODELS / name) as folder:
        folder.mkdir(parents=True)
        if encoder:
            encoder.save(folder)
        write_json(folder / RECORD, record | info | {"dim": rows.shape[1]})
    write_array(Path(channel.out) / f"{name}.npy", rows)


def embed(name: str, channel: Channel, params: Params, listings: Listings) -> str:
    """Embed every listing by a channel and write its outs; one line on it.

    Raises:
        InputError: the weights are missing, or not as params.yaml says.
    """
    content = Content(listings.title, PackedImages(IMAGES), listings.hashes, listings.is_picture)
    column = needed_column(channel)
    items, present = content.column(column), content.present(column)
    n_further = len(present) - len(listings)
    further = f" and {n_further:,} further pictures" if n_further else ""
    if not present.any():
        write_outs(name, channel, np.zeros((len(listings), 0), np.float32), {}, None)
        return f"skipped: none of {len(listings):,} listings has a {COLUMN_NAMES[column]}"
    if len(items) != len(present):
        raise InputError(
            f"{IMAGES} holds {len(items):,} pictures for {len(listings):,} listings{further}; run the stage sample "
            "again"
        )
    with open_channel(name, channel, params.embed, params.machine) as encoder:
        start = time.perf_counter()
        encoder.fit(items, rows_to_fit(listings, present[: len(listings)]))
        rows = encoder.embed(items, present=present, store=params.machine.store_folder(), label=name)
        rate = encoder.n_embedded / (time.perf_counter() - start)
        info = encoder.run_info()
        write_outs(name, channel, rows, info.record, encoder)
    prune(params.machine.store_folder(), params.machine.store_bytes)
    return (
        f"{len(listings):,} listings, {present[: len(listings)].sum():,} with a {COLUMN_NAMES[column]}{further}, "
        f"{encoder.n_embedded:,} embedded at {rate:,.0f}/s, {info.summary}"
    )


def rows_to_fit(listings: Listings, present: Bools) -> list[int]:
    """The rows that an encoder may learn from: labelled ones of train; of an unlabelled catalogue, all."""
    train = present & (listings.split == "train") & (listings.product >= 0)
    return np.flatnonzero(train if train.any() else present).tolist()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m stages.embed_zero_shot <channel>")
    run_stage(f"embed_zero_shot@{sys.argv[1]}", lambda: main(sys.argv[1]))
