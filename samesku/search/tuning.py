"""Weights and α that are best by an objective, over similarities that are computed once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from samesku.arrays import Float32, Int32
from samesku.catalogue.listings import ALL_PAIRS, AllowedPairs
from samesku.scratch import new_array, slices
from samesku.search.exact import Search, search_neighbours
from samesku.search.fusion import (
    DECIMALS,
    Channels,
    Owner,
    channel_cosines,
    concatenate_channels,
    mean_cosine,
)
from samesku.search.neighbours import Neighbours, no_neighbours, select_top_k

SWEEP_QUERIES = 512  # in one block of sides
QUERIES = 1024  # ranked at once
PAIRS = 131_072  # whose cosines are computed at once
STEPS = (0.2, 0.1, 0.05)  # of weight moved from one channel to another, coarse to fine
N_NEAREST = (5, 10, 20, 40)  # that move a row in augmentation
SURFACE_ALPHAS = tuple(step / 10 for step in range(11))
SURFACE_SHARES = tuple(step / 4 for step in range(5))

Weights = dict[str, float]


@dataclass(frozen=True)
class CandidatePool:
    """The union of each channel's neighbours of Q queries, with every channel's cosine.

    Attributes:
        query: int32 (Q,) rows. names: the C channels.
        neighbour: int32 (Q, M) rows, −1 where there is none.
        cosine: float32 (Q, M, C), 0 where one of the two lacks the channel; present: float32, 1 or 0.
    """

    query: Int32
    names: list[str]
    neighbour: Int32
    cosine: Float32
    present: Float32

    def rank(self, weights: Mapping[str, float], k: int) -> Neighbours:
        """The k best of each query by the score of these weights; a channel without a weight has 0."""
        w = np.array([weights.get(name, 0.0) for name in self.names], dtype=np.float32)
        ranked = no_neighbours(self.query, min(k, self.neighbour.shape[1]))
        for block in slices(len(self.query), QUERIES):
            score = mean_cosine(self.cosine[block], self.present[block], w).round(DECIMALS)
            comparable = ~np.isnan(score)
            ranked.neighbour[block], ranked.score[block] = select_top_k(
                np.where(comparable, self.neighbour[block], np.int32(-1)),
                np.where(comparable, score, -np.inf),
                k,
            )
        return ranked


def unite_neighbours(
    channels: Channels,
    query: Int32,
    rows: Int32,
    k: int,
    allowed: AllowedPairs = ALL_PAIRS,
    owner: Owner = None,
    search: Search = search_neighbours,
) -> CandidatePool:
    """Search each channel alone for the k nearest of every query among `rows` that may match it, and unite them.

    Args:
        channels: name -> float32 (N, d), rows L2-normalised or zero; empty ones are left out.
        query: int32 (Q,) rows. rows: int32 (G,), the gallery, ascending.
        owner: of the rows of channels with further pictures. search: as of `open_search`.
    """
    filled = {name: vectors for name, vectors in channels.items() if vectors.shape[1]}
    alone = (concatenate_channels({name: filled[name]}, {name: 1.0}, owner) for name in filled)
    searches = [search(fused, rows, k, allowed=allowed, queries=query) for fused in alone]
    n, keys = int(rows.max(initial=-1)) + 1, [np.empty(0, np.int64)]
    for nearest in searches:
        position, rank = np.nonzero(nearest.valid)
        keys.append(position * n + nearest.neighbour[position, rank])
    position, row = np.divmod(np.unique(np.concatenate(keys)), n)
    count = np.bincount(position, minlength=len(query))
    place = position, np.arange(len(position)) - np.repeat(np.cumsum(count) - count, count)
    shape = len(query), int(count.max(initial=0))
    neighbour = np.full(shape, -1, dtype=np.int32)
    neighbour[place] = row
    cosine, present = (new_array((*shape, len(filled)), np.float32) for _ in range(2))
    for block in slices(len(row), PAIRS):
        of_block = tuple(places[block] for places in place)
        of_channels = channel_cosines(filled, query[position[block]], row[block], owner=owner)
        cosines = np.stack([*of_channels.values()], axis=-1)
        cosine[of_block], present[of_block] = np.nan_to_num(cosines), ~np.isnan(cosines)
    return CandidatePool(query, list(filled), neighbour, cosine, present)


def ascend_weights(
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
    highest = objective(weights)
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
                    if (value := objective(tried)) > highest + 1e-6:
                        weights, highest, risen = tried, value, True
    return weights, highest


def choose_n_nearest(objective: Callable[[int | None], float], k: int) -> int | None:
    """How many of the k nearest move a row in augmentation, by an objective; None: all from a threshold on.

    A threshold suits products of two or three listings, a number those of tens (alpha query expansion, Radenovic et
    al., 2019, with alpha 1).
    """
    return max([None, *(n for n in N_NEAREST if n < k)], key=objective)


def normalise_weights(weights: Mapping[str, float], names: Sequence[str]) -> Weights:
    """The weights of these channels over their sum; equal where none has any."""
    total = sum(weights[name] for name in names)
    return {name: weights[name] / total if total else 1 / len(names) for name in names}


def adopting_command(weights: Weights, image: Sequence[str], title: Sequence[str]) -> str:
    """The ``dvc exp run`` command that gives the main system these weights.

    ``image`` and ``title`` are the names of the channels on the two sides of ``fusion.alpha``.
    """
    values = {"fusion.alpha": sum(weights[name] for name in image)}
    for side, names in (("image", image), ("title", title)):
        shares = normalise_weights(weights, names)
        values |= {f"fusion.{side}.{name}": share for name, share in shares.items()}
    return "dvc exp run " + " ".join(f"-S {key}={value:.4g}" for key, value in values.items())


def weight_surface(
    objective: Callable[[Weights], float],
    best: Weights,
    image: Sequence[str],
    title: Sequence[str],
    alphas: Sequence[float] = SURFACE_ALPHAS,
    shares: Sequence[float] = SURFACE_SHARES,
) -> list[dict[str, float]]:
    """Rows {alpha, share_0 … share_100}: the objective by α and by the share of one channel within its side.

    That channel is the first title channel where there are several, else the first image channel. The rest of
    its side keep their proportions, and so does the opposite side.
    """
    varied, fixed = (title, image) if len(title) > 1 or not image else (image, title)
    first, *rest = varied
    of_fixed, of_rest = normalise_weights(best, fixed), normalise_weights(best, rest)
    rows = []
    for alpha in alphas:
        row = {"alpha": alpha}
        for share in shares if rest else [1.0]:
            of_varied = {first: share} | {name: (1 - share) * weight for name, weight in of_rest.items()}
            of_image, of_title = (of_fixed, of_varied) if varied is title else (of_varied, of_fixed)
            weights = {name: alpha * weight for name, weight in of_image.items()}
            weights |= {name: (1 - alpha) * weight for name, weight in of_title.items()}
            row[f"share_{round(100 * share)}"] = objective(weights)
        rows.append(row)
    return rows
