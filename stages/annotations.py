"""annotations: the pairs that people annotated (data/annotations.csv), as links between listings of the sample.

Used where `data.annotations` names the file. Writes data/annotations/all.parquet, and train.parquet with the
links between two listings of train. Training sees train.parquet alone, so an annotation of test trains nothing
again.
"""

from collections.abc import Mapping
from pathlib import Path

from samesku import artefacts
from samesku.annotations.file import (
    Annotation,
    Pair,
    describe_chains,
    find_contradicting_chains,
    number_links,
    parse_annotations,
)
from samesku.annotations.products import links_among
from samesku.catalogue.listings import Links, Listings, read_listings, write_links
from samesku.errors import InputError
from samesku.params import load_params


def link_listings(annotations: Mapping[Pair, Annotation], listings: Listings) -> Links:
    """The annotations as links between listings of the sample, also those that follow from pairs with other listings.

    Raises:
        InputError: pairs are different that others join.
    """
    if chains := find_contradicting_chains(annotations):
        raise InputError(
            f"{artefacts.ANNOTATIONS} contradicts itself: {describe_chains(chains)}; change one annotation of each"
        )
    others = {posting_id for pair in annotations for posting_id in pair} - set(listings.posting_id)
    links = number_links(annotations, [*listings.posting_id, *sorted(others)])
    return links_among(links, len(listings))


def main() -> str:
    name = load_params().data.annotations
    listings = read_listings(artefacts.LISTINGS)
    annotations: Mapping[Pair, Annotation] = {}
    if name is not None:
        if not Path(name).is_file():
            raise InputError(f"data.annotations: {name} does not exist; `samesku serve` writes it")
        annotations = parse_annotations(Path(name).read_bytes(), name)
    links = link_listings(annotations, listings)
    train = links.within(listings.split == "train")
    write_links(artefacts.LINKS / "all.parquet", links)
    write_links(artefacts.LINKS / "train.parquet", train)
    if name is None:
        return "no links, since data.annotations is empty"
    return (
        f"annotations: {len(annotations)}; among the sample's {len(listings)} listings: must-links "
        f"{len(links.must_link)}, cannot-links {len(links.cannot_link)}; within train: must-links "
        f"{len(train.must_link)}, cannot-links {len(train.cannot_link)}"
    )


if __name__ == "__main__":
    artefacts.run_stage("annotations", main)
