"""Render the demo catalogue: listings.csv and pictures in one stored .zip, a function of the params alone."""

from __future__ import annotations

import csv
import zipfile
from contextlib import closing
from functools import partial
from io import StringIO
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data.demo.listings import Listing, listings
from data.demo.params import Params, load
from data.demo.products import invent
from samesku.artefacts import replace_out, run_stage
from samesku.workers.local import map_in_order

HERE = Path(__file__).parent
COLUMNS = ("posting_id", "image", "image_phash", "title", "label_group")


def render(params: Params, workers: int) -> list[Listing]:
    """All listings, family by family; the number of worker processes changes the time alone."""
    families = invent(params)
    work = partial(listings, params=params)
    found: list[Listing] = []
    with closing(map_in_order(work, families, workers, crashed=None)) as done:
        for rows in tqdm(done, total=len(families), desc="render", unit="family"):
            if rows is None:
                raise RuntimeError("a worker process was killed")
            found += rows
    return found


def table(rows: list[Listing], seed: int) -> list[tuple[str, str, str, str, str]]:
    """The rows of listings.csv with ids as Shopee's, ordered by picture."""
    rng = np.random.default_rng([seed, 8])
    postings = rng.choice(4_294_967_296, len(rows), replace=False)
    groups = rng.choice(4_294_967_296, max(row.product for row in rows) + 1, replace=False)
    return sorted(
        (
            (f"train_{i}", r.image, r.phash, r.title, str(groups[r.product]))
            for i, r in zip(postings, rows, strict=True)
        ),
        key=lambda line: (line[1], line[0]),
    )


def write(rows: list[Listing], seed: int, path: Path) -> None:
    """Write the .zip: stored, dated 1980, in the order of names, so that equal listings give equal bytes."""
    text = StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerows([COLUMNS, *table(rows, seed)])
    pictures = {row.image: row.jpeg for row in rows}
    with replace_out(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("listings.csv"), text.getvalue())
        for name in sorted(pictures):
            archive.writestr(zipfile.ZipInfo(f"images/{name}"), pictures[name])


def main() -> str:
    params = load(HERE / "params.yaml")
    rows = render(params, workers=2)
    write(rows, params.seed, HERE / "catalogue.zip")
    return f"{len(rows)} listings of {params.products} products"


if __name__ == "__main__":
    run_stage("demo", main)
