"""Groups of every system: its matches, clustered into products; called where predictions are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from samesku.annotations.links import Links
from samesku.catalogue import parquet as tables
from samesku.catalogue.listings import Listings
from samesku.evaluation import cluster_metrics as clusters
from samesku.evaluation import clustering as groups

if TYPE_CHECKING:
    from samesku.evaluation.evaluate import Judged
    from samesku.params.rerank import Groups


def group(judged: Judged, listings: Listings, spec: Groups, links: Links | None = None) -> NDArray[np.int32]:
    """The group of each listing of the catalogue by the matches of one gallery, int32 (N,); −1 outside it.

    `links`: what people said of pairs, rows of the catalogue.
    """
    said = links or Links()
    at, rank = np.nonzero(judged.keep)
    neighbours = judged.neighbours
    found = groups.cluster(
        neighbours.query[at],
        neighbours.neighbour[at, rank],
        neighbours.score[at, rank],
        len(listings),
        share=spec.share,
        cap=spec.cap,
        same=said.same,
        different=said.different,
    )
    inside = np.zeros(len(listings), bool)
    inside[neighbours.query] = True
    return np.where(inside, found, np.int32(-1))


def table(group_of: NDArray[np.int32], listings: Listings) -> pa.Table:
    """groups.parquet: posting_id, group."""
    return tables.table({"posting_id": listings.posting_id, "group": group_of})


def figures(judged: dict[str, Judged], listings: Listings, spec: Groups) -> dict[str, Any]:
    """What metrics.json says of the groups: {val, test, val_full, test_full} -> figures, where labelled.

    They measure the groups that matches make: what people said of pairs moves none of them.
    """
    found: dict[str, Any] = {}
    for gallery, suffix in (("split", ""), ("full", "_full")):
        group_of = group(judged[gallery], listings, spec)
        for split in ("val", "test"):
            query = judged[gallery].neighbours.query[judged[gallery].split == split]
            inside = (listings.split == split) | (gallery == "full")
            if len(query):
                own = np.where(inside, group_of, np.int32(-1))
                found[f"{split}{suffix}"] = clusters.figures(own, listings.product, query)
    return found
