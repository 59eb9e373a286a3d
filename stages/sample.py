"""Stage `sample`: read the catalogue, quarantine what is broken, split it without leaks, pack the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stages import artefacts
from stages.catalogue import reader, sampling, splits
from stages.catalogue.cleaning import clean
from stages.catalogue.images import writing
from stages.catalogue.leaks import leaks
from stages.catalogue.packing import Packed, Packer, Wanted, pack
from stages.catalogue.phash import is_flat
from stages.catalogue.quarantine import HASH_FLAT, ROW_NOTHING, Quarantine
from stages.catalogue.source import Source, open_source
from stages.settings import Refused, load
from stages.settings.schema import Data, Split

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


@dataclass(frozen=True)
class Share:
    """Of the source's rows, how many are at fault: bad ids among all rows, other faults among the rows taken."""

    total: int
    readable: int
    taken: int

    def check(self, quarantine: Quarantine, limit: float) -> None:
        """Raises Refused above `limit`."""
        faulty = len(quarantine.rows()) - (self.total - self.readable)
        share = 1 - self.readable / self.total * (1 - faulty / max(self.taken, 1))
        if share > limit:
            raise Refused(
                f"{share:.1%} of the rows are at fault, above data.max_quarantined {limit:g}: "
                f"{quarantine.by_reason()}; each is listed in {artefacts.QUARANTINE}"
            )


def sample(
    source: Source, data: Data, split: Split, workers: int, images: Path, quarantine: Quarantine
) -> tuple[pa.Table, dict[str, Any]]:
    """Turn a catalogue into the listings that all later stages work on.

    Args:
        source: the catalogue.
        data, split: the groups of params.yaml.
        workers: processes that decode pictures; the results do not depend on it.
        images: where to write the packed pictures.
        quarantine: takes every fault of a row that was asked for; of use even where the sample is refused.

    Returns:
        listings.parquet as a table (SCHEMA), and the summary.

    Raises:
        Refused: the table cannot be used, too many rows are at fault, or none is left.
    """
    table = reader.read(source.table(), quarantine)
    labels = table.rows["label_group"].map(lambda cell: cell.strip() or None)
    taken = table.rows.iloc[sampling.take(list(labels), data.n_listings, data.sample_by, data.seed)]
    share = Share(table.total, len(table.rows), len(taken))
    rows = clean(taken, table.columns, quarantine).reset_index(drop=True)
    share.check(quarantine, data.max_quarantined)  # before the long part

    pictures = data.images is not None and "image" in table.columns
    kept = _with_pictures(rows, source, data, workers, images, quarantine, pictures)
    share.check(quarantine, data.max_quarantined)
    if kept.empty:
        raise Refused(
            f"no listing is left: {quarantine.by_reason() or 'the table has no rows with a posting_id'}"
        )

    component = splits.components(kept["label_group"], kept["named"], kept["image_phash"])
    kept = kept.assign(component=component, split=_split(kept, component, split, table.columns))
    summary = _summary(kept, table.total, quarantine)
    return pa.Table.from_pandas(kept[SCHEMA.names], SCHEMA, preserve_index=False), summary


def _with_pictures(
    rows: pd.DataFrame,
    source: Source,
    data: Data,
    workers: int,
    images: Path,
    quarantine: Quarantine,
    pictures: bool,
) -> pd.DataFrame:
    """Pack the pictures; add `has_image`, computed hashes and `named` (the file as the seller named it, which
    ties listings even where the file is not here); drop the rows that have nothing left."""
    stays = (rows["title"] != "") | (rows["image_phash"] != "")
    outcomes = [Packed("", "")] * len(rows)
    if pictures:
        wanted = [
            Wanted(name, not hash_, bool(stay))
            for name, hash_, stay in zip(rows["image"], rows["image_phash"], stays, strict=True)
        ]
        packer = Packer(source, data.image_size, data.max_pixels)
        outcomes = pack(images, wanted, packer, workers)
    else:
        with writing(images):
            pass
    hashes = []
    for row, outcome in zip(rows.itertuples(index=False), outcomes, strict=True):
        if outcome.fault:
            quarantine.add(row.row, row.posting_id, row.image, outcome.fault)
        hash_ = row.image_phash or outcome.phash
        if is_flat(hash_):
            quarantine.add(row.row, row.posting_id, row.image, HASH_FLAT)
            hash_ = ""
        hashes.append(hash_)
    has_image = pd.Series(
        [pictures and not outcome.fault for outcome in outcomes], index=rows.index, dtype=bool
    )
    stays |= has_image
    for row in rows[~stays].itertuples(index=False):
        quarantine.add(row.row, row.posting_id, row.image, ROW_NOTHING)
    named = rows["image"]
    image = named.where(has_image, "")
    return rows.assign(image_phash=hashes, has_image=has_image, named=named, image=image)[stays]


def _split(kept: pd.DataFrame, component: Any, split: Split, columns: frozenset[str]) -> Any:
    if split.by == "column":
        if "split" not in columns:
            raise Refused(
                "split.by is column, but data.csv has no column split; allowed: component, label_group"
            )
        bad = kept[~kept["split"].isin(splits.SPLITS)]
        if len(bad):
            first = bad.sort_values("row").iloc[0]
            raise Refused(
                f"data.csv: split is {first['split'] or ''!r} in row {first['row']} (and in {len(bad) - 1} more); "
                f"allowed with split.by column: {', '.join(splits.SPLITS)}"
            )
        return kept["split"]
    groups = component if split.by == "component" else sampling.products(list(kept["label_group"]))
    return splits.assign(groups, split.shares.model_dump(), split.seed)


def _summary(kept: pd.DataFrame, total: int, quarantine: Quarantine) -> dict[str, Any]:
    """The counts that evaluate and compare report; every value is a finite number."""
    found: Mapping[str, int] = kept["split"].value_counts()
    return {
        "rows": total,
        "listings": len(kept),
        "quarantined": len(quarantine.rows()),
        "products": int(kept["label_group"].nunique()),
        "unlabelled": int(kept["label_group"].isna().sum()),
        "pictures": int(kept["has_image"].sum()),
        "titles": int((kept["title"] != "").sum()),
        "hashes": int((kept["image_phash"] != "").sum()),
        "components": int(kept["component"].nunique()),
        "largest_component": int(kept["component"].value_counts().max()),
        **{name: int(found.get(name, 0)) for name in splits.SPLITS},
        "leaks": leaks(
            (kept["split"] == "test").to_numpy(),
            label=list(kept["label_group"]),
            image=list(kept["named"]),
            phash=list(kept["image_phash"]),
            title=list(kept["title"]),
        ),
    }


def main() -> str:
    """Run the stage as params.yaml says; returns the one-line summary."""
    settings = load()
    data = settings.data
    quarantine = Quarantine()
    source = open_source(Path(data.source), data.csv, data.images)
    try:
        with (
            artefacts.replacing(artefacts.IMAGES) as images,
            artefacts.replacing(artefacts.LISTINGS) as listings,
        ):
            table, summary = sample(
                source, data, settings.split, settings.machine.workers, images, quarantine
            )
            pq.write_table(table, listings)
    finally:  # a refusal points to it
        with artefacts.replacing(artefacts.QUARANTINE) as path:
            quarantine.write(path)
    artefacts.write_json(artefacts.SUMMARY, summary)
    return (
        f"{summary['listings']} listings of {summary['products']} products, {summary['pictures']} pictures, "
        f"{summary['train']} train / {summary['val']} val / {summary['test']} test; "
        f"{summary['quarantined']} rows in quarantine{': ' if quarantine.entries else ''}{quarantine.by_reason()}"
    )


if __name__ == "__main__":
    artefacts.run("sample", main)
