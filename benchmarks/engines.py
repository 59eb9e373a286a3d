"""Compare the engines that run networks: python -m benchmarks.engines [channel ...] [--listings 640]

For each channel of params.yaml with a network (default: all of them) on data/sample/, it prints for each
engine, in fp32 and in the precision of params.yaml,

    listings/s   as the stage embeds, with reading or tokenising, on the first --listings listings: the median
                 of three rounds in which all engines take turns
    ratio        to torch in fp32
    change       of the similarities of all pairs of the catalogue against torch in fp32: mean and max
    f1           of the channel alone on test, in the split gallery, at the static threshold best on val

Every engine embeds every listing once, which takes some minutes with the sample as shipped.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
import torch

from benchmarks.embedding import rates
from samesku.arrays import Float32
from samesku.artefacts import IMAGES, LISTINGS
from samesku.catalogue.images import PackedImages
from samesku.catalogue.listings import Listings, read_listings
from samesku.embedding import device
from samesku.embedding.encoder import Content
from samesku.encoders.registry import load_encoder, needed_column
from samesku.evaluation.decisions import decide
from samesku.params import Decision, Params, load_params
from samesku.search.fusion import concatenate_channels
from samesku.search.galleries import search_galleries

ENGINES = ("torch", "openvino")


def change(rows: Float32, reference: Float32) -> tuple[float, float]:
    """Mean and max of |similarity − reference's| over all pairs, a block of rows at a time."""
    mean, largest = 0.0, 0.0
    for start in range(0, len(rows), 1024):
        block = slice(start, start + 1024)
        moved = np.abs(rows[block] @ rows.T - reference[block] @ reference.T)
        mean += float(moved.sum(dtype=np.float64)) / len(rows) ** 2
        largest = max(largest, float(moved.max()))
    return mean, largest


def f1(rows: Float32, listings: Listings, k: int) -> float:
    """Mean row-wise F1 of test in the split gallery, by the threshold that is best on val."""
    neighbours = search_galleries(concatenate_channels({"it": rows}, {"it": 1.0}), listings, k)["split"]
    decisions = decide(neighbours, listings, Decision(), "split")
    return float(decisions.f1[decisions.split == "test"].mean())


def measure(name: str, params: Params, length: int) -> None:
    """Print one line for each engine and number format."""
    listings, channel, cpu = read_listings(LISTINGS), params.channels[name], torch.device("cpu")
    content = Content(listings.title, PackedImages(IMAGES), listings.image_phash, listings.has_image)
    column, present = content.column(needed_column(channel)), content.present(needed_column(channel))
    encoders = {
        f"{engine} {precision}": load_encoder(
            name,
            channel,
            device=cpu,
            precision=precision,
            engine=engine,
            batch_size=params.embed.batch_size,
        )
        for engine in ENGINES
        for precision in dict.fromkeys(device.precision(p, cpu) for p in ("fp32", params.embed.precision))
    }
    first = present & (np.cumsum(present) <= length)
    rate = rates(
        int(first.sum()), **{key: partial(e.embed, column, present=first) for key, e in encoders.items()}
    )
    rows = {key: encoder.embed(column, present=present, label=key) for key, encoder in encoders.items()}
    for key, computed in rows.items():
        mean, largest = change(computed, rows["torch fp32"])
        print(
            f"{name:12} {key:14} {rate[key]:7.1f}/s  ratio {rate[key] / rate['torch fp32']:.2f}  "
            f"change {mean:.1e} mean, {largest:.1e} max  f1 {f1(computed, listings, params.index.k):.4f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("channels", nargs="*")
    parser.add_argument("--listings", type=int, default=640)
    args = parser.parse_args()
    params = load_params()
    device.set_threads(params.machine.threads)  # OpenVINO computes on a CPU, so torch does here too
    print(device.describe(torch.device("cpu"), f"batches of {params.embed.batch_size}"))
    for name in args.channels or [name for name, channel in params.channels.items() if channel.model]:
        measure(name, params, args.listings)


if __name__ == "__main__":
    main()
