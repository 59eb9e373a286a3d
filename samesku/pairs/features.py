"""The features of a candidate pair; each is the same whichever listing comes first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from samesku.arrays import Bools, Float32, Float64, Ints
from samesku.catalogue.attributes import Attributes
from samesku.catalogue.title_tokens import ItemSets, TitleTokens
from samesku.pairs import list_features as lists
from samesku.pairs import title_features as items
from samesku.pairs.candidates import Candidates
from samesku.pairs.evidence import PairEvidence, group_pictures
from samesku.pairs.gallery_counts import NUMBERS, GalleryCounts, count_gallery
from samesku.search.fusion import Fused, channel_cosines, pair_scores

MIN_SUPPORT = 0.01  # a less probable pair supports no pair


@dataclass
class PairFeatures:
    """P candidate pairs in F columns, filled column by column.

    Attributes:
        names: F names. families: the family of each column, by which scores are explained to people.
        columns: F columns, float32 (P,); NaN where a feature does not apply.
    """

    candidates: Candidates
    names: list[str] = field(default_factory=list)
    families: list[str] = field(default_factory=list)
    columns: list[Float32] = field(default_factory=list)

    def add(self, family: str, name: str, column: NDArray) -> None:
        self.families.append(family)
        self.names.append(name)
        self.columns.append(column.astype(np.float32))

    def add_low_high(self, family: str, name: str, left_right: tuple[NDArray, NDArray]) -> None:
        """Two columns: the lower and the higher of the values of the left and the right listing."""
        self.add(family, f"{name}_low", np.minimum(*left_right))
        self.add(family, f"{name}_high", np.maximum(*left_right))

    def hide(self, families: Collection[str], pairs: Bools) -> None:
        """Make the columns of these families NaN for some of the pairs, bool (P,)."""
        for family, column in zip(self.families, self.columns, strict=True):
            if family in families:
                column[pairs] = np.nan

    def values(self, pair: Ints | slice = slice(None)) -> Float32:
        """The rows of some pairs, of all by default: float32 (M, F)."""
        if not self.columns:
            return np.empty((len(self.candidates), 0), np.float32)[pair]
        return np.stack([column[pair] for column in self.columns], axis=1)

    def select(self, pair: Ints) -> PairFeatures:
        """The features of some pairs: int (M,), ascending."""
        few = self.candidates
        few = Candidates(few.rows, few.left[pair], few.right[pair])
        return PairFeatures(few, self.names, self.families, [column[pair] for column in self.columns])

    def join(self, right: PairFeatures) -> PairFeatures:
        """These columns, then those of `right` for the same pairs."""
        return PairFeatures(
            self.candidates,
            self.names + right.names,
            self.families + right.families,
            self.columns + right.columns,
        )


def describe_pairs(
    candidates: Candidates,
    evidence: PairEvidence,
    fused: Mapping[str, Fused],
    counts: GalleryCounts | None = None,
) -> PairFeatures:
    """The features of the candidate pairs of a gallery. No listing outside the gallery changes them.

    Args:
        fused: rows of the catalogue whose scores are features: `fused`, and `augmented` where they are.
        counts: those of the gallery, where `candidates` are some of its pairs and `evidence` that of their listings;
            None: it is all of its pairs.
    """
    rows, (left, right) = candidates.rows, candidates.catalogue_rows
    channels = {name: channel for name, channel in evidence.channels.items() if channel.shape[1]}
    similarities = channel_cosines(channels, left, right, owner=evidence.owner) | {
        name: pair_scores(vectors, left, right).astype(np.float32) for name, vectors in fused.items()
    }
    pictures = {
        name: number[rows] if evidence.owner is None else group_pictures(number, evidence.owner)[rows]
        for name, number in evidence.pictures.items()
    }
    return pair_features(
        candidates, similarities, evidence.titles[rows], pictures, evidence.attributes, counts
    )


def pair_features(
    candidates: Candidates,
    similarities: Mapping[str, Float32],
    titles: TitleTokens,
    pictures: Mapping[str, Ints | csr_array],
    attributes: Attributes | None = None,
    counts: GalleryCounts | None = None,
) -> PairFeatures:
    """The features that need no label and no first score.

    Args:
        similarities: name -> float32 (P,), of each channel and of the channels `fused`, perhaps of the rows
            after augmentation too; NaN where one of the two listings lacks it.
        titles: those of the G listings of the candidates.
        pictures: name -> int (G,), as of `PairEvidence`; where listings have several, as of `group_pictures`.
        attributes: of the catalogue. One that none of its listings has adds no feature.
        counts: as of `describe_pairs`.
    """
    if counts is None:
        counts = count_gallery(titles, pictures, attributes, candidates.rows)
    features = PairFeatures(candidates)
    for name, similarity in similarities.items():
        _add_similarity(features, name, similarity)
    _add_density(features, similarities["fused"])
    _add_titles(features, titles, items.inverse_document_frequency(counts.words, counts.n_listings))
    for name, picture in pictures.items():
        if isinstance(picture, csr_array):
            _add_pictures(features, name, picture, counts.copies[name])
        else:
            _add_number(features, "picture", name, picture, counts.copies[name])
    if attributes is not None:
        _add_attributes(features, attributes, counts)
    return features


def support_features(candidates: Candidates, log_odds: Float64) -> PairFeatures:
    """How the first scores of the pairs around a pair support it.

    Args:
        log_odds: float64 (P,), the first round's log-odds that the two listings are one product.
    """
    left, right = candidates.left, candidates.right
    probability = (1.0 / (1.0 + np.exp(-log_odds))).astype(np.float32)
    features = PairFeatures(candidates)
    features.add("pair", "log_odds", log_odds)
    features.add_low_high("support", "probability_rank", lists.ranks_in_lists(candidates, probability))
    sums = lists.list_sums(candidates, probability)
    rival_sums = sums[left] - probability, sums[right] - probability
    features.add_low_high("support", "rival_sum", rival_sums)
    features.add_low_high("support", "best_rival", lists.best_rivals(candidates, probability))
    paths, strongest = lists.two_step_paths(candidates, probability, MIN_SUPPORT)
    features.add("support", "paths", paths)
    features.add("support", "paths_share", paths / (rival_sums[0] + rival_sums[1] + np.float32(1e-3)))
    features.add("support", "strongest_path", strongest)
    return features


def _add_similarity(features: PairFeatures, name: str, similarity: Float32) -> None:
    """A similarity, its ranks in the two lists, and its distance to the maximum and mean of each list."""
    candidates = features.candidates
    left, right = candidates.left, candidates.right
    valid = ~np.isnan(similarity)
    ranks = lists.ranks_in_lists(candidates, similarity)
    best, mean, std = lists.list_statistics(candidates, similarity).T
    features.add(name, name, similarity)
    features.add_low_high(
        name, f"{name}_rank", (np.where(valid, ranks[0], np.nan), np.where(valid, ranks[1], np.nan))
    )
    features.add_low_high(name, f"{name}_best", (best[left], best[right]))
    features.add_low_high(name, f"{name}_gap", (best[left] - similarity, best[right] - similarity))
    spread = np.maximum(std, np.float32(1e-6))
    features.add_low_high(
        name,
        f"{name}_deviations",
        ((similarity - mean[left]) / spread[left], (similarity - mean[right]) / spread[right]),
    )


def _add_density(features: PairFeatures, fused: Float32) -> None:
    """How similar the candidates of each listing are to it, and how many the two listings share."""
    candidates = features.candidates
    left, right = candidates.left, candidates.right
    _, mean, std = lists.list_statistics(candidates, fused).T
    features.add_low_high("density", "fused_mean", (mean[left], mean[right]))
    features.add_low_high("density", "fused_std", (std[left], std[right]))
    weight = np.nan_to_num(np.maximum(fused, 0))
    features.add("density", "shared_neighbours", lists.shared_neighbours(candidates, weight))


def _add_titles(features: PairFeatures, titles: TitleTokens, idf: Float32) -> None:
    """Args: idf: float32 (V,), of each word of the titles."""
    left, right = pairs = features.candidates.left, features.candidates.right
    shared, total = items.shared_weight(titles.words, pairs, idf), items.total_weight(titles.words, idf)
    union = total[left] + total[right] - shared
    coverage = shared / np.maximum(total[left], 1e-6), shared / np.maximum(total[right], 1e-6)
    features.add("words", "words_shared", shared)
    features.add("words", "words_jaccard", shared / np.maximum(union, 1e-6))
    features.add_low_high("words", "words_unshared", (total[left] - shared, total[right] - shared))
    features.add_low_high("words", "words_coverage", coverage)
    features.add_low_high("words", "words_rarest_unshared", items.rarest_unshared(titles.words, pairs, idf))
    features.add("words", "words_rarest_shared", items.rarest_shared(titles.words, pairs, idf))
    for name in ("numbers", "quantities", "codes"):
        sets: ItemSets = getattr(titles, name)
        count, n_shared = items.total_weight(sets), items.shared_weight(sets, pairs)
        features.add(name, f"{name}_shared", n_shared)
        features.add_low_high(name, f"{name}_unshared", (count[left] - n_shared, count[right] - n_shared))
        features.add(name, f"{name}_conflicts", items.n_conflicts(sets, pairs))
    features.add_low_high("length", "title_length", (titles.length[left], titles.length[right]))


def _add_number(features: PairFeatures, family: str, name: str, number: Ints, copies: Ints) -> None:
    """Whether both have one number (NaN where a listing has none), and how many listings have that of each."""
    left, right = features.candidates.left, features.candidates.right
    a, b = number[left], number[right]
    features.add(family, f"same_{name}", np.where((a >= 0) & (b >= 0), a == b, np.nan))
    features.add_low_high(family, f"{name}_copies", (copies[left], copies[right]))


def _add_attributes(features: PairFeatures, attributes: Attributes, counts: GalleryCounts) -> None:
    """How the two compare in each attribute that the catalogue has; NaN where a listing lacks it."""
    rows, (left, right) = features.candidates.rows, features.candidates.catalogue_rows
    for name in counts.attributes:
        if name in NUMBERS:
            _add_number(features, name, name, getattr(attributes, name)[rows], counts.copies[name])
        if name == "mpn":
            features.add(name, "mpn_in_title", attributes.mpn_in_title(left, right))
        elif name == "brand":
            features.add(name, "brand_agreement", attributes.compare(name, left, right))
        elif name == "price":
            features.add(name, "price_log_ratio", attributes.compare(name, left, right))
        elif name == "category":
            shared = attributes.compare(name, left, right)
            shallower = np.minimum(attributes.depth(left), attributes.depth(right))
            features.add(name, "category_shared", shared)
            features.add(name, "category_shared_part", shared / np.maximum(shallower, 1))


def _add_pictures(features: PairFeatures, name: str, pictures: csr_array, copies: Ints) -> None:
    """As `_add_number`: the two have a picture in common; copies of the picture of each that most listings have."""
    left, right = features.candidates.left, features.candidates.right
    sets = ItemSets(pictures, np.zeros(pictures.shape[1], np.int64))
    has_one = items.total_weight(sets) > 0
    features.add(
        "picture",
        f"same_{name}",
        np.where(has_one[left] & has_one[right], items.shared_weight(sets, (left, right)) > 0, np.nan),
    )
    features.add_low_high("picture", f"{name}_copies", (copies[left], copies[right]))
