"""Measure the stages that rank on an invented catalogue of up to a million listings, without pictures.

    python -m benchmarks.million --listings 100000 1000000 [--titles catalogue.csv] [--folder folder] [--stages rerank]

Sizes of products are those of a real shop. A listing has its product's title with words that are left out, added or in
another order, and its product's hash with some bits turned; now and then a hash of its own. `--titles` gives the titles
of products: the column `title` of a CSV, used again with a number where there are too few. Else they are invented.

In place of embeddings, the channels cnn and sbert are invented rows of 1,024 and 384 columns: clusters for kinds of
goods, for products and for listings of a product, which vary in 48 directions as rows of a network do. `--own-rows`
embeds the hashes (384 columns) and TF-IDF (1,024) instead, where no index but an exact one finds the nearest.

`--kind` and `--effort` give the index. Prints for each stage the seconds, the memory as `benchmarks.memory` does, and
the size of its temporary files at most; then the size of what the stages wrote, and the growth from one size to the
next.

A run of hours can be spread. With `--folder`, the catalogue, what the stages wrote and their figures stay there, in
one folder for each size. A stage that has figures is not run again, unless `--again` names it. `--stages` names the
stages to run. Stages before them that have no figures run too.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import memory
from samesku import artefacts

BEFORE = ["check", "sample", "annotations", "train_reader"]
EMBEDDING = ["embed_zero_shot phash", "embed_zero_shot tfidf"]
STAGES = ["fuse", "index", "evaluate", "rerank"]
WIDTHS = {"cnn": 1024, "sbert": 384}
DIRECTIONS = 48
OF_A_KIND = 200  # products
BLOCK = 65_536
EVERY = 1.0  # seconds between two looks at the memory of a stage, which take time themselves
#: Listings of a product -> how many of 7,680 products of a real shop have so many.
SIZES = {
    2: 4880, 3: 1227, 4: 601, 5: 332, 6: 204, 7: 103, 8: 79, 9: 63, 10: 32, 11: 30, 12: 21, 13: 18, 14: 14, 15: 15,
    16: 9, 17: 7, 19: 6, 20: 4, 21: 5, 22: 4, 23: 3, 25: 4, 30: 2, 32: 6, 34: 7, 45: 2, 50: 7,
}  # fmt: skip
OF_THEIR_OWN = 0.4  # listings with a hash that their product does not have


def read_titles(path: Path | None) -> Iterator[str]:
    """Titles of products, without end."""
    if path is None:
        generator = np.random.default_rng(1)
        while True:
            words = " ".join(generator.choice(memory.WORDS, 4))
            yield f"{words} {generator.choice(list('abcdefgh'))}{generator.integers(1, 2000)}"
    with path.open(encoding="utf-8") as file:
        titles = [row["title"] for row in csv.DictReader(file) if row["title"].strip()]
    generator = np.random.default_rng(2)
    for lap in itertools.count():
        for title in generator.permutation(titles).tolist():
            yield f"{title} {generator.choice(list('abcdefgh'))}{lap}" if lap else title


def change_title(title: str, words: list[str], generator: np.random.Generator) -> str:
    """The title as another seller writes it."""
    parts = [word for word in title.split() if generator.random() > 0.15] or [title]
    if generator.random() < 0.5:
        parts.insert(int(generator.integers(0, len(parts) + 1)), words[int(generator.integers(len(words)))])
    if generator.random() < 0.3:
        parts = parts[::-1]
    return " ".join(parts)


def listings(count: int, titles: Iterator[str]) -> Iterator[tuple[str, str, int]]:
    """Title, hash and product of `count` listings, product after product."""
    generator = np.random.default_rng(0)
    sizes, share = np.array([*SIZES]), np.array([*SIZES.values()]) / sum(SIZES.values())
    number, words = 0, [*memory.WORDS]
    for product in itertools.count():
        title = next(titles)
        words[product % 1000 : product % 1000 + 1] = title.split()[:1]
        of_product = int(generator.integers(2**63))
        for _ in range(int(generator.choice(sizes, p=share))):
            if number == count:
                return
            bits = of_product
            if generator.random() < OF_THEIR_OWN:
                bits = int(generator.integers(2**63))
            for bit in generator.integers(0, 63, int(generator.integers(0, 6))).tolist():
                bits ^= 1 << bit
            yield change_title(title, words, generator), f"{bits:016x}", product
            number += 1


def write_catalogue(folder: Path, count: int, titles: Path | None) -> NDArray[np.int64]:
    """Write the table, its listings in random order; the product of each."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(listings(count, read_titles(titles)))
    order = np.random.default_rng(3).permutation(count).tolist()
    with (folder / "listings.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["posting_id", "title", "image_phash", "label_group"])
        for number, place in enumerate(order):
            title, bits, product = rows[place]
            writer.writerow([f"id{number:07}", title, bits, f"p{product}"])
    return np.array([rows[place][2] for place in order])


def write_rows(path: Path, product: NDArray[np.int64], columns: int, seed: int) -> None:
    """Write unit rows, float32 (N, columns), one block at a time."""
    generator = np.random.default_rng(seed)
    n_products = int(product.max()) + 1
    kinds = generator.normal(size=(n_products // OF_A_KIND + 1, DIRECTIONS))
    centres = kinds[np.arange(n_products) // OF_A_KIND] + 0.6 * generator.normal(
        size=(n_products, DIRECTIONS)
    )
    spread = generator.normal(size=(DIRECTIONS, columns)) / np.sqrt(DIRECTIONS)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    out = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float32, shape=(len(product), columns))
    for start in range(0, len(product), BLOCK):
        of_block = product[start : start + BLOCK]
        rows = centres[of_block] + 0.25 * generator.normal(size=(len(of_block), DIRECTIONS))
        block = rows @ spread + 0.1 * generator.normal(size=(len(of_block), columns))
        out[start : start + BLOCK] = block / np.linalg.norm(block, axis=1, keepdims=True)
    out.flush()
    partial.rename(path)


def params(given: argparse.Namespace) -> str:
    def change(content: dict[str, Any]) -> None:
        memory.cheap(content)
        if not given.own_rows:
            for system in (content["fusion"], content["rerank"]["fusion"]):
                system |= {"alpha": 0.5, "image": {"cnn": 1.0}, "title": {"sbert": 1.0}}
        content["data"] |= {"source": "catalogue", "images": None}
        content["channels"]["phash"]["dim"], content["channels"]["tfidf"]["dim"] = 384, 1024
        content["index"] |= {"kind": given.kind, "effort": given.effort}
        content["machine"]["store"] = None

    return memory.params(change)


def prepare_folder(folder: Path, count: int, given: argparse.Namespace) -> None:
    """Write the catalogue and params.yaml, unless they are there.

    Raises:
        SystemExit: the folder holds a run with another index, other titles or other rows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = params(given)
    of_run = json.dumps([settings, str(given.titles)])
    if (folder / "run.json").exists():
        if (folder / "run.json").read_text("utf-8") != of_run:
            raise SystemExit(f"{folder} holds a run with other settings; give another --folder, or remove it")
        return
    product = write_catalogue(folder / "catalogue", count, given.titles)
    np.save(folder / "product.npy", product)
    (folder / "params.yaml").write_text(settings, "utf-8")
    (folder / "run.json").write_text(of_run, "utf-8")  # last: without it, the folder is not whole


def read_figures(folder: Path) -> dict[str, memory.Figures]:
    """The figures of the stages that have run in a folder."""
    path = folder / "figures.json"
    if not path.exists():
        return {}
    return {stage: memory.Figures(*row) for stage, row in json.loads(path.read_text("utf-8")).items()}


def run_stages(folder: Path, given: argparse.Namespace) -> dict[str, memory.Figures]:
    """Run the stages that have no figures yet, and those of `--again`; the figures of all stages."""
    figures = read_figures(folder)
    for stage in stages(given):
        if stage == given.stages[0] and not given.own_rows:
            for seed, (name, columns) in enumerate(WIDTHS.items()):
                path = folder / "data/embeddings" / f"{name}.npy"
                if not path.exists():
                    write_rows(path, np.load(folder / "product.npy"), columns, seed)
        if stage not in figures or stage in given.again:
            figures[stage] = memory.measure(stage, folder, every=EVERY)
            artefacts.write_json(folder / "figures.json", figures)
        print(f"{stage:24} {figures[stage]}", flush=True)
    return figures


def run(count: int, given: argparse.Namespace) -> list[float]:
    """The seconds of the processor of each stage."""
    with tempfile.TemporaryDirectory() if given.folder is None else nullcontext(given.folder) as place:
        folder = Path(place) / str(count)
        prepare_folder(folder, count, given)
        print(f"{count:,} listings, index.kind {given.kind}, index.effort {given.effort}", flush=True)
        print(memory.HEAD, flush=True)
        figures = run_stages(folder, given)
        files = [path for path in (folder / "data").rglob("*") if path.is_file()]
        sizes = {
            name: sum(path.stat().st_size for path in files if name in path.parts)
            for name in sorted({path.relative_to(folder / "data").parts[0] for path in files})
        }
        print("on disk: " + ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in sizes.items()))
    return [figures[stage].busy for stage in stages(given)]


def stages(given: argparse.Namespace) -> list[str]:
    """What has to run: the stages of `--stages`, and those before the first that needs rows."""
    return [*BEFORE, *(EMBEDDING if given.own_rows else []), *given.stages]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--listings", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--titles", type=Path)
    parser.add_argument("--folder", type=Path, help="where the catalogues, the outs and the figures stay")
    parser.add_argument("--own-rows", action="store_true")
    parser.add_argument("--kind", default="ivf")
    parser.add_argument("--effort", type=int, default=16)
    parser.add_argument("--stages", nargs="+", default=STAGES)
    parser.add_argument("--again", nargs="*", default=[], help="stages that run again")
    given = parser.parse_args(arguments)
    seconds = [run(count, given) for count in given.listings]
    if len(seconds) > 1:
        memory.growth(given.listings, seconds, stages(given))


if __name__ == "__main__":
    main()
