"""The weights of channels that are best by some objective, over similarities that are computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samesku.search.neighbours import DECIMALS, Neighbours, best

QUERIES = 256  # in one block: C × 256 × G similarities are held at once
STEPS = (0.2, 0.1, 0.05)  # of weight moved from one channel to another, coarse to fine

Weights = dict[str, float]


@dataclass(frozen=True)
class Pool:
    """The union of each channel's neighbours of Q queries, with every channel's similarity.

    Attributes:
        query: int32 (Q,) rows. names: the C channels.
        neighbour: int32 (Q, M) rows, −1 where there is none.
        similarity: float32 (Q, M, C), 0 where one of the two lacks the channel; known: float32, 1 or 0.
    """

    query: NDArray[np.int32]
    names: list[str]
    neighbour: NDArray[np.int32]
    similarity: NDArray[np.float32]
    known: NDArray[np.float32]

    def neighbours(self, weights: Mapping[str, float], k: int) -> Neighbours:
        """The k best of each query by Σ w·cos / Σ w over the channels that both have."""
        w = np.array([weights[name] for name in self.names], dtype=np.float32)
        mass = self.known @ w
        score = np.full(mass.shape, -np.inf, dtype=np.float32)
        np.divide(self.similarity @ w, mass, out=score, where=mass > 0)
        ids = np.where(mass > 0, self.neighbour, np.int32(-1))
        neighbour, value = best(ids, score.round(DECIMALS), k)
        return Neighbours(self.query, neighbour, value.astype(np.float32))


def pool(
    channels: Mapping[str, NDArray[np.float32]], query: NDArray[np.int32], rows: NDArray[np.int32], k: int
) -> Pool:
    """Search each channel alone for the k nearest of every query among `rows`, and unite what they find.

    Args:
        channels: name -> float32 (N, d), rows L2-normalised or zero; those that nobody has are left out.
        query: int32 (Q,) rows. rows: int32 (G,), the gallery, ascending.
    """
    kept = {name: np.ascontiguousarray(values[rows]) for name, values in channels.items() if values.shape[1]}
    blocks = list(_blocks({name: channels[name] for name in kept}, kept, query, rows, k))
    width = max((block.shape[1] for block, _ in blocks), default=0)
    neighbour = np.full((len(query), width), -1, dtype=np.int32)
    similarity = np.zeros((len(query), width, len(kept)), dtype=np.float32)
    known = np.zeros_like(similarity)
    start = 0
    for ids, values in blocks:
        at = slice(start, start + len(ids)), slice(0, ids.shape[1])
        neighbour[at] = ids
        known[at] = ~np.isnan(values)
        similarity[at] = np.nan_to_num(values)
        start += len(ids)
    return Pool(query, list(kept), neighbour, similarity, known)


def _blocks(
    channels: Mapping[str, NDArray[np.float32]],
    gallery: Mapping[str, NDArray[np.float32]],
    query: NDArray[np.int32],
    rows: NDArray[np.int32],
    k: int,
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
    """For each block of queries, (Q, M) neighbours and their (Q, M, C) similarities, NaN where unknown."""
    has = {name: values.any(axis=1) for name, values in gallery.items()}
    k = min(k, len(rows))
    for start in range(0, len(query), QUERIES):
        at = query[start : start + QUERIES]
        own = at[:, None] == rows
        found = np.zeros(own.shape, dtype=bool)
        every = []
        for name, values in gallery.items():
            mine = channels[name][at]
            value = mine @ values.T
            value[~mine.any(axis=1)] = np.nan
            value[:, ~has[name]] = np.nan
            first = np.argpartition(-np.where(np.isnan(value) | own, -2, value), k - 1, axis=1)[:, :k]
            np.put_along_axis(found, first, True, axis=1)
            every.append(value)
        found &= ~own
        asked, place = np.nonzero(found)
        count = found.sum(axis=1)
        rank = np.arange(len(asked)) - np.repeat(np.cumsum(count) - count, count)
        ids = np.full((len(at), int(count.max(initial=0))), -1, dtype=np.int32)
        values = np.full((*ids.shape, len(every)), np.nan, dtype=np.float32)
        ids[asked, rank] = rows[place]
        values[asked, rank] = np.stack([value[asked, place] for value in every], axis=-1)
        yield ids, values


def ascend(
    start: Mapping[str, float], objective: Callable[[Weights], float], steps: Sequence[float] = STEPS
) -> tuple[Weights, float]:
    """Move weight from channel to channel while the objective rises, in ever smaller steps.

    Args:
        start: name -> weight, 0 or more; their sum is made 1.

    Returns:
        The weights, of sum 1, and their objective. Deterministic: moves are tried in the order of the names.
    """
    total = sum(start.values())
    weights = {name: weight / total for name, weight in start.items()}
    value = objective(weights)
    for step in steps:
        risen = True
        while risen:
            risen = False
            for giver in weights:
                for taker in weights:
                    moved = min(step, weights[giver])
                    if taker == giver or moved < 1e-9:
                        continue
                    tried = weights | {
                        giver: round(weights[giver] - moved, 9),
                        taker: round(weights[taker] + moved, 9),
                    }
                    if (found := objective(tried)) > value + 1e-6:
                        weights, value, risen = tried, found, True
    return weights, value
