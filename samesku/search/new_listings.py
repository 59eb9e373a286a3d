"""New listings against a catalogue that is indexed already: scored as the catalogue scores its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesku.search.fusion import Fused
from samesku.search.neighbours import DECIMALS, best

QUERIES = 128  # in one block, which holds whole rows of scores


@dataclass(frozen=True)
class Gallery:
    """Fused rows, laid out by modality mask once, so that each query is one matrix product for each.

    Attributes:
        fused: the rows. parts: of each pattern that something can be compared by: its code, where its rows
            stand, and their vectors, float32 (G, D), in memory.
    """

    fused: Fused
    parts: list[tuple[int, NDArray[np.intp], NDArray[np.float32]]]

    @classmethod
    def of(cls, fused: Fused) -> Gallery:
        codes = np.unique(fused.modality_mask[fused.modality_mask > 0])
        rows = [(int(code), np.flatnonzero(fused.modality_mask == code)) for code in codes]
        return cls(fused, [(code, at, np.ascontiguousarray(fused.vectors[at])) for code, at in rows])

    def scores(self, new: Fused) -> NDArray[np.float64]:
        """The score of each of Q new rows with each of the N: float64 (Q, N), −1 to 1, rounded to 1e-6.

        −inf where two have no channel in common.
        """
        found = np.full((len(new), len(self.fused)), -np.inf)
        for pattern in np.unique(new.modality_mask[new.modality_mask > 0]):
            mine = np.flatnonzero(new.modality_mask == pattern)
            for code, at, vectors in self.parts:
                shared = self.fused.shared_weight(int(pattern), code)
                if shared > 0:
                    inner = (new.vectors[mine] @ vectors.T).astype(np.float64)
                    found[np.ix_(mine, at)] = np.round(inner / shared, DECIMALS)
        return found


def nearest(
    new: Fused, galleries: list[Gallery], place: NDArray[np.int32], own: NDArray[np.int32], k: int
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float64]]]:
    """The k nearest of each new row over all galleries together, block by block.

    Args:
        place: int32 (N,), where each row of the galleries, one below the other, stands in the order that
            settles ties; a row of −1 is left out.
        own: int32 (Q,), the place of each query itself, which is no neighbour of its own; −1 for none.

    Yields:
        for each block of queries: places int32 (q, k), best first by (−score, place), −1 where there are
        fewer; scores float64 (q, k), −inf there.
    """
    for start in range(0, len(new), QUERIES):
        block = Fused(
            new.vectors[start : start + QUERIES],
            new.modality_mask[start : start + QUERIES],
            new.weights,
            new.widths,
        )
        scores = np.concatenate([gallery.scores(block) for gallery in galleries], axis=1)
        mine = own[start : start + QUERIES, None]
        scores[(place == -1)[None, :] | (place[None, :] == mine)] = -np.inf
        ids, value = best(np.broadcast_to(place, scores.shape), scores, k)
        yield np.where(np.isfinite(value), ids, np.int32(-1)), value
