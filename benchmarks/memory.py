"""Measure the peak memory and the growth of every stage: python -m benchmarks.memory [--listings 100000]

Writes a catalogue of invented listings with tiny pictures to a temporary folder, runs the stages there as the
pipeline does, and prints for each stage

    took       seconds
    busy       seconds of the processor, which other programs change less
    private    the most memory that its processes had for themselves at one time, in MB (RssAnon)
    in all     the same with the pages of mapped files, which the system frees when it needs memory (RSS)
    scratch    the size of its temporary files (samesku/scratch.py)

With several sizes, it also prints the growth from one size to the next: e of seconds of the processor ∝ listings^e.

The channels are the hash and TF-IDF, with arrays as wide as a network's. Exact search takes time in
proportion to listings² × columns; --columns makes the arrays narrower. With --network N, the channel cnn and
the training run pxk of params.yaml run too, on a catalogue of N listings.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import resource
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import yaml
from PIL import Image

from samesku.params import read_params

ROOT = Path(__file__).parents[1]
EVERY = 0.2  # seconds between two looks, which take time themselves
MAIN = ["sample", "embed_zero_shot phash", "embed_zero_shot tfidf", "fuse", "index", "evaluate"]
BESIDE = ["compare", "tune", "rerank"]
NETWORK = ["sample", "embed_zero_shot cnn", "train_pxk pxk"]
HEAD = f"{'stage':24} {'took':>10}  {'busy':>10}  {'private':>11}  {'in all':>11}  {'scratch':>11}"
WORDS = [
    "masker", "sabun", "botol", "tas", "kabel", "serum", "celana", "lampu",
    "buku", "kopi", "jam", "sepatu", "topi", "panci", "gelas", "sikat",
]  # fmt: skip


def listings(count: int, seed: int = 0) -> Iterator[tuple[str, str, bytes, str]]:
    """posting_id, title, JPEG and label of invented listings: products of two to six, as in a shop."""
    rng = np.random.default_rng(seed)
    number = product = 0
    while number < count:
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        words = " ".join(rng.choice(WORDS, 4))
        for _ in range(min(int(rng.integers(2, 7)), count - number)):
            grain = rng.integers(-12, 13, coarse.shape)
            image = Image.fromarray((coarse + grain).clip(0, 255).astype(np.uint8))
            out = io.BytesIO()
            image.resize((48, 48), Image.Resampling.BICUBIC).save(out, "JPEG", quality=80)
            title = f"{words} {rng.choice(WORDS)} seri {product} {int(rng.integers(1, 9)) * 50} ml"
            yield f"id{number:07}", title, out.getvalue(), f"p{product}"
            number += 1
        product += 1


def catalogue(path: Path, count: int) -> None:
    """Write a catalogue; it is never in memory as a whole but for its table."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["posting_id", "title", "image", "label_group"])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for own, title, jpeg, label in listings(count):
            archive.writestr(f"images/{own}.jpg", jpeg)
            writer.writerow([own, title, f"{own}.jpg", label])
        archive.writestr("listings.csv", table.getvalue())


def params(change: Callable[[dict[str, Any]], None]) -> str:
    content = read_params(ROOT / "params.yaml")
    content["data"] |= {"source": "catalogue.zip", "n_listings": None, "image_size": 48}
    change(content)
    return yaml.safe_dump(content)


def cheap(content: dict[str, Any]) -> None:
    """The channels that need no network, everywhere."""
    sides: dict[str, Any] = {"image": {"phash": 1.0}, "title": {"tfidf": 1.0}}
    content["fusion"] |= sides
    content["rerank"]["fusion"] |= sides
    content["compare"] = {"tfidf": content["compare"]["tfidf"]}


def short(content: dict[str, Any]) -> None:
    """A training run of one short epoch."""
    content["train"]["pxk"] |= {"epochs": 1, "max_steps": 10}


def memory(processes: list[psutil.Process]) -> tuple[int, int, int]:
    """Private memory, whole memory and temporary files of some processes together, in bytes."""
    private = whole = scratch = 0
    for process in processes:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            maps = Path(f"/proc/{process.pid}/maps").read_text()
        except OSError:  # it has ended
            continue
        for line in maps.splitlines():
            if line.endswith("(deleted)") and tempfile.gettempdir() in line:
                start, end = line.split()[0].split("-")
                scratch += int(end, 16) - int(start, 16)
        held = dict(line.split(":", 1) for line in status.splitlines() if line.startswith("Rss"))
        size = {name: int(text.split()[0]) * 1024 for name, text in held.items()}
        private += size.get("RssAnon", 0)
        whole += sum(size.values())
    return private, whole, scratch


class Figures(NamedTuple):
    """What a stage took: seconds of the clock and of the processor, and the most bytes of each kind at one time."""

    took: float
    busy: float
    private: int
    in_all: int
    scratch: int

    def __str__(self) -> str:
        sizes = "".join(f"  {size / 1e6:8.0f} MB" for size in (self.private, self.in_all, self.scratch))
        return f"{self.took:8.1f} s  {self.busy:8.1f} s{sizes}"


class StageFailed(Exception):
    """A stage that was to be measured ended with an error."""


def measure(stage: str, folder: Path, every: float = EVERY) -> Figures:
    """Run one stage; what it prints goes to standard error.

    Args:
        every: seconds between two looks at its memory.

    Raises:
        StageFailed: the stage ended with an error.
    """
    name, *arguments = stage.split()
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = psutil.Popen(
        [sys.executable, "-m", f"stages.{name}", *arguments],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=2,
    )  # fmt: skip
    most = [0, 0, 0]
    while process.poll() is None:
        try:
            family = [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            break
        most = [max(sizes) for sizes in zip(most, memory(family), strict=True)]
        time.sleep(every)
    if status := process.wait():
        raise StageFailed(f"{stage} ended with exit status {status}")
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figures(seconds, busy, *most)


def run(count: int, stages: list[str], change: Callable[[dict[str, Any]], None]) -> list[float]:
    """All of `stages` on a catalogue of `count` listings; the seconds of the processor of each."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        catalogue(folder / "catalogue.zip", count)
        (folder / "params.yaml").write_text(params(change), "utf-8")
        size = (folder / "catalogue.zip").stat().st_size
        print(f"{count:,} listings, a catalogue of {size / 1e6:.0f} MB", flush=True)
        print(HEAD, flush=True)
        seconds = []
        for stage in stages:
            figures = measure(stage, folder)
            print(f"{stage:24} {figures}", flush=True)
            seconds.append(figures.busy)
    return seconds


def growth(counts: list[int], seconds: list[list[float]], stages: list[str]) -> None:
    """Print e of seconds of the processor ∝ listings^e, for each stage from one size to the next."""
    steps = [f"{a:,} to {b:,}" for a, b in pairwise(counts)]
    print(f"{'growth':24} " + "  ".join(f"{step:>18}" for step in steps))
    exponents = np.diff(np.log(seconds), axis=0) / np.diff(np.log(counts))[:, None]
    for stage, own in zip(stages, exponents.T, strict=True):
        print(f"{stage:24} " + "  ".join(f"{e:18.2f}" for e in own))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--listings", type=int, nargs="*", default=[100_000])
    parser.add_argument(
        "--columns", type=int, help="of each channel's array, in place of what params.yaml says"
    )
    parser.add_argument("--network", type=int, default=0, help="listings that a network is run on; 0: none")
    parser.add_argument("--stages", nargs="*", default=[*MAIN, *BESIDE])
    given = parser.parse_args()

    def change(content: dict[str, Any]) -> None:
        cheap(content)
        for channel in ("phash", "tfidf") if given.columns else ():
            content["channels"][channel]["dim"] = given.columns

    seconds = [run(count, given.stages, change) for count in given.listings]
    if len(seconds) > 1:
        growth(given.listings, seconds, given.stages)
    if given.network:
        run(given.network, NETWORK, short)


if __name__ == "__main__":
    main()
