"""Weights and α that are best by an objective, over similarities that are computed once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from samesku.arrays import Float32, Floats, Int32
from samesku.catalogue.listings import ALL_PAIRS, AllowedPairs
from samesku.search.fusion import (
    DECIMALS,
    Channels,
    Owner,
    concatenate_channels,
    fusion_weights,
    mean_cosine,
    owner_of_rows,
    ranking_scores,
    shared_weights,
)
from samesku.search.neighbours import Neighbours, no_neighbours, select_top_k
from samesku.search.pictures import sum_listings

QUERIES = 256  # in one block of channels: C × 256 × G cosines are held at once
SWEEP_QUERIES = 512  # in one block of sides
STEPS = (0.2, 0.1, 0.05)  # of weight moved from one channel to another, coarse to fine
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
        score = mean_cosine(self.cosine, self.present, w).round(DECIMALS)
        comparable = ~np.isnan(score)
        neighbour, score = select_top_k(
            np.where(comparable, self.neighbour, np.int32(-1)), np.where(comparable, score, -np.inf), k
        )
        return Neighbours(self.query, neighbour, score.astype(np.float32))


def unite_neighbours(
    channels: Channels,
    query: Int32,
    rows: Int32,
    k: int,
    allowed: AllowedPairs = ALL_PAIRS,
    owner: Owner = None,
) -> CandidatePool:
    """Search each channel alone for the k nearest of every query among `rows` that may match it, and unite them.

    Args:
        channels: name -> float32 (N, d), rows L2-normalised or zero; empty ones are left out.
        query: int32 (Q,) rows. rows: int32 (G,), the gallery, ascending.
        owner: of the rows of channels with further pictures.
    """
    channels = {name: vectors for name, vectors in channels.items() if vectors.shape[1]}
    blocks = list(_unite_blocks(channels, query, rows, k, allowed, owner))
    width = max((neighbour.shape[1] for neighbour, _ in blocks), default=0)
    neighbour = np.full((len(query), width), -1, dtype=np.int32)
    cosine = np.zeros((len(query), width, len(channels)), dtype=np.float32)
    present = np.zeros_like(cosine)
    start = 0
    for united, cosines in blocks:
        place = slice(start, start + len(united)), slice(0, united.shape[1])
        neighbour[place] = united
        present[place] = ~np.isnan(cosines)
        cosine[place] = np.nan_to_num(cosines)
        start += len(united)
    return CandidatePool(query, list(channels), neighbour, cosine, present)


def _unite_blocks(
    channels: Channels, query: Int32, rows: Int32, k: int, allowed: AllowedPairs, owner: Owner
) -> Iterator[tuple[Int32, Float32]]:
    """For each block of queries, (Q, M) neighbours and their (Q, M, C) cosines, NaN where unknown."""
    compare = {name: _cosines_with(vectors, rows, owner) for name, vectors in channels.items()}
    k = min(k, len(rows))
    for start in range(0, len(query), QUERIES):
        block = query[start : start + QUERIES]
        left_out = (block[:, None] == rows) | ~allowed.of_rows(block[:, None], rows)
        united = np.zeros(left_out.shape, dtype=bool)
        cosines = []
        for name in channels:
            cosine = compare[name](block)
            first = np.argpartition(-np.where(np.isnan(cosine) | left_out, -2, cosine), k - 1, axis=1)[:, :k]
            np.put_along_axis(united, first, True, axis=1)
            cosines.append(cosine)
        united &= ~left_out
        position, column = np.nonzero(united)
        count = united.sum(axis=1)
        rank = np.arange(len(position)) - np.repeat(np.cumsum(count) - count, count)
        neighbour = np.full((len(block), int(count.max(initial=0))), -1, dtype=np.int32)
        values = np.full((*neighbour.shape, len(cosines)), np.nan, dtype=np.float32)
        neighbour[position, rank] = rows[column]
        values[position, rank] = np.stack([cosine[position, column] for cosine in cosines], axis=-1)
        yield neighbour, values


def _cosines_with(vectors: Float32, rows: Int32, owner: Owner) -> Callable[[Int32], Floats]:
    """(Q,) listings -> the cosines (Q, G) of one channel with the gallery `rows`, NaN where one lacks it."""
    if owner_of_rows(len(vectors), owner) is not None:
        fused = concatenate_channels({"channel": vectors}, {"channel": 1.0}, owner)
        several = fused[rows]

        def compare_pictures(listings: Int32) -> Floats:
            cosine, present = sum_listings(fused[listings], several)
            cosine[present == 0] = np.nan
            return cosine

        return compare_pictures
    gallery = np.ascontiguousarray(vectors[rows])
    has_channel = gallery.any(axis=1)

    def compare_rows(listings: Int32) -> Floats:
        queries = vectors[listings]
        cosine = queries @ gallery.T
        cosine[~queries.any(axis=1)] = np.nan
        cosine[:, ~has_channel] = np.nan
        return cosine

    return compare_rows


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


def sweep_alphas(
    channels: Channels,
    image: Mapping[str, float],
    title: Mapping[str, float],
    rows: Int32,
    k: int,
    alphas: Sequence[float],
    allowed: AllowedPairs = ALL_PAIRS,
    owner: Owner = None,
) -> dict[float, Neighbours]:
    """α -> what `search_neighbours` finds in the gallery at that α, without fusing and searching for each.

    Args:
        image, title: weights of the channels of each side, as in `fusion` of params.yaml.
        rows: int32 (G,), the gallery, which is also the queries. allowed: which pairs may match.
        owner: of the rows of channels with further pictures.

    The inner products of the sides are computed once for each block of queries. With n and d the weighted
    sums of cosines and of weights over the channels that both listings have, score(α) is
    (α n_image + (1 − α) n_title) / (α d_image + (1 − α) d_title).
    """
    weights = fusion_weights(image, {}, 1.0, channels), fusion_weights({}, title, 0.0, channels)
    if owner is None:
        gallery = {name: channels[name][rows] for name in [*image, *title]}
        sides = [concatenate_channels(gallery, of_side) for of_side in weights]
    else:
        sides = [concatenate_channels(channels, of_side, owner)[rows] for of_side in weights]
    every = np.arange(len(rows))
    k = max(0, min(k, len(rows) - 1))
    neighbours = {alpha: no_neighbours(rows, k) for alpha in alphas}
    for start in range(0, len(rows), SWEEP_QUERIES):
        block = slice(start, start + SWEEP_QUERIES)
        queries = every[block, None]
        (n_image, d_image), (n_title, d_title) = (
            (side.vectors[block] @ side.vectors.T, shared_weights(side, queries, every))
            if side.owner is None
            else sum_listings(side[block], side)
            for side in sides
        )
        left_out = (queries == every) | ~allowed.of_rows(rows[queries], rows)
        for alpha, nearest in neighbours.items():
            score = ranking_scores(
                alpha * n_image + (1 - alpha) * n_title, alpha * d_image + (1 - alpha) * d_title
            )
            score[left_out] = -np.inf
            row = np.where(np.isfinite(score), rows, np.int32(-1))
            nearest.neighbour[block], nearest.score[block] = select_top_k(row, score, k)
    return neighbours
