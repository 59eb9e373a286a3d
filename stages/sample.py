"""sample: read the catalogue, quarantine what is broken, split it without leaks, store the pictures small.

    python -m stages.sample

Reads the catalogue of `data.source`. Writes data/sample/: listings.parquet, images.arrow (pictures for the
networks), thumbnails.arrow (pictures for people), quarantine.csv and summary.json; where listings have several
pictures, pictures.parquet too, which lists all but the first of each.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from samesku import artefacts
from samesku.catalogue import sample
from samesku.catalogue.further import FILE, FurtherPicture, write_further
from samesku.catalogue.open_source import open_source
from samesku.catalogue.packing import Packer, store_pictures
from samesku.catalogue.picture_store import picture_folder
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.reader import clean_row, read_table
from samesku.catalogue.source import Source
from samesku.errors import InputError
from samesku.params import load_params
from samesku.params.schema import Data, Split
from samesku.store import prune
from samesku.workers.local import Workers, open_workers


def make_sample(
    source: Source,
    data: Data,
    split: Split,
    workers: Workers,
    images: Path,
    thumbnails: Path,
    quarantine: Quarantine,
    store: Path | None = None,
) -> tuple[pa.Table, list[tuple[FurtherPicture, ...]], dict[str, Any]]:
    """Turn a catalogue into the listings on which all later stages work.

    Args:
        workers: what decodes pictures. images, thumbnails: where to store them.
        quarantine: takes every fault of a row that was read, also where the sample is refused.
        store: the folder of `machine.store`; pictures that are there are not decoded again.

    Returns:
        listings.parquet as a table, the further pictures of each listing, and the summary.

    Raises:
        InputError: the table cannot be used, too many rows have a fault, or no listing is left.
    """
    table = read_table(source.table(), quarantine, data.columns, data.encoding)
    for note in [*table.notes, *sample.describe_missing_pictures(table, data.images)]:
        print(f"sample: {note.replace('data.csv', data.csv, 1)}", file=sys.stderr)
    taken = sample.take_listings(
        [row.label_group for row in table.rows], data.n_listings, data.sample_by, data.seed
    )
    rows = [clean_row(table.rows[i], "title" in table.columns, quarantine) for i in taken]
    if split.by == "column":
        sample.check_split_column(rows, table.columns)

    check_share = partial(
        quarantine.check_share,
        total=table.total,
        readable=len(table.rows),
        taken=len(rows),
        most=data.max_quarantined,
        file=artefacts.QUARANTINE,
    )
    check_share()  # before the long part
    has_pictures = data.images is not None and "image" in table.columns
    stored = picture_folder(store, data)
    packer = Packer(source, data.image_size, data.max_pixels, stored) if has_pictures else None
    listings = store_pictures(rows, packer, images, thumbnails, workers, quarantine)
    check_share()
    if not listings:
        raise InputError(f"no listing is left: {quarantine.by_reason()}; {artefacts.QUARANTINE} lists each")

    # A picture's name joins listings even where its file is missing.
    component = sample.find_components(
        [listing.label_group for listing in listings],
        [listing.files for listing in listings],
        [listing.hashes for listing in listings],
    )
    split_of = sample.split_listings(listings, component, split)
    summary = sample.summarise_sample(listings, component, split_of, table.total, quarantine)
    further = [listing.further for listing in listings]
    return sample.listings_table(listings, component, split_of), further, summary


def main() -> str:
    params, quarantine = load_params(), Quarantine()
    store = params.machine.store_folder()
    source = open_source(params.data.source, params.data.csv, params.data.images)
    try:
        with (
            artefacts.replace_out(artefacts.IMAGES) as images,
            artefacts.replace_out(artefacts.THUMBNAILS) as thumbnails,
            open_workers(params.machine) as workers,
        ):
            listings, further, summary = make_sample(
                source, params.data, params.split, workers, images, thumbnails, quarantine, store
            )
            artefacts.write_table(artefacts.LISTINGS, listings)
            write_further(artefacts.SAMPLE / FILE, further)
    except InputError as error:
        quarantine.write(artefacts.QUARANTINE)  # the message points to this file
        raise InputError(f"{error}{sample.describe_earlier(artefacts.PREDICTIONS)}") from None
    quarantine.write(artefacts.QUARANTINE)
    artefacts.write_json(artefacts.SUMMARY, summary)
    prune(store, params.machine.store_bytes)
    return sample.describe_sample(summary, quarantine)


if __name__ == "__main__":
    artefacts.run_stage("sample", main)
