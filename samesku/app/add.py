"""samesku add: new listings matched against the indexed catalogue and each other."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesku import artefacts
from samesku.app.embedder import Batch
from samesku.app.indexed import Indexed, New, neighbours
from samesku.catalogue import reader
from samesku.catalogue.cleaning import Listing, clean, with_pictures
from samesku.catalogue.images import PackedImages
from samesku.catalogue.packing import Packer
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.source import FolderSource
from samesku.errors import InputError
from samesku.search import new_listings as newcomers
from samesku.search.new_listings import Gallery


def add(indexed: Indexed, table: Path, images: Path | None, out: Path) -> str:
    """Match the listings of the CSV `table`, and write what was found to the folder `out`.

    Args:
        images: the folder of the pictures that the table names; None: without pictures.

    Returns:
        one line about it.

    Raises:
        InputError: the table cannot be used, or `out` is no folder of an earlier `add`.
    """
    _check_out(out)
    if images is not None and not images.is_dir():
        raise InputError(f"--images: {images} is no folder")
    quarantine = Quarantine()
    with tempfile.TemporaryDirectory() as scratch:
        listings, packed = _read(indexed, table, images, Path(scratch), quarantine)
        ids = [listing.source.posting_id for listing in listings]
        new = indexed.embed(
            Batch(
                [listing.title for listing in listings],
                PackedImages(packed) if len(PackedImages(packed)) else [None] * len(ids),
                [listing.image_phash for listing in listings],
            )
        )
    with artefacts.replacing(out) as beside:
        beside.mkdir(parents=True)
        found = _matches(indexed, new, ids)
        pq.write_table(found, beside / "matches.parquet")
        _write_csv(ids, found, beside / "matches.csv")
        quarantine.write(beside / "quarantine.csv")
    matched = len(set(found["query"].to_pylist()))
    return (
        f"{len(ids)} new listings, {matched} with a match, {found.num_rows} matches, "
        f"{len(quarantine.rows())} rows in quarantine: {out}"
    )


def _read(
    indexed: Indexed, table: Path, images: Path | None, scratch: Path, quarantine: Quarantine
) -> tuple[list[Listing], Path]:
    """The table's listings by id, as `sample` would leave them, and their packed pictures."""
    data, machine = indexed.settings.data, indexed.settings.machine
    try:
        content = table.read_bytes()
    except OSError as error:
        raise InputError(f"{table} cannot be read ({error.strerror})") from None
    try:
        read = reader.read(content, quarantine)
    except InputError as error:  # which speaks of params.yaml's table
        raise InputError(str(error).replace("data.csv", str(table), 1)) from None
    rows = [clean(row, "title" in read.columns, quarantine) for row in read.rows]
    packer = None
    if images is not None and "image" in read.columns:
        source = FolderSource(images, table.name, ".")
        packer = Packer(source, data.image_size, data.max_pixels)
    packed = scratch / "images.arrow"
    # A few pictures are decoded sooner than a process starts.
    workers = machine.workers if len(rows) > 64 else 0
    listings = with_pictures(rows, packer, packed, scratch / "thumbnails.arrow", workers, quarantine)
    if not listings:
        raise InputError(f"{table}: no listing is left: {quarantine.by_reason()}")
    return listings, packed


def _matches(indexed: Indexed, new: New, ids: list[str]) -> pa.Table:
    """query, match, new, score and each channel's similarity, by query, best first."""
    replaced = set(ids)
    everybody = [*indexed.ids, *ids]
    gone = np.array([name in replaced for name in indexed.ids] + [False] * len(ids))
    # Ties stand in the order of the ids, whether a listing is old or new.
    order = np.argsort(np.array(everybody, dtype=object), kind="stable")
    place = np.empty(len(everybody), np.int32)
    place[order] = np.arange(len(everybody), dtype=np.int32)
    own = place[len(indexed.ids) :]
    k = min(indexed.settings.index.k, int((~gone).sum()) - 1)
    galleries = [indexed.gallery, Gallery.of(new.fused)]
    blocks = newcomers.nearest(new.fused, galleries, np.where(gone, np.int32(-1), place), own, max(k, 0))
    found = neighbours(list(blocks))
    query, rank = np.nonzero(indexed.keep(found))
    row = order[found.neighbour[query, rank]]
    columns = {
        "query": pa.array([ids[at] for at in query], pa.string()),
        "match": pa.array([everybody[at] for at in row], pa.string()),
        "new": row >= len(indexed.ids),
        "score": found.score[query, rank],
    }
    for name, rows in new.channels.items():
        columns[name] = _cosines(rows, indexed.stored[name], query, row)
    return pa.table(columns)


def _cosines(
    new: NDArray[np.float32], old: NDArray[np.float32], query: NDArray[np.intp], row: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The cosine of each match by one channel; NaN where one of the two lacks it."""
    found = np.full(len(query), np.nan, np.float32)
    for at, (left, right) in enumerate(zip(query.tolist(), row.tolist(), strict=True)):
        other = old[right] if right < len(old) else new[right - len(old)]
        if new[left].any() and other.any():
            found[at] = np.round(new[left] @ other, 6)
    return found


def _write_csv(ids: list[str], found: pa.Table, path: Path) -> None:
    matches: dict[str, list[str]] = {name: [name] for name in ids}
    for query, match in zip(found["query"].to_pylist(), found["match"].to_pylist(), strict=True):
        matches[query].append(match)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["posting_id", "matches"])
        writer.writerows([name, " ".join(own)] for name, own in sorted(matches.items()))


def _check_out(out: Path) -> None:
    """A folder is replaced only where it is plainly one that this command wrote."""
    known = {"matches.csv", "matches.parquet", "quarantine.csv"}
    if out.is_dir():
        others = sorted(path.name for path in out.iterdir() if path.name not in known)
        if others:
            raise InputError(
                f"--out: {out} holds {others[0]}, which samesku add did not write; name another folder"
            )
    elif out.exists():
        raise InputError(f"--out: {out} is no folder")
