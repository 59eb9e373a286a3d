"""`samesku diff --report`: what became of the products between two runs, as a page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samesku.app.report.catalogue import Catalogue, ShownListings, read_catalogue
from samesku.app.report.template import write_page
from samesku.evaluation.changes import KINDS, Change, list_products
from samesku.params import load_params

MAX_MEMBERS = 24  # listings of a product that a change shows; the page says how many more there are

#: kind of change -> [label of the filter, what happened to one, to several]
LABELS = {
    "merged": ["merged", "product is made of several", "products are made of several"],
    "split": ["split", "product split", "products split"],
    "joined": ["joined", "listing joined a product", "listings joined a product"],
    "left": ["left", "listing left its product", "listings left their product"],
    "moved": ["moved", "listing moved to another product", "listings moved to another product"],
    "added": ["added", "listing is new", "listings are new"],
    "removed": ["removed", "listing is gone", "listings are gone"],
}


def write_changes(
    names: tuple[str, str],
    before: Mapping[str, int],
    after: Mapping[str, int],
    changes: Sequence[Change],
    out: Path,
) -> None:
    """Write the page of the changes of `find_changes`; titles and pictures are those of this workspace.

    Args:
        names: what the two runs are called. before, after: posting_id -> number of its group.

    Raises:
        InputError: the workspace has no sample.
    """
    catalogue = read_catalogue(load_params().match)
    write_page(out, "changes.html", changes_content(names, before, after, changes, catalogue))


def changes_content(
    names: tuple[str, str],
    before: Mapping[str, int],
    after: Mapping[str, int],
    changes: Sequence[Change],
    catalogue: Catalogue,
) -> dict[str, Any]:
    """The values that fill the template.

    `changes` has a block for each kind of change and its products: [kind, listings that changed, products before,
    products after]; a product is [name, number of listings, the first of them]. Listings are places in `listings`,
    each [posting_id, title, shop]; one that is not in this workspace's sample has its posting_id alone.
    """
    products = list_products(before), list_products(after)
    numbers: dict[str, int] = {}
    together: dict[tuple[str, str, str], list[str]] = {}
    for row in changes:
        together.setdefault((row.change, row.before, row.after), []).append(row.posting_id)
    blocks = []
    for (kind, *sides), listings in together.items():
        changed = [name for name in listings if name]
        shown = [
            [_product(name, part, changed) for name in side.split()]
            for part, side in zip(products, sides, strict=True)
        ]
        for name in (*changed, *(name for side in shown for _, _, members in side for name in members)):
            numbers.setdefault(name, len(numbers))
        blocks.append(
            [
                kind,
                [numbers[name] for name in changed],
                *([[name, n, [numbers[of] for of in part]] for name, n, part in side] for side in shown),
            ]
        )
    known, of = ShownListings(catalogue), catalogue.listings
    rows = [catalogue.row_of.get(name) for name in numbers]
    place = [None if row is None else known.number(row) for row in rows]
    pictures = known.pictures()
    return {
        "names": names,
        "sentence": describe_counts(changes, *products),
        "changes": {
            "labels": LABELS,
            "blocks": blocks,
            "listings": [
                [name] if row is None else [name, of.title[row], of.source[row]]
                for name, row in zip(numbers, rows, strict=True)
            ],
        },
        "pictures": [None if number is None else pictures[number] for number in place],
        "has_pictures": catalogue.has_pictures(),
        "evidence": {},
    }


def _product(
    name: str, products: Mapping[str, Sequence[str]], changed: Sequence[str]
) -> tuple[str, int, list[str]]:
    """(name, number of listings, those that are shown): the listings that changed come first."""
    members = products[name]
    first = set(changed)
    order = sorted(members, key=lambda listing: listing not in first)
    return name, len(members), order[:MAX_MEMBERS]


def describe_counts(
    changes: Sequence[Change], before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]
) -> str:
    """What changed, in one or two sentences."""
    count = Counter(row.change for row in changes)
    parts = [f"{count[kind]:,} {LABELS[kind][1 if count[kind] == 1 else 2]}" for kind in KINDS if count[kind]]
    equal = sum(list(before.get(name, ())) == list(members) for name, members in after.items())
    unchanged = f"{equal:,} of the {len(after):,} products have the same listings as before."
    return f"{', '.join(parts)}. {unchanged}" if parts else f"Nothing changed: {unchanged}"
