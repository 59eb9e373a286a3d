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
from samesku.search.augmentation import augment_rows, search_augmented
from samesku.search.fusion import Fused, concatenate_channels
from samesku.search.neighbours import Neighbours
from samesku.search.scorer import channel_cosines, pair_scores


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
        return concatenate_channels(self.channels, self.weights)


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
        blended = augment_rows(evidence.fused, plain, threshold)
        more, blended = search_augmented(blended, rows, k, steps - 1, threshold)
        found.append(more)
    pool = candidates.union(rows, found)
    signals = channel_cosines(
        {name: values for name, values in evidence.channels.items() if values.shape[1]}, *pool.pairs
    )
    signals["fused"] = pair_scores(evidence.fused, *pool.pairs).astype(np.float32)
    if steps:
        signals["blended"] = pair_scores(blended, *pool.pairs).astype(np.float32)
    pictures = {name: identity[rows] for name, identity in evidence.pictures.items()}
    return Gallery(plain, pool, features.describe(pool, signals, evidence.titles[rows], pictures))
