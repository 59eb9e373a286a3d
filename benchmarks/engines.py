"""What each engine gives and costs: python -m benchmarks.engines [channel ...] [--listings 640]

For each channel of params.yaml with a model (default: all of them) on data/sample/ as it stands, it prints
for torch and for each other engine, in fp32 and in the precision of params.yaml,

    listings/s   as the stage embeds, reading or tokenising included; the first --listings of them, the
                 median of three rounds in which all take turns: a machine's other load falls on all alike
    ratio        to torch in fp32
    change       of the similarities of all pairs of the catalogue, from torch in fp32: mean and max
    f1           of the channel alone on test, in the split gallery, at the static threshold best on val

Every listing is embedded once with each; with the shipped sample that is some minutes.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from benchmarks.embedding import rates
from samesku import artefacts
from samesku.catalogue import listings as catalogue
from samesku.catalogue.images import PackedImages
from samesku.catalogue.listings import Listings
from samesku.embedding import device, load_encoder, runner
from samesku.evaluation import evaluate as judge
from samesku.params import Decision, Params, load
from samesku.search.fusion import concatenate_channels
from samesku.search.galleries import search_galleries

Rows = NDArray[np.float32]
ENGINES = ("torch", "openvino")


def embed(encoder: Any, content: Any, settings: Params, length: int, quiet: bool = False) -> Rows:
    """The first `length` pictures or titles of `content`, as the stage embeds them."""
    size = settings.embed.batch_size
    if encoder.spec.modality == "title":
        return runner.embed_titles(encoder, content[:length], batch_size=size, quiet=quiet)
    present = np.arange(len(content)) < length
    workers = settings.machine.workers
    return runner.embed_images(
        encoder, content, batch_size=size, workers=workers, present=present, quiet=quiet
    )


def change(rows: Rows, reference: Rows) -> tuple[float, float]:
    """Mean and max of |similarity − reference's| over all pairs, a block of rows at a time."""
    mean, largest = 0.0, 0.0
    for at in range(0, len(rows), 1024):
        block = slice(at, at + 1024)
        moved = np.abs(rows[block] @ rows.T - reference[block] @ reference.T)
        mean += float(moved.sum(dtype=np.float64)) / len(rows) ** 2
        largest = max(largest, float(moved.max()))
    return mean, largest


def f1(rows: Rows, listings: Listings, k: int) -> float:
    """Mean row-wise F1 of test in the split gallery, by the threshold that is best on val."""
    found = search_galleries(concatenate_channels({"it": rows}, {"it": 1.0}), listings, k)["split"]
    judged = judge.judge(found, listings, Decision(), "split")
    return float(judged.f1[judged.split == "test"].mean())


def measure(name: str, settings: Params, where: torch.device, length: int) -> None:
    table, listings = pd.read_parquet(artefacts.LISTINGS), catalogue.read(artefacts.LISTINGS)
    content: Any = table["title"].tolist()
    if settings.channels[name].modality == "image":
        content = PackedImages(artefacts.IMAGES)
    chosen = dict.fromkeys(device.precision(p, where) for p in ("fp32", settings.embed.precision))
    encoders = {
        f"{engine} {precision}": load_encoder(
            name, settings.channels[name], device=where, precision=precision, engine=engine
        )
        for engine in ENGINES
        for precision in chosen
    }
    speed = rates(
        length,
        **{
            kind: partial(embed, encoder, content, settings, length, quiet=True)
            for kind, encoder in encoders.items()
        },
    )
    rows = {kind: embed(encoder, content, settings, len(content)) for kind, encoder in encoders.items()}
    for kind, found in rows.items():
        mean, largest = change(found, rows["torch fp32"])
        print(
            f"{name:12} {kind:14} {speed[kind]:7.1f}/s  ratio {speed[kind] / speed['torch fp32']:.2f}  "
            f"change {mean:.1e} mean, {largest:.1e} max  f1 {f1(found, listings, settings.index.k):.4f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("channels", nargs="*")
    parser.add_argument("--listings", type=int, default=640)
    given = parser.parse_args()
    settings = load()
    device.set_threads(settings.machine.threads)
    where = torch.device("cpu")  # the other engines know no accelerator
    print(device.describe(where, f"batches of {settings.embed.batch_size}"))
    for name in given.channels or [name for name, channel in settings.channels.items() if channel.model]:
        measure(name, settings, where, given.listings)


if __name__ == "__main__":
    main()
