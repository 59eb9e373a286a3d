"""Measure the report in Chromium: python -m benchmarks.pages TABLE.csv [--pictures FOLDER] [--listings 34250]

A catalogue of the titles and labels of the table (columns posting_id, title, label_group), with the pictures of the
folder in turn as thumbnails. Listings of one label match; every tenth also matches the next listing. It prints

    size       MB of the page, which has `--queries` queries
    write      seconds until the page is written
    first      seconds from opening the file until the overview is drawn, and until the products are
    search     milliseconds from a changed search text until the products are shown: the median, and the slowest
    frames     milliseconds from one frame to the next while the products scroll by, half a window a frame
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from samesku.app.report_page import write_report
from samesku.catalogue.images import make_thumbnail
from tests.fixtures import two_system_predictions
from tests.fixtures.browser import NAMES

WORDS = ("tas", "baju anak", "250 ml", "case", "nothing like it")
MAX_PICTURES = 400  # different ones
SEARCH = """(words) => new Promise((done) => {
  const input = document.querySelector("#products [name=words]");
  const start = performance.now();
  input.value = words;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
})"""
SCROLL = """() => new Promise((done) => {
  const times = [];
  let last = performance.now();
  const step = (now) => {
    times.push(now - last);
    last = now;
    scrollBy({ top: 400, behavior: "instant" });
    if (times.length < 600) requestAnimationFrame(step); else done(times.slice(5));
  };
  requestAnimationFrame(step);
})"""


def read_rows(table: Path, most: int) -> dict[str, tuple[str, str, str]]:
    """posting_id -> label, split, title of `most` listings; a tenth of the labels is in test, a tenth in val.

    Where the table has fewer rows, they come again as other products.
    """
    splits = itertools.cycle(["test", "val", *["train"] * 8])
    split_of: dict[str, str] = {}
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    listings = {}
    for i in range(most):
        row, again = rows[i % len(rows)], i // len(rows)
        label = f"{row['label_group']}-{again}"
        if label not in split_of:
            split_of[label] = next(splits)
        listings[f"{row['posting_id']}-{again}"] = (label, split_of[label], row["title"])
    return listings


def make_matches(rows: dict[str, tuple[str, str, str]]) -> list[tuple[str, str]]:
    members: dict[str, list[str]] = {}
    for name, (label, _, _) in rows.items():
        members.setdefault(label, []).append(name)
    pairs = [pair for names in members.values() for pair in itertools.permutations(names[:20], 2)]
    names = list(rows)
    others = [
        pair for pair in zip(names[::10], names[1::10], strict=False) if rows[pair[0]][0] != rows[pair[1]][0]
    ]
    return pairs + others


def read_pictures(folder: Path | None) -> Iterator[bytes | None]:
    """The thumbnails of the first pictures of a folder, again and again."""
    files = sorted(file for file in folder.rglob("*") if file.suffix in (".jpg", ".png")) if folder else []
    made = [make_thumbnail(Image.open(file).convert("RGB")) for file in files[:MAX_PICTURES]]
    return itertools.cycle(made or [None])


def milliseconds(page: Page) -> None:
    """Print the times of searching and scrolling of an open products page."""
    times = [page.evaluate(SEARCH, words) for words in ("warm up", *WORDS, "")][1:]
    print(f"search   {statistics.median(times):6.0f} ms median, {max(times):.0f} ms slowest")
    page.wait_for_timeout(300)
    frames = sorted(page.evaluate(SCROLL))
    last = frames[int(0.95 * len(frames))]
    print(f"frames   {statistics.median(frames):6.1f} ms median, {last:.1f} ms 95th percentile")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--listings", type=int, default=34_250)
    parser.add_argument("--queries", type=int, default=3_000)
    options = parser.parse_args()
    rows = read_rows(options.table, options.listings)
    pictures = read_pictures(options.pictures)
    program = next(filter(None, map(shutil.which, NAMES)))
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place), sync_playwright() as playwright:
        two_system_predictions.write_shop(
            Path(place), rows, make_matches(rows), pictures=itertools.islice(pictures, len(rows))
        )
        start = time.perf_counter()
        write_report("halves", Path("report.html"), options.queries)
        print(f"write    {time.perf_counter() - start:6.1f} s for {len(rows):,} listings")
        print(f"size     {Path('report.html').stat().st_size / 1e6:6.1f} MB")
        browser = playwright.chromium.launch(executable_path=program)
        address = Path("report.html").resolve().as_uri()
        for part, selector in (("overview", ".tile"), ("products", ".product")):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            start = time.perf_counter()
            page.goto(f"{address}#{part}", wait_until="commit")
            page.wait_for_selector(selector, state="visible")
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
            print(f"first    {time.perf_counter() - start:6.2f} s until {part} is drawn")
            if part == "products":
                print(page.inner_text("#products .count"))
                milliseconds(page)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
