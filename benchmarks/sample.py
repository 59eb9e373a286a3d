"""How near `sample` comes to the decoder: python -m benchmarks.sample [--pictures 2000] [--workers 2]

On the catalogue of params.yaml it prints pictures a second, through the same worker processes, of

    decode   reading and decoding every picture whole, by Pillow alone
    shrink   reading, checking, decoding (JPEG at a half or a quarter where that serves) and shrinking
    pack     what the stage does: also the packed JPEG, the thumbnail and the hash, written to a disk

and their ratios to `decode`; that of `shrink` should be 0.9 or more. The three are measured in turn, several
times over, and the medians are compared.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from PIL import Image

from stages.catalogue import packing, reader
from stages.catalogue.picture import shrink
from stages.catalogue.quarantine import Quarantine
from stages.catalogue.source import Source, open_source
from stages.catalogue.workers import in_order
from stages.settings import load

ROUNDS = 3


def decoded(source: Source, name: str) -> tuple[int, int]:
    with Image.open(io.BytesIO(source.picture(name))) as image:
        return image.convert("RGB").size


def shrunk(source: Source, size: int, most: int, name: str) -> tuple[int, int]:
    return shrink(source.picture(name), image_size=size, max_pixels=most).size


def through(work: Callable[[str], object], names: list[str], workers: int) -> None:
    with closing(in_order(work, names, workers, None)) as results:
        deque(results, maxlen=0)


def packed(packer: packing.Packer, names: list[str], workers: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        wanted = [packing.Wanted(name, True, True) for name in names]
        packing.pack(Path(place, "images.arrow"), Path(place, "thumbnails.arrow"), wanted, packer, workers)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    data = load().data
    source = open_source(Path(data.source), data.csv, data.images)
    rows = reader.read(source.table(), Quarantine()).rows
    names = list(dict.fromkeys(row.image for row in rows if row.image))[: given.pictures]
    packer = packing.Packer(source, data.image_size, data.max_pixels)
    ways = {
        "decode": lambda: through(partial(decoded, source), names, given.workers),
        "shrink": lambda: through(
            partial(shrunk, source, data.image_size, data.max_pixels), names, given.workers
        ),
        "pack": lambda: packed(packer, names, given.workers),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - start)
    rate = {name: len(names) / statistics.median(seconds) for name, seconds in taken.items()}
    print(f"{len(names)} pictures of {data.source}, {given.workers} workers")
    for name, own in rate.items():
        print(f"{name:8} {own:8.0f}/s  {own / rate['decode']:.2f}")


if __name__ == "__main__":
    main()
