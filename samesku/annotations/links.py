"""What people said of pairs, as rows of listings.parquet: same-links must join, different-links must part."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesku import artefacts
from samesku.catalogue import parquet as tables


def _none() -> NDArray[np.int32]:
    return np.empty((0, 2), np.int32)


@dataclass(frozen=True)
class Links:
    """Pairs of rows, each int32 (P, 2): `same` are one product, `different` are two."""

    same: NDArray[np.int32] = field(default_factory=_none)
    different: NDArray[np.int32] = field(default_factory=_none)

    def within(self, rows: NDArray[np.bool_]) -> Links:
        """The links of which both ends are in `rows`, bool (N,)."""
        return Links(*(pairs[rows[pairs].all(axis=1)] for pairs in (self.same, self.different)))

    def contradiction(self, n: int) -> tuple[int, int] | None:
        """Two of `n` rows that are said to be different, and joined by what is said to be the same."""
        from scipy.sparse import coo_array  # here, since the stages that only rank do without SciPy
        from scipy.sparse.csgraph import connected_components

        ones = np.ones(len(self.same), np.int8)
        graph = coo_array((ones, (self.same[:, 0], self.same[:, 1])), shape=(n, n))
        part = connected_components(graph, directed=False)[1]
        for left, right in self.different.tolist():
            if part[left] == part[right]:
                return left, right
        return None


def write(links: Links, path: Path) -> None:
    """left int32, right int32 (rows of listings.parquet), same uint8 (1 or 0); ordered."""
    pairs = np.concatenate([links.same, links.different])
    same = (np.arange(len(pairs)) < len(links.same)).astype(np.uint8)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    table = tables.table(
        {"left": pairs[order, 0], "right": pairs[order, 1], "same": same[order].astype(np.uint8)}
    )
    with artefacts.replacing(path) as beside:
        pq.write_table(table, beside)


def read(path: Path) -> Links:
    """What `write` wrote; no links where there is no such file."""
    if not path.is_file():
        return Links()
    table = {name: tables.numbers(column) for name, column in tables.read(path).items()}
    pairs = np.stack([table[side] for side in ("left", "right")], axis=1).astype(np.int32)
    same = table["same"].astype(bool)
    return Links(pairs[same], pairs[~same])
