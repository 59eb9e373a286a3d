"""`samesku add`: match new listings against the indexed catalogue and each other."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from samesku import artefacts
from samesku.app.catalogue_index import CatalogueIndex, QueryRows
from samesku.catalogue import reader
from samesku.catalogue.attributes import read_gtins
from samesku.catalogue.columns import show_names
from samesku.catalogue.images import PackedImages
from samesku.catalogue.packing import Packer, store_pictures
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.reader import Row, clean_row
from samesku.catalogue.source import FolderSource, read_table_file
from samesku.embedding.encoder import Content
from samesku.errors import InputError
from samesku.evaluation.decisions import Rules, apply_rules
from samesku.search.exact import group_gallery, search_queries
from samesku.search.fusion import channel_cosines

OUT_FILES = {"matches.csv", "matches.parquet", "quarantine.csv"}


def add_listings(index: CatalogueIndex, table: Path, images: Path | None, out: Path) -> str:
    """Match the listings of `table`, write their matches to the folder `out`, and say how many.

    Args:
        table: of any kind that data.csv may be.
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
        sources = [listing.source for listing in listings]
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
        matches = _match(index, queries, ids, sources, [listing.gtin for listing in listings])
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
        read = reader.read_table(read_table_file(table), quarantine, data.columns, data.encoding)
    except InputError as error:  # it names the key of params.yaml, not this file
        raise InputError(str(error).removeprefix("data.csv: ").replace("data.csv", str(table), 1)) from None
    notes = [note.replace("data.csv", str(table), 1) for note in read.notes]
    if images is None and any(row.image for row in read.rows):
        notes.append(f"{table} names pictures, and they are left out; --images names their folder")
    if images is not None and "image" not in read.columns:
        columns_found = show_names(read.names)
        notes.append(
            f"{table} has no column image, so none of {images} is read (columns found: {columns_found})"
        )
    for note in notes:
        print(f"samesku add: {note}", file=sys.stderr)
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


def _match(
    index: CatalogueIndex, queries: QueryRows, ids: list[str], sources: list[str], gtins: Sequence[str]
) -> pa.Table:
    """query, match, new, score and each channel's similarity, by query, best first; with rules also `rule`.

    A new listing replaces the catalogue's listing of the same id. Ties are in the order of the ids, whether a
    listing is old or new: each listing has its position in that order as row, and −1 if it is replaced.
    A new listing of a shop that the catalogue does not have is of a shop of its own.
    """
    n_old, replaced = len(index), set(ids)
    all_ids = np.array([*index.listings.posting_id, *ids], dtype=object)
    gone = np.array([row < n_old and posting_id in replaced for row, posting_id in enumerate(all_ids)])
    order = np.argsort(all_ids, kind="stable")
    position = np.empty(len(all_ids), np.int32)
    position[order] = np.arange(len(all_ids), dtype=np.int32)
    query_position = position[n_old:]
    position = np.where(gone, np.int32(-1), position)
    new_groups = group_gallery(queries.fused, np.arange(len(ids), dtype=np.int32))
    allowed = index.listings.allowed
    shop = np.concatenate([allowed.shop, allowed.number_shops(sources)])  # old, then new, as all_ids
    if allowed.names:
        new_groups = [replace(group, shop=shop[group.rows + n_old]) for group in new_groups]
        allowed = replace(allowed, shop=shop[order])  # by position
    groups = [replace(group, rows=position[group.rows]) for group in index.mask_groups]
    groups += [replace(group, rows=position[group.rows + n_old]) for group in new_groups]
    k = max(0, min(index.params.index.k, int((~gone).sum()) - 1))
    neighbours = search_queries(queries.fused, query_position, groups, k, allowed, shop[-len(ids) :])
    neighbours = replace(neighbours, query=query_position)
    if index.rules is not None:
        gtin = np.concatenate([index.rules.gtin, read_gtins(gtins)])[order]
        rules = Rules(np.where(gone[order], -1, gtin), index.rules.max_size)
        neighbours = apply_rules(neighbours, rules, allowed)

    neighbours, is_match = index.find_matches(neighbours, groups, allowed)
    query, rank = np.nonzero(is_match)
    row = order[neighbours.neighbour[query, rank]]
    is_new = row >= n_old
    columns = {
        "query": pa.array([ids[i] for i in query], pa.string()),
        "match": pa.array(all_ids[row].tolist(), pa.string()),
        "new": is_new,
        "score": np.minimum(neighbours.score[query, rank], 1),
    }
    if index.rules is not None:
        columns["rule"] = np.isposinf(neighbours.score[query, rank])
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
