"""From clean listings to the sample: which are taken, which stand together, their splits, what is counted."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from samesku.arrays import Bools, Int32, Int64, Ints, Strings
from samesku.catalogue.attributes import count_gtins
from samesku.catalogue.columns import show_names
from samesku.catalogue.picture import any_near, to_uint64
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.reader import ATTRIBUTES, Row, Table
from samesku.errors import InputError
from samesku.params.schema import Split
from samesku.store import content_key

SPLITS = ("train", "val", "test")
#: Hashes that differ in at most so many bits are, as a rule, of one picture saved twice.
NEAR_BITS = 4
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
#: Further columns of listings.parquet, where any listing has a value: a catalogue without them embeds nothing anew.
OPTIONAL_COLUMNS = ("source", *ATTRIBUTES)


def take_listings(labels: Sequence[str], n: int | None, by: str, seed: int) -> Int64:
    """Draw about `n` listings by whole products, or exactly `n` single ones.

    Products (an unlabelled listing is one by itself) are shuffled and taken from the front. The number of
    products is the one whose listings come closest to `n`, the smaller of two equally close, at least one.

    Args:
        labels: the label of each of N listings ("": none), in an order that does not depend on the source's.
        n: listings asked for; None, or N and more, takes all. by: "product" or "listing".

    Returns:
        int, ascending places in `labels`.
    """
    if n is None or n >= len(labels):
        return np.arange(len(labels))
    rng = np.random.default_rng(seed)
    if by == "listing":
        return np.sort(rng.permutation(len(labels))[:n])
    product = number_products(labels)
    order = rng.permutation(product.max() + 1)
    listings_so_far = np.cumsum(np.bincount(product)[order])
    taken = order[: np.abs(listings_so_far - n).argmin() + 1]
    return np.flatnonzero(np.isin(product, taken))


def number_products(labels: Sequence[str]) -> Int64:
    """A number for each product, by first appearance, and for each unlabelled listing: int (N,), from 0."""
    number: dict[str | int, int] = {}
    return np.array(
        [number.setdefault(label or i, len(number)) for i, label in enumerate(labels)], dtype=np.intp
    )


#: Of each listing one value, or several; "" is none.
Values = Sequence[str] | Sequence[tuple[str, ...]]


def _each_value(values: Values) -> Iterator[tuple[int, str]]:
    """Each listing, from 0, with each of its values."""
    for listing, value in enumerate(values):
        for one in (value,) if isinstance(value, str) else value:
            if one:
                yield listing, one


def find_components(*keys: Values) -> Int32:
    """The connected component of each listing, by shared values: int32 (N,), from 0 by first appearance.

    Args:
        keys: each the values of N listings.
    """
    n = len(keys[0])
    # A graph of listings and values: an edge where a listing has a value.
    node: dict[tuple[int, str], int] = {}
    edges = [
        (i, node.setdefault((which, value), n + len(node)))
        for which, key in enumerate(keys)
        for i, value in _each_value(key)
    ]
    ends = np.array(edges, dtype=np.int32).reshape(-1, 2).T
    size = n + len(node)
    graph = coo_array((np.ones(ends.shape[1], dtype=np.int8), (ends[0], ends[1])), shape=(size, size))
    component = connected_components(graph, directed=False)[1][:n]
    _, first, number = np.unique(component, return_index=True, return_inverse=True)
    return first.argsort().argsort()[number].astype(np.int32)


def assign_splits(groups: Ints, shares: Mapping[str, float], seed: int) -> Strings:
    """Assign whole groups to train, val and test: the split of each listing, str (N,).

    The groups are laid end to end in a seeded order, and a group goes where its middle falls. So a border is off
    by half a group at most, and groups of every size are as likely in every split.

    Args:
        groups: (N,), 0 to G − 1. shares: of "train", "val" and "test", with sum 1.
    """
    sizes = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(len(sizes))
    ends = np.cumsum(sizes[order])
    middles = (ends - sizes[order] / 2) / max(len(groups), 1)
    splits = [split for split in SPLITS if shares[split] > 0]
    borders = np.cumsum([shares[split] for split in splits])[:-1]
    of_group = np.empty(len(sizes), dtype="<U5")
    of_group[order] = np.array(splits)[np.searchsorted(borders, middles)]
    return of_group[groups]


def assign_by_name(
    groups: Ints, names: Sequence[tuple[int, str]], shares: Mapping[str, float], seed: int
) -> list[str]:
    """As `assign_splits`, but the lowest name in a group alone says where the group goes: N splits.

    So a group stays where it is when other groups come or go. Each goes to a split with the probability of its share.

    Args:
        names: a name for each of N listings; those of equal names are in one group.
    """
    lowest: dict[int, tuple[int, str]] = {}
    for group, name in zip(groups.tolist(), names, strict=True):
        lowest[group] = min(lowest.get(group, name), name)
    splits = [split for split in SPLITS if shares[split] > 0]
    borders = np.cumsum([shares[split] for split in splits])[:-1]
    texts = [f"{seed} {kind} {name}".encode("utf-8", "surrogatepass") for kind, name in lowest.values()]
    places = np.array([int.from_bytes(content_key(text)[:6], "little") for text in texts]) / 2**48
    split = np.array(splits)[np.searchsorted(borders, places, side="right")].tolist()
    of_group = dict(zip(lowest, split, strict=True))
    return [of_group[group] for group in groups.tolist()]


def count_leaks(test: Bools, *, label: Values, image: Values, phash: Values, title: Values) -> dict[str, int]:
    """Count the test listings that share a value with a listing of train or val.

    Args:
        test: bool (N,), the listings of test; the others are train or val.
        label, image, phash, title: the values of N listings.

    Returns:
        counts under label, image, phash and title; near_phash: within NEAR_BITS of a hash, equal ones included;
        largest: of the five.
    """
    columns = {"label": label, "image": image, "phash": phash, "title": title}
    counts = {name: int(_shared(test, values).sum()) for name, values in columns.items()}
    counts["near_phash"] = int(_near(test, phash).sum())
    return counts | {"largest": max(counts.values())}


def _shared(test: Bools, values: Values) -> Bools:
    outside = {value for listing, value in _each_value(values) if not test[listing]}
    shared = np.zeros(len(test), bool)
    shared[[listing for listing, value in _each_value(values) if test[listing] and value in outside]] = True
    return shared


def _near(test: Bools, phash: Values) -> Bools:
    """bool (N,): the test listings with a hash near to one of train or val."""
    each = list(_each_value(phash))
    listing = np.array([listing for listing, _ in each], dtype=np.intp)
    hashes, _ = to_uint64([value for _, value in each])
    is_test = test[listing]
    test_hashes, inverse = np.unique(hashes[is_test], return_inverse=True)
    near = any_near(test_hashes, np.unique(hashes[~is_test]), NEAR_BITS)
    result = np.zeros(len(test), dtype=bool)
    result[listing[is_test][near[inverse]]] = True
    return result


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


def describe_missing_pictures(table: Table, images: str | None) -> list[str]:
    """A sentence where pictures are asked for, in the folder `images`, and the table names none."""
    if images is None or "image" in table.columns:
        return []
    return [
        f"data.csv has no column image, so no pictures are read from {images} (columns found: "
        f"{show_names(table.names)}); name yours in data.columns, or leave data.images empty"
    ]


def split_listings(listings: Sequence[Row], component: Int32, params: Split) -> list[str]:
    """The split of each listing: by its component, by its product, or as the table's own column says."""
    if params.by == "column":
        return [listing.split for listing in listings]
    labels = [listing.label_group for listing in listings]
    if params.by == "stable":
        names = [
            (0, listing.label_group) if listing.label_group else (1, listing.posting_id)
            for listing in listings
        ]
        return assign_by_name(component, names, params.shares.model_dump(), params.seed)
    groups = component if params.by == "component" else number_products(labels)
    return assign_splits(groups, params.shares.model_dump(), params.seed).tolist()


def listings_table(listings: Sequence[Row], component: Int32, split: Sequence[str]) -> pa.Table:
    """listings.parquet: the columns of LISTINGS_SCHEMA, and those of OPTIONAL_COLUMNS that hold something."""
    columns: dict[str, Any] = dict(zip(Row._fields, zip(*listings, strict=True), strict=True))
    columns |= {
        "image": [listing.image if listing.has_image else "" for listing in listings],
        "label_group": [label or None for label in columns["label_group"]],
        "component": component,
        "split": split,
    }
    present = [name for name in OPTIONAL_COLUMNS if any(columns[name])]
    schema = LISTINGS_SCHEMA
    for name in present:
        schema = schema.append(pa.field(name, pa.string()))
    return pa.table({name: columns[name] for name in schema.names}, schema)


def summarise_sample(
    listings: Sequence[Row], component: Int32, split: Sequence[str], total: int, quarantine: Quarantine
) -> dict[str, Any]:
    """summary.json: counts that later stages report; every value is a finite number."""
    labels = [listing.label_group for listing in listings]
    gtins, unusable = count_gtins([listing.gtin for listing in listings])
    n_further = sum(len(listing.further) for listing in listings)
    return {
        "rows": total,
        "listings": len(listings),
        "quarantined": len(quarantine.rows()),
        "products": len(set(labels) - {""}),
        "unlabelled": labels.count(""),
        "pictures": sum(listing.has_image for listing in listings),
        **({"further_pictures": n_further} if n_further else {}),
        "titles": sum(bool(listing.title) for listing in listings),
        "hashes": sum(bool(listing.image_phash) for listing in listings),
        **({"gtins": gtins, "gtins_unusable": unusable} if gtins else {}),
        "components": int(component.max()) + 1,
        "largest_component": int(np.bincount(component).max()),
        **{name: list(split).count(name) for name in SPLITS},
        "leaks": count_leaks(
            np.array(split) == "test",
            label=labels,
            image=[listing.files for listing in listings],
            phash=[listing.hashes for listing in listings],
            title=[listing.title for listing in listings],
        ),
    }


def describe_earlier(predictions: Path) -> str:
    """What a sample that is refused leaves behind, to be put at the end of the error; "" for nothing."""
    if not any(predictions.glob("*/submission.csv")):
        return ""
    return f"; {predictions} still has the matches of the run before"


def describe_sample(summary: dict[str, Any], quarantine: Quarantine) -> str:
    """The sample in one line."""
    reasons = f" ({quarantine.by_reason()})" if quarantine.entries else ""
    gtins = ""
    if summary.get("gtins_unusable"):
        gtins = (
            f"; {summary['gtins_unusable']} of {summary['gtins']} GTINs are invalid or a shop's own numbers, "
            "and count as missing"
        )
    further = f" and {summary['further_pictures']} further ones" if "further_pictures" in summary else ""
    return (
        f"{summary['listings']} listings of {summary['products']} products, {summary['pictures']} pictures{further}, "
        f"{summary['train']} train / {summary['val']} val / {summary['test']} test, "
        f"largest connected component {summary['largest_component']}; "
        f"{summary['quarantined']} rows in quarantine{reasons}{gtins}"
    )
