"""How near embedding comes to its slower half: python -m benchmarks.embedding [channel ...] [--listings 640]

For each channel of params.yaml with a model (default: all of them) on data/sample/ as it stands, it prints in
each precision, listings a second of

    read     reading, decoding and shrinking pictures in the workers, or tokenising titles, without the model
    model    the model on batches that are held in memory
    both     what the stage does: embed_images, embed_titles

and the ratio of `both` to the smaller of the other two, which should be 0.95 or more. The three are measured
in turn, several times over, and the medians are compared: a machine's other load falls on all alike.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from PIL import Image

from samesku import artefacts
from samesku.catalogue.images import PackedImages
from samesku.embedding import device, load_encoder, runner
from samesku.embedding.base import ImageEncoder, TitleEncoder
from samesku.errors import InputError
from samesku.params import Params, load

ROUNDS = 3


class Repeated(Sequence[Image.Image | None]):
    """The first `length` pictures of a file, from its beginning again where it is shorter; picklable."""

    def __init__(self, images: PackedImages, rows: list[int], length: int) -> None:
        self.images, self.rows, self.length = images, rows, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i):  # type: ignore[no-untyped-def]
        return self.images[self.rows[i % len(self.rows)]]


def seconds(work: Callable[[], object]) -> float:
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
            spent = seconds(do)
            if round_:  # the first round warms caches and memory pools
                taken[name].append(spent)
    return {name: length / statistics.median(spent) for name, spent in taken.items()}


def images_a_second(
    encoder: ImageEncoder, images: Sequence[Image.Image | None], batch_size: int, workers: int
) -> dict[str, float]:
    rows, read = list(range(len(images))), runner.reader(images, encoder.prepare)
    batches = runner.chunks(rows, runner.pictures_at_once(encoder, batch_size))
    held = [encoder.prepare.normalise(read(batch)[1].to(encoder.device)) for batch in batches]

    def read_all() -> None:
        if encoder.device.type == "cpu":
            runner.side_by_side(batches, read)
        else:
            for _ in runner.read_ahead(images, rows, encoder.prepare, batch_size, workers):
                pass

    return rates(
        len(images),
        read=read_all,
        model=lambda: compute(encoder, held),
        both=lambda: runner.embed_images(encoder, images, batch_size=batch_size, workers=workers, quiet=True),
    )


def titles_a_second(encoder: TitleEncoder, titles: list[str], batch_size: int) -> dict[str, float]:
    batches = runner.chunks(sorted(titles, key=len, reverse=True), batch_size)
    held = [{key: ids.to(encoder.device) for key, ids in encoder.prepare(batch).items()} for batch in batches]
    return rates(
        len(titles),
        read=lambda: [encoder.prepare(batch) for batch in batches],
        model=lambda: compute(encoder, held),
        both=lambda: runner.embed_titles(encoder, titles, batch_size=batch_size, quiet=True),
    )


def compute(encoder: ImageEncoder | TitleEncoder, held: list[Any]) -> None:
    """The model alone, as the stage runs it."""
    if encoder.device.type == "cpu":
        runner.side_by_side(held, lambda batch: runner.vectors(encoder, batch), encoder.precision)
    else:
        for batch in held:
            runner.vectors(encoder, batch)


def measure(
    name: str, settings: Params, where: torch.device, precision: str, listings: int, sample: Path
) -> None:
    encoder = load_encoder(name, settings.channels[name], device=where, precision=precision)
    size, workers = settings.embed.batch_size, settings.machine.workers
    table = pd.read_parquet(sample / artefacts.LISTINGS.name)
    if isinstance(encoder, ImageEncoder):
        rows = [i for i, has in enumerate(table["has_image"]) if has]
        found = images_a_second(
            encoder, Repeated(PackedImages(sample / artefacts.IMAGES.name), rows, listings), size, workers
        )
    else:
        titles = [title for title in table["title"] if title][:listings]
        found = titles_a_second(encoder, titles, size)
    slower = min(found["read"], found["model"])
    print(
        f"{name:12} {precision:5} read {found['read']:7.0f}/s  model {found['model']:7.1f}/s  "
        f"both {found['both']:7.1f}/s  ratio {found['both'] / slower:.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("channels", nargs="*")
    parser.add_argument("--listings", type=int, default=640)
    parser.add_argument(
        "--sample", type=Path, default=artefacts.SAMPLE, help="folder of listings and pictures"
    )
    parser.add_argument("--precision", nargs="*", default=["fp32", "auto"])
    given = parser.parse_args()
    settings = load()
    neural = [name for name, channel in settings.channels.items() if channel.model]
    if unknown := set(given.channels) - set(neural):
        raise InputError(
            f"channel {min(unknown)!r} has no model in params.yaml; allowed: {', '.join(neural)}"
        )
    device.set_threads(settings.machine.threads)
    where = device.resolve(settings.machine.device)
    size, workers = settings.embed.batch_size, settings.machine.workers
    print(f"{device.describe(where, f'batches of {size}')}, {workers} workers")
    for name in given.channels or neural:
        for precision in dict.fromkeys(device.precision(p, where) for p in given.precision):
            measure(name, settings, where, precision, given.listings, given.sample)


if __name__ == "__main__":
    main()
