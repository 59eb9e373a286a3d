"""Cells as sellers wrote them -> titles, pictures and hashes that the later stages can rely on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from samesku.catalogue.images import writing
from samesku.catalogue.packing import Packed, Packer, Wanted, pack
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
from samesku.workers.local import Elsewhere


@dataclass(frozen=True)
class Listing:
    """A row with something left to compare; `source.image` is the name of a picture, packed or not."""

    source: Row
    title: str
    image_phash: str
    has_image: bool


def clean(row: Row, has_title: bool, quarantine: Quarantine) -> Row:
    """Normalise the title, check the given hash.

    Args:
        has_title: whether the table has that column; where it has not, its absence is no fault of the row.

    Returns:
        the row; title normalised, "" where missing; image_phash 16 lower-case hex digits, or "".
    """

    def fault(reason: str) -> None:
        quarantine.add(row.row, row.posting_id, row.image, reason)

    title = normalise(row.title)
    if any("\udc80" <= c <= "\udcff" for c in row.title):
        fault(TITLE_BYTES)
    if not title and has_title:
        fault(TITLE_EMPTY)
    given = row.image_phash.strip().lower()
    if given and not is_hash(given):
        fault(HASH_BAD)
    elif is_flat(given):
        fault(HASH_FLAT)
    return row._replace(title=title, image_phash=given if is_hash(given) and not is_flat(given) else "")


def with_pictures(
    rows: list[Row],
    packer: Packer | None,
    out: Path,
    thumbnails: Path,
    workers: int | Elsewhere,
    quarantine: Quarantine,
) -> list[Listing]:
    """Pack the rows' pictures into `out` and `thumbnails`, and compute the hashes that are not given.

    Args:
        rows: cleaned.
        packer: None for a catalogue without pictures.

    Returns:
        the rows that have a title, a picture or a hash, in their order; the others go to quarantine.
    """
    outcomes = [Packed("", "")] * len(rows)
    if packer is None:
        with writing(out), writing(thumbnails):
            pass
    else:
        wanted = [Wanted(row.image, not row.image_phash, bool(row.title or row.image_phash)) for row in rows]
        outcomes = pack(out, thumbnails, wanted, packer, workers)
    listings = []
    for row, outcome in zip(rows, outcomes, strict=True):
        if outcome.fault:
            quarantine.add(row.row, row.posting_id, row.image, outcome.fault)
        if is_flat(outcome.phash):
            quarantine.add(row.row, row.posting_id, row.image, HASH_FLAT)
        computed = "" if is_flat(outcome.phash) else outcome.phash
        listing = Listing(
            row, row.title, row.image_phash or computed, packer is not None and not outcome.fault
        )
        if listing.title or listing.image_phash or listing.has_image:
            listings.append(listing)
        else:
            quarantine.add(row.row, row.posting_id, row.image, ROW_NOTHING)
    return listings
