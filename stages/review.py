"""review: what people said of pairs (data/review.csv), as links between rows of the sample.

Used where data.review names the file. Writes data/links/all.parquet, and train.parquet with the links between
two listings of train, which is all that training may see: a verdict on test re-trains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from samesku import artefacts
from samesku import params as settings
from samesku.annotations import file as verdicts
from samesku.annotations import links
from samesku.annotations.file import Pair, Said
from samesku.annotations.links import Links
from samesku.catalogue import listings as catalogue
from samesku.catalogue.listings import Listings
from samesku.errors import InputError


def linked(said: Mapping[Pair, Said], listings: Listings) -> Links:
    """The verdicts as links: a skip is none, nor is a pair of which a listing is not in the sample.

    Raises:
        InputError: two listings are said to be different, and joined by what is said to be the same.
    """
    row = {name: at for at, name in enumerate(listings.posting_id)}
    pairs: dict[str, list[list[int]]] = {"same": [], "different": []}
    for (left, right), one in said.items():
        if one.verdict in pairs and left in row and right in row:
            pairs[one.verdict].append([row[left], row[right]])
    found = Links(*(np.array(sorted(pairs[name]), np.int32).reshape(-1, 2) for name in ("same", "different")))
    if clash := found.contradiction(len(listings)):
        left, right = (listings.posting_id[at] for at in clash)
        raise InputError(
            f"{artefacts.REVIEW} says that {left} and {right} are different, and joins them by what it says "
            "to be the same; change one of those verdicts"
        )
    return found


def main() -> str:
    named = settings.load().data.review
    listings = catalogue.read(artefacts.LISTINGS)
    said: Mapping[Pair, Said] = {}
    if named is not None:
        path = Path(named)
        if not path.is_file():
            raise InputError(f"data.review: {path} does not exist; `samesku serve` writes it")
        said = verdicts.read(path.read_bytes(), named)
    found = linked(said, listings)
    train = found.within(listings.split == "train")
    links.write(found, artefacts.LINKS / "all.parquet")
    links.write(train, artefacts.LINKS / "train.parquet")
    if named is None:
        return "data.review names no file: no links"
    return (
        f"{len(said)} verdicts; {len(found.same)} same and {len(found.different)} different among the "
        f"sample's {len(listings)} listings, {len(train.same)} and {len(train.different)} within train"
    )


if __name__ == "__main__":
    artefacts.run("review", main)
