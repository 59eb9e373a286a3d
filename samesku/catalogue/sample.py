"""The sample: clean listings with their components and splits as one table, and what is counted of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from samesku.catalogue.cleaning import Listing
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.reader import Row
from samesku.catalogue.splits import SPLITS, assign_splits, count_leaks, number_products
from samesku.errors import InputError
from samesku.params.schema import Split

LISTINGS_SCHEMA = pa.schema(
    {
        "row": pa.int32(),
        "posting_id": pa.string(),
        "title": pa.string(),
        "image": pa.string(),
        "image_phash": pa.string(),
        "label_group": pa.string(),
        "component": pa.int32(),
        "split": pa.string(),
        "has_image": pa.bool_(),
    }
)


def check_split_column(rows: Sequence[Row], columns: frozenset[str]) -> None:
    """Check that the table says of each row which split it is in.

    Raises:
        InputError: it has no column `split`, or another word in it than train, val and test.
    """
    allowed = ", ".join(SPLITS)
    if "split" not in columns:
        raise InputError(f"split.by is column, but data.csv has no column split; allowed in it: {allowed}")
    wrong = sorted(row for row in rows if row.split not in SPLITS)
    if wrong:
        raise InputError(
            f"data.csv: split is {wrong[0].split!r} in row {wrong[0].row}, and wrong in {len(wrong) - 1} others; "
            f"allowed with split.by column: {allowed}"
        )


def split_listings(listings: Sequence[Listing], component: NDArray[np.int32], params: Split) -> list[str]:
    """The split of each listing: by its component, by its product, or as the table's own column says."""
    if params.by == "column":
        return [listing.source.split for listing in listings]
    labels = [listing.source.label_group for listing in listings]
    groups = component if params.by == "component" else number_products(labels)
    return assign_splits(groups, params.shares.model_dump(), params.seed).tolist()


def listings_table(
    listings: Sequence[Listing], component: NDArray[np.int32], split: Sequence[str]
) -> pa.Table:
    """listings.parquet, with the columns of LISTINGS_SCHEMA."""
    columns = [
        [listing.source.row for listing in listings],
        [listing.source.posting_id for listing in listings],
        [listing.title for listing in listings],
        [listing.source.image if listing.has_image else "" for listing in listings],
        [listing.image_phash for listing in listings],
        [listing.source.label_group or None for listing in listings],
        component,
        split,
        [listing.has_image for listing in listings],
    ]
    return pa.table(columns, LISTINGS_SCHEMA)


def summarise_sample(
    listings: Sequence[Listing],
    component: NDArray[np.int32],
    split: Sequence[str],
    total: int,
    quarantine: Quarantine,
) -> dict[str, Any]:
    """summary.json: counts that later stages report; every value is a finite number."""
    labels = [listing.source.label_group for listing in listings]
    return {
        "rows": total,
        "listings": len(listings),
        "quarantined": len(quarantine.rows()),
        "products": len(set(labels) - {""}),
        "unlabelled": labels.count(""),
        "pictures": sum(listing.has_image for listing in listings),
        "titles": sum(bool(listing.title) for listing in listings),
        "hashes": sum(bool(listing.image_phash) for listing in listings),
        "components": int(component.max()) + 1,
        "largest_component": int(np.bincount(component).max()),
        **{name: list(split).count(name) for name in SPLITS},
        "leaks": count_leaks(
            np.array(split) == "test",
            label=labels,
            image=[listing.source.image for listing in listings],
            phash=[listing.image_phash for listing in listings],
            title=[listing.title for listing in listings],
        ),
    }


def describe_sample(summary: dict[str, Any], quarantine: Quarantine) -> str:
    """The sample in one line."""
    reasons = f" ({quarantine.by_reason()})" if quarantine.entries else ""
    return (
        f"{summary['listings']} listings of {summary['products']} products, {summary['pictures']} pictures, "
        f"{summary['train']} train / {summary['val']} val / {summary['test']} test, "
        f"largest connected component {summary['largest_component']}; "
        f"{summary['quarantined']} rows in quarantine{reasons}"
    )
