"""Compare embedding with its slower half: python -m benchmarks.embedding [channel ...] [--listings 640]

For each channel of params.yaml with a network (default: all of them) on data/sample/, it prints, in each
precision, listings a second of

    read     read, decode and shrink pictures in the workers, or tokenise titles, without the network
    model    the network on batches that stay in memory
    both     what the stage does: encoder.embed

and the ratio of `both` to the smaller of the other two, which should be 0.95 or more. The three take turns
several times and the medians are compared, so that the load of other programs affects all of them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from samesku.artefacts import IMAGES, LISTINGS, SAMPLE
from samesku.catalogue.images import PackedImages
from samesku.catalogue.listings import read_listings
from samesku.embedding import device, runner
from samesku.embedding.network import ImageEncoder, NetworkEncoder
from samesku.encoders.registry import load_encoder
from samesku.errors import InputError
from samesku.params import Params, load_params

ROUNDS = 3


class Repeated(Sequence[Image.Image | None]):
    """The first `length` pictures of a file, from its beginning again where it is shorter; picklable."""

    def __init__(self, images: PackedImages, rows: list[int], length: int) -> None:
        self.images, self.rows, self.length = images, rows, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i):  # type: ignore[no-untyped-def]
        return self.images[self.rows[i % len(self.rows)]]


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def rates(length: int, **work: Callable[[], object]) -> dict[str, float]:
    """Listings a second of each kind of work, the median of several rounds."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for round_ in range(ROUNDS + 1):
        for name, do in work.items():
            spent = seconds_of(do)
            if round_:  # the first round warms caches and memory pools
                taken[name].append(spent)
    return {name: length / statistics.median(spent) for name, spent in taken.items()}


def measure(name: str, params: Params, target: torch.device, precision: str, n: int, sample: Path) -> None:
    """Print the rates of one channel in one number format."""
    encoder = load_encoder(
        name,
        params.channels[name],
        device=target,
        precision=precision,
        batch_size=params.embed.batch_size,
        workers=params.machine.workers,
    )
    listings = read_listings(sample / LISTINGS.name)
    column: Sequence[Any]
    if isinstance(encoder, ImageEncoder):
        column = Repeated(PackedImages(sample / IMAGES.name), np.flatnonzero(listings.has_image).tolist(), n)
    else:
        column = [title for title in listings.title if title][:n]
    batches = encoder.make_batches(column, runner.embedding_order(encoder.spec.modality, column))
    read = encoder.reader(column)
    inputs = [read(batch)[1] for batch in batches]
    rate = rates(
        len(column),
        read=lambda: read_all(encoder, column, batches),
        model=lambda: compute_all(encoder, inputs),
        both=lambda: encoder.embed(column),
    )
    print(
        f"{name:12} {precision:5} read {rate['read']:7.0f}/s  model {rate['model']:7.1f}/s  "
        f"both {rate['both']:7.1f}/s  ratio {rate['both'] / min(rate['read'], rate['model']):.2f}",
        flush=True,
    )


def read_all(encoder: NetworkEncoder, column: Sequence[Any], batches: list[list[int]]) -> None:
    """Reading alone, as the stage reads."""
    if encoder.device.type == "cpu":
        runner.run_threads(batches, encoder.reader(column))
    else:
        for _ in encoder.read_ahead(column, batches):
            pass


def compute_all(encoder: NetworkEncoder, inputs: list[Any]) -> None:
    """The model alone, as the stage runs it."""
    if encoder.device.type == "cpu":
        runner.run_threads(inputs, encoder.compute, encoder.precision)
    else:
        for batch in inputs:
            encoder.compute(batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("channels", nargs="*")
    parser.add_argument("--listings", type=int, default=640)
    parser.add_argument("--sample", type=Path, default=SAMPLE, help="folder of listings and pictures")
    parser.add_argument("--precision", nargs="*", default=["fp32", "auto"])
    args = parser.parse_args()
    params = load_params()
    networks = [name for name, channel in params.channels.items() if channel.model]
    if unknown := set(args.channels) - set(networks):
        raise InputError(
            f"channel {min(unknown)!r} has no model in params.yaml; allowed: {', '.join(networks)}"
        )
    device.set_threads(params.machine.threads)
    target = device.resolve(params.machine.device)
    size, workers = params.embed.batch_size, params.machine.workers
    print(f"{device.describe(target, f'batches of {size}')}, {workers} workers")
    for name in args.channels or networks:
        for precision in dict.fromkeys(device.precision(p, target) for p in args.precision):
            measure(name, params, target, precision, args.listings, args.sample)


if __name__ == "__main__":
    main()
