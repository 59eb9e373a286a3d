"""Cells as sellers wrote them -> titles, pictures and hashes on which the later stages can rely."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from samesku.catalogue.images import open_writer
from samesku.catalogue.packing import Packer, PackRequest, PackResult, pack_pictures
from samesku.catalogue.phash import is_flat, is_hash
from samesku.catalogue.quarantine import (
    HASH_BAD,
    HASH_FLAT,
    ROW_NOTHING,
    TITLE_BYTES,
    TITLE_EMPTY,
    Quarantine,
)
from samesku.catalogue.reader import Row
from samesku.catalogue.titles import normalise
from samesku.workers.local import Workers


@dataclass(frozen=True)
class Listing:
    """A row with something left to compare; `source.image` is the name of a picture, stored or not."""

    source: Row
    title: str
    image_phash: str
    has_image: bool


def clean_row(row: Row, has_title: bool, quarantine: Quarantine) -> Row:
    """Normalise the title and check the given hash.

    Args:
        has_title: whether the table has that column; where it has not, its absence is no fault of the row.

    Returns:
        the row, with its title normalised ("" where missing) and image_phash 16 lower-case hex digits, or "".
    """

    def add(reason: str) -> None:
        quarantine.add(row.row, row.posting_id, row.image, reason)

    title = normalise(row.title)
    if any("\udc80" <= c <= "\udcff" for c in row.title):
        add(TITLE_BYTES)
    if not title and has_title:
        add(TITLE_EMPTY)
    phash = row.image_phash.strip().lower()
    if phash and not is_hash(phash):
        add(HASH_BAD)
    elif is_flat(phash):
        add(HASH_FLAT)
    return row._replace(title=title, image_phash=phash if is_hash(phash) and not is_flat(phash) else "")


def store_pictures(
    rows: list[Row],
    packer: Packer | None,
    images: Path,
    thumbnails: Path,
    workers: Workers,
    quarantine: Quarantine,
) -> list[Listing]:
    """Store the rows' pictures in `images` and `thumbnails`, and compute the hashes that are not given.

    Args:
        rows: cleaned. packer: None for a catalogue without pictures.

    Returns:
        the rows that have a title, a picture or a hash, in their order; the others go to quarantine.
    """
    results = [PackResult("", "")] * len(rows)
    if packer is None:
        with open_writer(images), open_writer(thumbnails):
            pass
    else:
        requests = [
            PackRequest(row.image, not row.image_phash, bool(row.title or row.image_phash)) for row in rows
        ]
        results = pack_pictures(images, thumbnails, requests, packer, workers)
    listings = []
    for row, result in zip(rows, results, strict=True):
        if result.fault:
            quarantine.add(row.row, row.posting_id, row.image, result.fault)
        if is_flat(result.phash):
            quarantine.add(row.row, row.posting_id, row.image, HASH_FLAT)
        computed = "" if is_flat(result.phash) else result.phash
        has_image = packer is not None and not result.fault
        listing = Listing(row, row.title, row.image_phash or computed, has_image)
        if listing.title or listing.image_phash or listing.has_image:
            listings.append(listing)
        else:
            quarantine.add(row.row, row.posting_id, row.image, ROW_NOTHING)
    return listings
