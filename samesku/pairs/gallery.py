"""A gallery made ready for the pair model: candidate pairs and their features, by no label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from samesku.catalogue.title_tokens import Titles
from samesku.pairs import candidates, features
from samesku.pairs.candidates import Candidates
from samesku.pairs.features import Features
from samesku.search import augmentation as blending
from samesku.search import fusion
from samesku.search import scorer as pairs
from samesku.search.fusion import Fused
from samesku.search.neighbours import Neighbours

PAIRS = 8192  # in one block of wide rows


@dataclass(frozen=True)
class Evidence:
    """What is known of N listings before any label.

    Attributes:
        channels: name -> float32 (N, d), rows L2-normalised or zero; (N, 0) where nobody has it.
        weights: name -> weight in the candidate search; channels without one are features alone.
        titles: of the N listings. pictures: name -> int (N,), what identifies a picture; −1 where none.
    """

    channels: Mapping[str, NDArray[np.float32]]
    weights: Mapping[str, float]
    titles: Titles
    pictures: Mapping[str, NDArray[np.integer]]

    @cached_property
    def fused(self) -> Fused:
        """The weighted channels as one row for each listing."""
        return fusion.concatenate(self.channels, self.weights)


@dataclass(frozen=True)
class Gallery:
    """One gallery: its plain neighbours, its candidate pairs, and what is seen of each."""

    plain: Neighbours
    candidates: Candidates
    features: Features


def prepare(evidence: Evidence, plain: Neighbours, k: int, steps: int, threshold: float) -> Gallery:
    """Blend a gallery, search it again, and describe every pair that either search found.

    Args:
        plain: the neighbours of every listing of the gallery, as `fused` has them; nothing else is looked at.
        k: neighbours in each later search. steps: of blending; 0 for none. threshold: of the scores blended.
    """
    rows, found = plain.query, [plain]
    if steps:
        blended = blending.blend(evidence.fused, plain, threshold)
        more, blended = blending.search(blended, rows, k, steps - 1, threshold)
        found.append(more)
    pool = candidates.union(rows, found)
    signals = pairs.similarities(
        {name: values for name, values in evidence.channels.items() if values.shape[1]}, *pool.pairs
    )
    signals["fused"] = score(evidence.fused, *pool.pairs)
    if steps:
        signals["blended"] = score(blended, *pool.pairs)
    pictures = {name: identity[rows] for name, identity in evidence.pictures.items()}
    return Gallery(plain, pool, features.describe(pool, signals, evidence.titles[rows], pictures))


def score(fused: Fused, left: NDArray[np.integer], right: NDArray[np.integer]) -> NDArray[np.float32]:
    """The fused score of P pairs, as `neighbours.search` gives it; float32 (P,), NaN where there is none."""
    codes, at = np.unique(fused.modality_mask, return_inverse=True)
    shared = np.array([[fused.shared_weight(int(a), int(b)) for b in codes] for a in codes])
    weight = shared[at[left], at[right]]
    found = np.full(len(left), np.nan, dtype=np.float32)
    for start in range(0, len(left), PAIRS):
        block = slice(start, start + PAIRS)
        inner = np.einsum("pd,pd->p", fused.vectors[left[block]], fused.vectors[right[block]])
        np.divide(inner, weight[block], out=found[block], where=weight[block] > 0, casting="same_kind")
    return found
