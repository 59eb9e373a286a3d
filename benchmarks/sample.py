"""Compare `sample` with the decoder alone: python -m benchmarks.sample [--pictures 2000] [--side 1000]

Takes the catalogue of params.yaml; --side enlarges its pictures to that short side. Prints pictures a second,
through the same worker processes, of

    decode   read and decode every picture at full size, with Pillow alone
    shrink   read, check, decode (JPEG at a half or a quarter where that is enough) and shrink
    pack     what the stage does: also encode the JPEG and the thumbnail, hash, and write to disk

and their ratios to `decode`; that of `shrink` should be 0.9 or more. The three take turns several times, and
the medians are compared.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
import zipfile
from collections import deque
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from PIL import Image

from samesku.catalogue import packing, reader
from samesku.catalogue.open_source import open_source
from samesku.catalogue.picture import shrink_picture
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.source import Source
from samesku.params import load_params
from samesku.workers.local import map_in_order

ROUNDS = 3


def decoded(source: Source, name: str) -> tuple[int, int]:
    with Image.open(io.BytesIO(source.picture(name))) as image:
        return image.convert("RGB").size


def shrunk_size(source: Source, size: int, most: int, name: str) -> tuple[int, int]:
    return shrink_picture(source.picture(name), image_size=size, max_pixels=most).size


def enlarged(source: Source, names: list[str], side: int, path: Path) -> Source:
    """The pictures with a short side of `side`, as JPEG of quality 90, in a .zip at `path`."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            with Image.open(io.BytesIO(source.picture(name))) as image:
                scale = side / min(image.size)
                size = (round(image.width * scale), round(image.height * scale))
                out = io.BytesIO()
                image.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
            archive.writestr(name, out.getvalue())
    return open_source(path, "", None)


def through(work: Callable[[str], object], names: list[str], workers: int) -> None:
    with closing(map_in_order(work, names, workers, None)) as results:
        deque(results, maxlen=0)


def packed(packer: packing.Packer, names: list[str], workers: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        wanted = [packing.PackRequest(name, True, True) for name in names]
        packing.pack_pictures(
            Path(place, "images.arrow"), Path(place, "thumbnails.arrow"), wanted, packer, workers
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--side", type=int)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        measure(given.pictures, given.workers, given.side, Path(place))


def measure(pictures: int, workers: int, side: int | None, place: Path) -> None:
    data = load_params().data
    source = open_source(Path(data.source), data.csv, data.images)
    rows = reader.read_table(source.table(), Quarantine()).rows
    names = list(dict.fromkeys(row.image for row in rows if row.image))[:pictures]
    if side:
        source = enlarged(source, names, side, place / "enlarged.zip")
    packer = packing.Packer(source, data.image_size, data.max_pixels)
    ways = {
        "decode": lambda: through(partial(decoded, source), names, workers),
        "shrink": lambda: through(
            partial(shrunk_size, source, data.image_size, data.max_pixels), names, workers
        ),
        "pack": lambda: packed(packer, names, workers),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - start)
    rate = {name: len(names) / statistics.median(seconds) for name, seconds in taken.items()}
    large = f" at {side} pixels" if side else ""
    print(f"{len(names)} pictures of {data.source}{large}, {workers} workers")
    for name, own in rate.items():
        print(f"{name:8} {own:8.0f}/s  {own / rate['decode']:.2f}")


if __name__ == "__main__":
    main()
