"""Measure the daily run of a catalogue: python -m benchmarks.daily TABLE.csv [--images FOLDER] [--share 0.01]

In a clone of this repository, with profile quick, `dvc repro` of the main system (as far as `evaluate`) runs

    first      on the catalogue without a part of its listings, with an empty store
    daily      after a share of the listings has changed: a third is new, a third is gone, a third has another title
    nothing    again, with nothing changed

It prints the seconds of each, those of the processors, those of every stage, and what DVC and the start of processes
take beside the stages. On a machine with other work, trust the ratio of the processors' seconds.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from samesku.artefacts import PROVENANCE

ROOT = Path(__file__).parents[1]
FOLDER = Path("data/raw/mine")
TARGET = "evaluate"
Rows = list[dict[str, str]]


def run(folder: Path, *command: str) -> str:
    """What a command of Python prints in the clone."""
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout


def write_catalogue(folder: Path, rows: Rows, images: Path | None) -> None:
    """Write the table, and copy the pictures that are not there yet."""
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    with (place / "listings.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    if images is None:
        return
    (place / "images").mkdir(exist_ok=True)
    wanted = {row["image"] for row in rows}
    for picture in (place / "images").iterdir():
        if picture.name not in wanted:
            picture.unlink()
    for name in wanted:
        if (images / name).is_file() and not (place / "images" / name).exists():
            shutil.copyfile(images / name, place / "images" / name)


def change(rows: Rows, new: Rows, count: int, rng: random.Random) -> Rows:
    """The catalogue of the next day: `count` listings are gone, `count` have another title, and `new` are there."""
    rows = [dict(row) for row in rows]
    rng.shuffle(rows)
    for row in rows[:count]:
        row["title"] = f"{row['title']} promo"
    return rows[: len(rows) - count] + new


def processor_seconds() -> float:
    """What the processes that have ended so far took of all cores."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def reproduce(folder: Path, name: str) -> tuple[float, float]:
    """Run the main system; its seconds, and those of the processors."""
    shutil.rmtree(folder / PROVENANCE, ignore_errors=True)
    start, before = time.perf_counter(), processor_seconds()
    printed = run(folder, "dvc", "repro", TARGET)
    seconds, used = time.perf_counter() - start, processor_seconds() - before
    stages = printed.count("Running stage")
    taken = {
        file.stem: float(json.loads(file.read_text("utf-8"))["seconds"])
        for file in (folder / PROVENANCE).glob("*.json")
    }
    parts = [f"{stage} {spent:.1f}" for stage, spent in sorted(taken.items(), key=lambda item: -item[1])]
    beside = seconds - sum(taken.values())
    print(
        f"{name:8} {seconds:7.1f} s, processors {used:.1f} s, {stages} stages: "
        f"{', '.join([*parts, f'beside them {beside:.1f}'])}",
        flush=True,
    )
    return seconds, used


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "table", type=Path, help="CSV with posting_id, title and the other columns of a catalogue"
    )
    parser.add_argument("--images", type=Path, help="the folder of its pictures")
    parser.add_argument("--share", type=float, default=0.01, help="of the listings that change")
    args = parser.parse_args()
    with args.table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rng = random.Random(0)  # noqa: S311
    rng.shuffle(rows)
    count = max(1, round(len(rows) * args.share / 3))
    new, rows = rows[:count], rows[count:]
    with tempfile.TemporaryDirectory(prefix="samesku-daily-") as place:
        folder = Path(place) / "samesku"
        subprocess.run(["git", "clone", "-q", ROOT, folder], check=True)  # noqa: S603, S607
        write_catalogue(folder, rows, args.images)
        images = ["--images", str(FOLDER / "images")] if args.images else []
        run(folder, "samesku.app", "init", str(FOLDER / "listings.csv"), *images)
        first = reproduce(folder, "first")
        write_catalogue(folder, change(rows, new, count, rng), args.images)
        daily = reproduce(folder, "daily")
        reproduce(folder, "nothing")
    wall, used = (after / before for after, before in zip(daily, first, strict=True))
    print(
        f"{len(rows):,} listings, {3 * count:,} changed: daily ÷ first {wall:.1%}, of the processors {used:.1%}"
    )


if __name__ == "__main__":
    main()
