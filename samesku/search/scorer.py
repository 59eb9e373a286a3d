"""The one scorer: how similar two listings are, by each channel and by all of them.

The score of two listings is Σ w_c · cos_c / Σ w_c over the channels c that both have. Every score of a pair
and every cosine of a channel in the project is computed here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samesku.arrays import Float32, Float64, Floats, Int32, Int64, Ints
from samesku.search.fusion import Channels, Fused

DECIMALS = 6  # scores are rounded to this, so that equal pairs tie however they were computed
PAIRS = 8192  # in one block


def weighted_mean(total: ArrayLike, weight: ArrayLike, missing: float = np.nan) -> Float64:
    """Σ w_c · cos_c divided by Σ w_c, in float64; `missing` where the weight is 0: nothing is in common."""
    mean = np.full(np.broadcast_shapes(np.shape(total), np.shape(weight)), missing)
    return np.divide(total, weight, out=mean, where=np.asarray(weight) > 0, dtype=np.float64)


def ranking_scores(total: ArrayLike, weight: ArrayLike) -> Float64:
    """`weighted_mean` rounded to 1e-6, as neighbours are ranked by; −inf where nothing is in common."""
    return weighted_mean(total, weight, missing=-np.inf).round(DECIMALS)


def mean_cosine(cosines: Floats, present: NDArray[Any], weights: Floats) -> Float64:
    """The score of pairs by the cosines of C channels: float64 (...), NaN where no channel is in common.

    Args:
        cosines: (..., C), 0 where one of the two listings lacks the channel. present: (..., C), 0 or 1.
        weights: (C,).
    """
    return weighted_mean(cosines @ weights, present @ weights)


def shared_weights(fused: Fused, left: Ints, right: Ints) -> Float64:
    """Σ w_c over the channels that both of a pair have; the rows `left` and `right` may broadcast."""
    left_masks, i = np.unique(fused.modality_mask[left], return_inverse=True)
    right_masks, j = np.unique(fused.modality_mask[right], return_inverse=True)
    table = [fused.shared_weight(int(a), int(b)) for a in left_masks for b in right_masks]
    shared = np.array(table, dtype=np.float64).reshape(len(left_masks), len(right_masks))
    return shared[i.reshape(left.shape), j.reshape(right.shape)]


def pair_scores(fused: Fused, left: Ints, right: Ints) -> Float64:
    """The score of P pairs, not rounded: float64 (P,), NaN where the two have no channel in common.

    Args:
        left, right: (P,) rows of `fused`.
    """
    inner = np.empty(len(left), np.float32)
    for block in _blocks(len(left)):
        inner[block] = _inner_products(fused.vectors[left[block]], fused.vectors[right[block]])
    return weighted_mean(inner, shared_weights(fused, left, right))


def channel_cosines(
    channels: Channels, left: Ints, right: Ints, right_channels: Channels | None = None
) -> dict[str, Float32]:
    """Each channel's cosine for P pairs: why they match.

    Args:
        channels: name -> float32 (N, d), rows L2-normalised or zero.
        left, right: (P,) rows. right_channels: the arrays that `right` counts in; by default `channels`.

    Returns:
        name -> float32 (P,), rounded to 1e-6; NaN where one of the two lacks the channel.
    """
    right_channels = channels if right_channels is None else right_channels
    cosines = {name: np.full(len(left), np.nan, np.float32) for name in channels}
    for name, rows in channels.items():
        if rows.shape[1] == 0:
            continue
        for block in _blocks(len(left)):
            a, b = rows[left[block]], right_channels[name][right[block]]
            present = a.any(axis=1) & b.any(axis=1)
            cosines[name][block] = np.where(present, _inner_products(a, b).round(DECIMALS), np.nan)
    return cosines


@dataclass(frozen=True)
class MaskGroup:
    """The listings of a gallery that have one modality mask: the divisor of a query's scores is one number.

    Attributes:
        mask: the modality mask. rows: int32 (G,), rows of the catalogue, ascending.
        vectors: float32 (G, D).
    """

    mask: int
    rows: Int32
    vectors: Float32


def group_by_mask(fused: Fused, rows: Int32) -> list[MaskGroup]:
    """The gallery `rows` (ascending) by modality mask, without listings that have no channel.

    Vectors that lie side by side in a file stay there.
    """
    groups = []
    for mask, positions in positions_by_mask(fused, rows):
        members = rows[positions]
        adjacent = members[-1] - members[0] + 1 == len(members)
        vectors = fused.vectors[members[0] : members[-1] + 1] if adjacent else fused.vectors[members]
        groups.append(MaskGroup(mask, members, vectors))
    return groups


def positions_by_mask(fused: Fused, rows: Int32) -> Iterator[tuple[int, Int64]]:
    """Each modality mask among `rows` but the empty one, and the positions in `rows` that have it."""
    masks = fused.modality_mask[rows]
    for mask in np.unique(masks[masks > 0]):
        yield int(mask), np.flatnonzero(masks == mask)


def score_matrix(queries: Fused, groups: Sequence[MaskGroup]) -> Float64:
    """The score of each of Q queries with each listing of a gallery, rounded to 1e-6.

    Args:
        queries: Q fused rows. groups: a gallery of G listings.

    Returns:
        float64 (Q, G), columns in the order of the groups' rows; −inf where two have no channel in common.
    """
    scores = np.full((len(queries), sum(len(group.rows) for group in groups)), -np.inf)
    for mask in np.unique(queries.modality_mask):
        positions = np.flatnonzero(queries.modality_mask == mask)
        vectors = queries.vectors[positions]
        stop = 0
        for group in groups:
            start, stop = stop, stop + len(group.rows)
            shared = queries.shared_weight(int(mask), group.mask)
            if shared > 0:
                scores[positions, start:stop] = ranking_scores(vectors @ group.vectors.T, shared)
    return scores


def _inner_products(left: Float32, right: Float32) -> Float32:
    return np.einsum("pd,pd->p", left, right)


def _blocks(n_pairs: int) -> Iterator[slice]:
    return (slice(start, start + PAIRS) for start in range(0, n_pairs, PAIRS))
