"""Stage `sample`: read the catalogue, quarantine what is broken, split without leaks, pack the pictures."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesku import artefacts
from samesku.catalogue import reader, sampling, splits
from samesku.catalogue.cleaning import Listing, clean, with_pictures
from samesku.catalogue.leaks import leaks
from samesku.catalogue.packing import Packer
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.source import Source, open_source
from samesku.errors import InputError
from samesku.params import load
from samesku.params.schema import Data, Machine, Split
from samesku.workers.local import Elsewhere

SCHEMA = pa.schema(
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


def sample(
    source: Source,
    data: Data,
    split: Split,
    workers: int | Elsewhere,
    images: Path,
    thumbnails: Path,
    quarantine: Quarantine,
) -> tuple[pa.Table, dict[str, Any]]:
    """Turn a catalogue into the listings that all later stages work on.

    Args:
        source: the catalogue.
        data, split: the groups of params.yaml.
        workers: processes that decode pictures, or workers elsewhere; the results do not depend on it.
        images, thumbnails: where to write the packed pictures, and small ones for people.
        quarantine: takes every fault of a row that was looked at; of use even where the sample is refused.

    Returns:
        listings.parquet as a table (SCHEMA), and the summary.

    Raises:
        InputError: the table cannot be used, too many rows are at fault, or none is left.
    """
    table = reader.read(source.table(), quarantine)
    taken = sampling.take([row.label_group for row in table.rows], data.n_listings, data.sample_by, data.seed)
    rows = [clean(table.rows[i], "title" in table.columns, quarantine) for i in taken]
    if split.by == "column":
        _check_split_column(rows, table.columns)

    def refuse_faulty() -> None:
        share = quarantine.share(total=table.total, readable=len(table.rows), taken=len(rows))
        if share > data.max_quarantined:
            raise InputError(
                f"{share:.1%} of the rows are at fault, above data.max_quarantined {data.max_quarantined:g}: "
                f"{quarantine.by_reason()}; {artefacts.QUARANTINE} lists each"
            )

    refuse_faulty()  # before the long part
    pictures = data.images is not None and "image" in table.columns
    packer = Packer(source, data.image_size, data.max_pixels) if pictures else None
    listings = with_pictures(rows, packer, images, thumbnails, workers, quarantine)
    refuse_faulty()
    if not listings:
        raise InputError(f"no listing is left: {quarantine.by_reason()}; {artefacts.QUARANTINE} lists each")

    component = splits.components(
        [listing.source.label_group for listing in listings],
        [
            listing.source.image for listing in listings
        ],  # a name ties listings even where its file is not here
        [listing.image_phash for listing in listings],
    )
    split_of = _assign(listings, component, split)
    columns = [
        [listing.source.row for listing in listings],
        [listing.source.posting_id for listing in listings],
        [listing.title for listing in listings],
        [listing.source.image if listing.has_image else "" for listing in listings],
        [listing.image_phash for listing in listings],
        [listing.source.label_group or None for listing in listings],
        component,
        split_of,
        [listing.has_image for listing in listings],
    ]
    return pa.table(columns, SCHEMA), _summary(listings, component, split_of, table.total, quarantine)


def _assign(listings: list[Listing], component: NDArray[np.int32], split: Split) -> list[str]:
    if split.by == "column":
        return [listing.source.split for listing in listings]
    labels = [listing.source.label_group for listing in listings]
    groups = component if split.by == "component" else sampling.products(labels)
    return splits.assign(groups, split.shares.model_dump(), split.seed).tolist()


def _check_split_column(rows: list[reader.Row], columns: frozenset[str]) -> None:
    allowed = ", ".join(splits.SPLITS)
    if "split" not in columns:
        raise InputError(f"split.by is column, but data.csv has no column split; allowed in it: {allowed}")
    bad = sorted(row for row in rows if row.split not in splits.SPLITS)
    if bad:
        raise InputError(
            f"data.csv: split is {bad[0].split!r} in row {bad[0].row}, and wrong in {len(bad) - 1} others; "
            f"allowed with split.by column: {allowed}"
        )


def _summary(
    listings: list[Listing],
    component: NDArray[np.int32],
    split_of: list[str],
    total: int,
    quarantine: Quarantine,
) -> dict[str, Any]:
    """The counts that evaluate and compare report; every value is a finite number."""
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
        **{name: split_of.count(name) for name in splits.SPLITS},
        "leaks": leaks(
            np.array(split_of) == "test",
            label=labels,
            image=[listing.source.image for listing in listings],
            phash=[listing.image_phash for listing in listings],
            title=[listing.title for listing in listings],
        ),
    }


def main() -> str:
    """Run the stage as params.yaml says; returns the one-line summary."""
    settings = load()
    data = settings.data
    quarantine = Quarantine()
    source = open_source(data.source, data.csv, data.images)
    try:
        with (
            artefacts.replacing(artefacts.IMAGES) as images,
            artefacts.replacing(artefacts.THUMBNAILS) as small,
            artefacts.replacing(artefacts.LISTINGS) as table,
            _workers(settings.machine) as workers,
        ):
            listings, summary = sample(source, data, settings.split, workers, images, small, quarantine)
            pq.write_table(listings, table)
    except InputError:
        _write(quarantine)  # what the refusal points to
        raise
    _write(quarantine)
    artefacts.write_json(artefacts.SUMMARY, summary)
    return (
        f"{summary['listings']} listings of {summary['products']} products, {summary['pictures']} pictures, "
        f"{summary['train']} train / {summary['val']} val / {summary['test']} test, "
        f"largest connected component {summary['largest_component']}; "
        f"{summary['quarantined']} rows in quarantine"
        + (f" ({quarantine.by_reason()})" if quarantine.entries else "")
    )


def _workers(machine: Machine) -> AbstractContextManager[int | Elsewhere]:
    if machine.engine == "local":
        return nullcontext(machine.workers)
    from samesku.workers.ray_decoding import workers

    return workers(machine)


def _write(quarantine: Quarantine) -> None:
    with artefacts.replacing(artefacts.QUARANTINE) as path:
        quarantine.write(path)


if __name__ == "__main__":
    artefacts.run("sample", main)
