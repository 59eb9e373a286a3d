"""`samesku add`: match new listings against the indexed catalogue and each other."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from samesku import artefacts
from samesku.app.catalogue_index import CatalogueIndex, QueryRows
from samesku.catalogue import reader
from samesku.catalogue.images import PackedImages
from samesku.catalogue.packing import Packer, store_pictures
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.reader import Row, clean_row
from samesku.catalogue.source import FolderSource
from samesku.embedding.encoder import Content
from samesku.errors import InputError
from samesku.search.exact import group_by_mask, search_queries
from samesku.search.fusion import channel_cosines
from samesku.search.pictures import search_picture_queries

OUT_FILES = {"matches.csv", "matches.parquet", "quarantine.csv"}


def add_listings(index: CatalogueIndex, table: Path, images: Path | None, out: Path) -> str:
    """Match the listings of the CSV `table`, write their matches to the folder `out`, and say how many.

    Args:
        images: the folder of the pictures that the table names; None: no pictures.

    Raises:
        InputError: the table cannot be used, or `out` is not the folder of an earlier `add`.
    """
    _check_out(out)
    if images is not None and not images.is_dir():
        raise InputError(f"--images: {images} is no folder")
    quarantine = Quarantine()
    with tempfile.TemporaryDirectory() as scratch:
        listings, packed = _read_table(index, table, images, Path(scratch), quarantine)
        ids = [listing.posting_id for listing in listings]
        pictures = PackedImages(packed)
        further = [(row, picture) for row, listing in enumerate(listings) for picture in listing.further]
        owner = np.array([*range(len(ids)), *(row for row, _ in further)], np.int32) if further else None
        hashes = [listing.image_phash for listing in listings]
        queries = index.embed(
            Content(
                [listing.title for listing in listings],
                pictures if len(pictures) else [None] * len(ids),
                hashes + [picture.image_phash for _, picture in further],
            ),
            owner,
        )
    with artefacts.replace_out(out) as partial:
        partial.mkdir(parents=True)
        matches = _match(index, queries, ids)
        pq.write_table(matches, partial / "matches.parquet")
        matched = {posting_id: [posting_id] for posting_id in ids}  # itself, then its matches, best first
        for query, match in zip(matches["query"].to_pylist(), matches["match"].to_pylist(), strict=True):
            matched[query].append(match)
        rows = [{"posting_id": query, "matches": " ".join(matched[query])} for query in sorted(matched)]
        artefacts.write_csv(partial / "matches.csv", rows)
        quarantine.write(partial / "quarantine.csv")
    n_matched = sum(len(row) > 1 for row in matched.values())
    return (
        f"{len(ids)} new listings, {n_matched} with a match, {matches.num_rows} matches, "
        f"{len(quarantine.rows())} rows in quarantine: {out}"
    )


def _read_table(
    index: CatalogueIndex, table: Path, images: Path | None, scratch: Path, quarantine: Quarantine
) -> tuple[list[Row], Path]:
    """The listings of the table by id, as `sample` would store them, and the file of their pictures."""
    data, machine = index.params.data, index.params.machine
    try:
        content = table.read_bytes()
    except OSError as error:
        raise InputError(f"{table} cannot be read ({error.strerror})") from None
    try:
        read = reader.read_table(content, quarantine)
    except InputError as error:  # it names the key of params.yaml, not this file
        raise InputError(str(error).replace("data.csv", str(table), 1)) from None
    rows = [clean_row(row, "title" in read.columns, quarantine) for row in read.rows]
    packer = None
    if images is not None and "image" in read.columns:
        packer = Packer(FolderSource(images, table.name, "."), data.image_size, data.max_pixels)
    packed = scratch / "images.arrow"
    workers = machine.workers if len(rows) > 64 else 0  # few are decoded before a process has started
    listings = store_pictures(rows, packer, packed, scratch / "thumbnails.arrow", workers, quarantine)
    if not listings:
        raise InputError(f"{table}: no listing is left: {quarantine.by_reason()}")
    return listings, packed


def _match(index: CatalogueIndex, queries: QueryRows, ids: list[str]) -> pa.Table:
    """query, match, new, score and each channel's similarity, by query, best first.

    A new listing replaces the catalogue's listing of the same id. Ties are in the order of the ids, whether a
    listing is old or new: each listing has its position in that order as row, and −1 if it is replaced.
    """
    n_old, replaced = len(index), set(ids)
    all_ids = np.array([*index.listings.posting_id, *ids], dtype=object)
    gone = np.array([row < n_old and posting_id in replaced for row, posting_id in enumerate(all_ids)])
    order = np.argsort(all_ids, kind="stable")
    position = np.empty(len(all_ids), np.int32)
    position[order] = np.arange(len(all_ids), dtype=np.int32)
    query_position = position[n_old:]
    position = np.where(gone, np.int32(-1), position)
    k = max(0, min(index.params.index.k, int((~gone).sum()) - 1))
    if index.fused.owner is None and queries.fused.owner is None:
        new_groups = group_by_mask(queries.fused, np.arange(len(ids), dtype=np.int32))
        groups = [replace(group, rows=position[group.rows]) for group in index.mask_groups]
        groups += [replace(group, rows=position[group.rows + n_old]) for group in new_groups]
        neighbours = search_queries(queries.fused, query_position, groups, k)
    else:
        galleries = [(index.fused, position[:n_old]), (queries.fused, position[n_old:])]
        neighbours = search_picture_queries(queries.fused, query_position, galleries, k)

    query, rank = np.nonzero(index.find_matches(neighbours))
    row = order[neighbours.neighbour[query, rank]]
    is_new = row >= n_old
    columns = {
        "query": pa.array([ids[i] for i in query], pa.string()),
        "match": pa.array(all_ids[row].tolist(), pa.string()),
        "new": is_new,
        "score": neighbours.score[query, rank],
    }
    owner, old_owner = queries.owner, index.listings.owner
    to_old = channel_cosines(queries.channels, query[~is_new], row[~is_new], index.channels, owner, old_owner)
    to_new = channel_cosines(queries.channels, query[is_new], row[is_new] - n_old, owner=owner)
    for name in queries.channels:
        columns[name] = np.empty(len(row), np.float32)
        columns[name][~is_new], columns[name][is_new] = to_old[name], to_new[name]
    return pa.table(columns)


def _check_out(out: Path) -> None:
    """Only a folder that this command wrote is replaced."""
    if out.is_dir():
        foreign = sorted(path.name for path in out.iterdir() if path.name not in OUT_FILES)
        if foreign:
            raise InputError(
                f"--out: {out} holds {foreign[0]}, which samesku add did not write; name another folder"
            )
    elif out.exists():
        raise InputError(f"--out: {out} is no folder")
