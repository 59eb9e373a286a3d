"""A feed -> a catalogue folder: listings.csv, images/, quarantine.csv, and manifest.jsonl, by which a run goes on."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from samesku.artefacts import replace_out, write_csv
from samesku.catalogue.further import SEPARATOR
from samesku.catalogue.quarantine import harmless
from samesku.catalogue.reader import ATTRIBUTES
from samesku.errors import InputError
from samesku.feeds.feed import Feed, FeedRow
from samesku.feeds.fetch import Fetched, FetchLimits, fetch_pictures

LISTINGS, IMAGES, QUARANTINE, MANIFEST = "listings.csv", "images", "quarantine.csv", "manifest.jsonl"
_COLUMNS = ("posting_id", "title", "image", "source", *ATTRIBUTES, "item_group_id")
#: Surrogates without their other half, but for those that stand for a byte that is not UTF-8.
_HALVES = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_LABELS = ("label_group", "split")  # only where the feed has them


def import_feed(feed: Feed, out: Path, source: str = "", limits: FetchLimits | None = None) -> str:
    """Write the catalogue folder of a feed; a second run fetches the pictures that are not there yet, and no other.

    The feed is read twice, a row at a time: memory holds the URLs alone.

    Args:
        source: the shop of every listing; "" takes the feed's column.

    Returns:
        a summary for a person.

    Raises:
        InputError: `out` holds something else, or the feed cannot be read.
        OSError: a file cannot be written.
    """
    limits = limits or FetchLimits()
    manifest = _open_out(out)
    urls = dict.fromkeys(url for row in feed.rows() if not row.fault for url in row.pictures)
    known = {
        url: done for url, done in _read_manifest(manifest).items() if (out / IMAGES / done.file).is_file()
    }
    results = {url: known[url] for url in urls if url in known}
    missing = [url for url in urls if url not in known]
    _write_manifest(manifest, known)  # a new file, so that nothing is appended to one that DVC holds
    with (
        manifest.open("a", encoding="utf-8") as file,
        tqdm(total=len(missing), desc="pictures", unit="", disable=not missing) as bar,
    ):

        def report(url: str, done: Fetched) -> None:
            results[url] = done
            file.write(_manifest_line(url, done))
            file.flush()
            bar.update()

        fetch_pictures(missing, out / IMAGES, limits, report)
    counts, faults = _write_listings(feed, out / LISTINGS, source, results)
    _write_manifest(manifest, known | results)
    rows = [
        fault | {"posting_id": harmless(fault["posting_id"]), "url": harmless(fault["url"])}
        for fault in faults
    ]
    write_csv(out / QUARANTINE, rows, ("row", "posting_id", "url", "reason", "status"))
    return _describe(counts, faults, out, sum(bool(results[url].file) for url in missing))


def _open_out(out: Path) -> Path:
    """Make the folder, without what a kill left half-written in it; the path of its manifest."""
    manifest = out / MANIFEST
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; allowed: a folder")
    if out.is_dir() and any(out.iterdir()) and not manifest.is_file():
        raise InputError(
            f"--out {out} holds something else; allowed: a new folder, or one that an import has written"
        )
    (out / IMAGES).mkdir(parents=True, exist_ok=True)
    manifest.touch()
    for half in (out / IMAGES).glob(".*.partial"):
        half.unlink()
    return manifest


def _read_manifest(path: Path) -> dict[str, Fetched]:
    """What earlier runs did with each URL; a line that a kill has cut short is left out."""
    done = {}
    for line in path.read_text("utf-8", "replace").splitlines():
        try:
            entry = json.loads(line)
            done[entry["url"]] = Fetched(entry["file"], entry["reason"], entry["status"])
        except (ValueError, KeyError, TypeError):
            continue
    return {url: fetched for url, fetched in done.items() if fetched.file}


def _write_manifest(path: Path, results: Mapping[str, Fetched]) -> None:
    with replace_out(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.writelines(_manifest_line(url, done) for url, done in results.items())


def _manifest_line(url: str, done: Fetched) -> str:
    return json.dumps({"url": url, **done._asdict()}) + "\n"


def _write_listings(
    feed: Feed, path: Path, source: str, results: Mapping[str, Fetched]
) -> tuple[Counter[str], list[dict[str, Any]]]:
    """Write listings.csv; counts, and what could not be used, a row of quarantine.csv each."""
    columns = [*_COLUMNS, *(name for name in _LABELS if name in feed.columns)]
    counts: Counter[str] = Counter()
    faults: list[dict[str, Any]] = []
    with (
        replace_out(path) as partial,
        partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in feed.rows():
            if row.fault:
                faults.append(_fault(row, "", row.fault, None))
                continue
            files = [results[url].file for url in row.pictures if results[url].file]
            failed = [(url, results[url]) for url in row.pictures if not results[url].file]
            faults += [_fault(row, url, done.reason, done.status) for url, done in failed]
            shop = {"source": source} if source else {}
            cells = {name: _writable(cell) for name, cell in row.cells.items()}
            writer.writerow({**cells, **shop, "image": SEPARATOR.join(files)})
            counts["listings"] += 1
            counts["with a picture"] += bool(files)
    counts["pictures"] = sum(bool(done.file) for done in results.values())
    return counts, faults


def _writable(cell: str) -> str:
    """A cell that a CSV can hold: \\n at the end of lines, since csv quotes no other, and no half of a character."""
    lines = cell.replace("\r\n", "\n").replace("\r", "\n")
    return _HALVES.sub("", lines.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"))


def _fault(row: FeedRow, url: str, reason: str, status: int | None) -> dict[str, Any]:
    return {
        "row": row.row, "posting_id": row.cells.get("posting_id", ""), "url": url, "reason": reason,
        "status": "" if status is None else status,
    }  # fmt: skip


def _describe(counts: Mapping[str, int], faults: Iterable[Mapping[str, Any]], out: Path, fetched: int) -> str:
    """One line on what is there, and one on what to do next."""
    reasons = Counter(fault["reason"] for fault in faults)
    shown = ", ".join(f"{n} × {reason}" for reason, n in reasons.most_common())
    quarantine = f"; {sum(reasons.values()):,} in quarantine ({shown}): {out / QUARANTINE}" if reasons else ""
    return (
        f"{out}: {counts['listings']:,} listings, {counts['with a picture']:,} of them with a picture, "
        f"{counts['pictures']:,} pictures, {fetched:,} of them fetched now{quarantine}\n"
        f"next: samesku init {out / LISTINGS}{f' --images {out / IMAGES}' if counts['pictures'] else ''}"
    )
