"""Measure the embedding store: python -m benchmarks.store [channel ...] [--listings 2000] [--share 0.01]

For each channel of params.yaml with a network (default: all of them) on data/sample/, it prints the seconds of
embedding the same listings

    without   no store
    cold      into an empty store
    new       with a store that lacks a share of the listings
    warm      with a store that has all of them

and whether all four gave the same bytes.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from samesku.artefacts import IMAGES, LISTINGS, SAMPLE
from samesku.catalogue.images import PackedImages
from samesku.catalogue.listings import read_listings
from samesku.embedding import device
from samesku.encoders.registry import load_encoder
from samesku.params import Params, load_params


def measure(name: str, params: Params, n: int, share: float, sample: Path, place: Path) -> None:
    """Print the seconds of one channel."""
    channel = params.channels[name]
    encoder = load_encoder(
        name, channel, precision=params.embed.precision, batch_size=params.embed.batch_size
    )
    listings = read_listings(sample / LISTINGS.name)
    column = PackedImages(sample / IMAGES.name) if channel.modality == "image" else listings.title
    chosen = np.zeros(len(column), bool)
    chosen[:n] = listings.has_image[:n] if channel.modality == "image" else True
    old = chosen.copy()
    old[np.flatnonzero(chosen)[: max(1, int(n * share))]] = False
    part, whole = place / "part", place / "whole"
    encoder.embed(column, present=old, store=part)
    runs = {"without": None, "cold": whole, "new": part, "warm": whole}
    seconds, rows = {}, {}
    for run, store in runs.items():
        start = time.perf_counter()
        rows[run] = encoder.embed(column, present=chosen, store=store)
        seconds[run] = time.perf_counter() - start
    same = all(np.array_equal(rows["without"], array) for array in rows.values())
    size = sum(file.stat().st_size for file in whole.rglob("*.shard")) / 1e6
    taken = ", ".join(f"{run} {spent:.2f} s" for run, spent in seconds.items())
    print(
        f"{name:8} {int(chosen.sum()):,} listings, {share:.0%} new: {taken}; {size:.1f} MB; equal bytes: {same}"
    )
    shutil.rmtree(place)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("channels", nargs="*")
    parser.add_argument("--listings", type=int, default=2000)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--sample", type=Path, default=SAMPLE, help="folder of listings and pictures")
    args = parser.parse_args()
    params = load_params()
    device.set_threads(params.machine.threads)
    for name in args.channels or [name for name, channel in params.channels.items() if channel.model]:
        with tempfile.TemporaryDirectory(prefix="samesku-store-") as place:
            measure(name, params, args.listings, args.share, args.sample, Path(place) / "store")


if __name__ == "__main__":
    main()
