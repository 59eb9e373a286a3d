"""Cells as sellers wrote them -> titles, hashes and labels that the later stages can rely on."""

from __future__ import annotations

import pandas as pd

from stages.catalogue.phash import is_flat, is_hash
from stages.catalogue.quarantine import HASH_BAD, HASH_FLAT, TITLE_BYTES, TITLE_EMPTY, Quarantine
from stages.catalogue.titles import normalise


def clean(rows: pd.DataFrame, columns: frozenset[str], quarantine: Quarantine) -> pd.DataFrame:
    """Normalise titles, check given hashes, blank what is at fault.

    Args:
        rows: of reader.Table.
        columns: the names in the table's header; a column that is not there is no fault of its rows.

    Returns:
        the same rows; title normalised, "" where missing; image_phash 16 lower-case hex digits or "";
        label_group and split without outer white space, None where empty.
    """
    titles, hashes = [], []
    for row in rows.itertuples(index=False):
        title = normalise(row.title)
        if any("\udc80" <= c <= "\udcff" for c in row.title):
            quarantine.add(row.row, row.posting_id, row.image, TITLE_BYTES)
        if not title and "title" in columns:
            quarantine.add(row.row, row.posting_id, row.image, TITLE_EMPTY)
        given = row.image_phash.strip().lower()
        if given and not (is_hash(given) and not is_flat(given)):
            quarantine.add(row.row, row.posting_id, row.image, HASH_FLAT if is_hash(given) else HASH_BAD)
            given = ""
        titles.append(title)
        hashes.append(given)
    return rows.assign(
        title=titles,
        image_phash=hashes,
        label_group=rows["label_group"].map(_label).astype(object),
        split=rows["split"].map(_label).astype(object),
    )


def _label(cell: str) -> str | None:
    """Bytes that are not UTF-8 are escaped: equal bytes stay one label."""
    return cell.strip().encode("utf-8", "backslashreplace").decode("utf-8") or None
