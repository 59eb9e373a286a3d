"""The features of a candidate pair; each is the same whichever listing comes first.

What needs whole lists is computed for the gallery at once; all else for a block of pairs when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
from scipy.sparse import csr_array

from samesku.arrays import Float32, Float64, Ints
from samesku.catalogue.attributes import Attributes
from samesku.catalogue.title_tokens import ItemSets, TitleTokens
from samesku.pairs import list_features as lists
from samesku.pairs.candidates import Candidates
from samesku.pairs.evidence import PairEvidence, group_pictures
from samesku.pairs.feature_blocks import AddColumns, FeatureBlock, PairFeatures
from samesku.pairs.gallery_counts import NUMBERS, GalleryCounts, count_gallery
from samesku.pairs.title_features import ComparedItems, inverse_document_frequency
from samesku.scratch import new_array, slices
from samesku.search.fusion import Fused, channel_cosines, pair_scores

MIN_SUPPORT = 0.01  # a less probable pair supports no pair
PAIRS = 131_072  # whose similarities are computed at once


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
    rows = candidates.rows
    pictures = {
        name: number[rows] if evidence.owner is None else group_pictures(number, evidence.owner)[rows]
        for name, number in evidence.pictures.items()
    }
    similarities = _measure_similarities(candidates, evidence, fused)
    return pair_features(
        candidates, similarities, evidence.titles[rows], pictures, evidence.attributes, counts
    )


def _measure_similarities(
    candidates: Candidates, evidence: PairEvidence, fused: Mapping[str, Fused]
) -> dict[str, Float32]:
    """The similarity of the pairs by each channel that any listing has, and by each of `fused`: float32 (P,)."""
    channels = {name: channel for name, channel in evidence.channels.items() if channel.shape[1]}
    similarities = {name: new_array(len(candidates), np.float32) for name in [*channels, *fused]}
    for block in slices(len(candidates), PAIRS):
        left, right = candidates.select(block).catalogue_rows
        for name, cosine in channel_cosines(channels, left, right, owner=evidence.owner).items():
            similarities[name][block] = cosine
        for name, vectors in fused.items():
            similarities[name][block] = pair_scores(vectors, left, right)
    return similarities


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
    parts = [_similarity(candidates, name, similarity) for name, similarity in similarities.items()]
    parts.append(_density(candidates, similarities["fused"]))
    parts.append(_titles(titles, inverse_document_frequency(counts.words, counts.n_listings)))
    for name, picture in pictures.items():
        add = _pictures if isinstance(picture, csr_array) else partial(_number, "picture")
        parts.append(add(name, picture, counts.copies[name]))
    if attributes is not None:
        parts += _attributes(candidates, attributes, counts)
    return PairFeatures(candidates, parts)


def support_columns(candidates: Candidates, log_odds: Float64) -> AddColumns:
    """How the first scores of the pairs around a pair support it.

    Args:
        log_odds: float64 (P,), the first round's log-odds that the two listings are one product.
    """
    probability = new_array(len(candidates), np.float32)
    for block in slices(len(candidates), PAIRS):
        probability[block] = 1.0 / (1.0 + np.exp(-log_odds[block]))
    ranks, sums = lists.ranks_in_lists(candidates, probability), lists.list_sums(candidates, probability)
    rivals = lists.best_rivals(candidates, probability)
    paths, strongest = lists.two_step_paths(candidates, probability, MIN_SUPPORT)

    def add(block: FeatureBlock) -> None:
        left, right, pair = block.pairs.left, block.pairs.right, block.pair
        block.add("pair", "log_odds", log_odds[pair])
        block.add_low_high("support", "probability_rank", ranks[:, pair])
        rival_sums = sums[left] - probability[pair], sums[right] - probability[pair]
        block.add_low_high("support", "rival_sum", rival_sums)
        block.add_low_high("support", "best_rival", rivals[:, pair])
        block.add("support", "paths", paths[pair])
        of_rivals = rival_sums[0] + rival_sums[1] + np.float32(1e-3)
        block.add("support", "paths_share", paths[pair] / of_rivals)
        block.add("support", "strongest_path", strongest[pair])

    return add


def _similarity(candidates: Candidates, name: str, similarity: Float32) -> AddColumns:
    """A similarity, its ranks in the two lists, and its distance to the maximum and mean of each list."""
    ranks = lists.ranks_in_lists(candidates, similarity)
    best, mean, std = lists.list_statistics(candidates, similarity).T
    spread = np.maximum(std, np.float32(1e-6))

    def add(block: FeatureBlock) -> None:
        left, right, value = block.pairs.left, block.pairs.right, similarity[block.pair]
        block.add(name, name, value)
        block.add_low_high(name, f"{name}_rank", np.where(np.isnan(value), np.nan, ranks[:, block.pair]))
        block.add_low_high(name, f"{name}_best", (best[left], best[right]))
        block.add_low_high(name, f"{name}_gap", (best[left] - value, best[right] - value))
        deviations = (value - mean[left]) / spread[left], (value - mean[right]) / spread[right]
        block.add_low_high(name, f"{name}_deviations", deviations)

    return add


def _density(candidates: Candidates, fused: Float32) -> AddColumns:
    """How similar the candidates of each listing are to it, and how many the two listings share."""
    _, mean, std = lists.list_statistics(candidates, fused).T
    shared = lists.shared_neighbours(candidates, fused)

    def add(block: FeatureBlock) -> None:
        left, right = block.pairs.left, block.pairs.right
        block.add_low_high("density", "fused_mean", (mean[left], mean[right]))
        block.add_low_high("density", "fused_std", (std[left], std[right]))
        block.add("density", "shared_neighbours", shared[block.pair])

    return add


def _titles(titles: TitleTokens, idf: Float32) -> AddColumns:
    """Args: idf: float32 (V,), of each word of the titles."""
    words = ComparedItems(titles.words, idf)
    groups = {name: ComparedItems(getattr(titles, name)) for name in ("numbers", "quantities", "codes")}

    def add(block: FeatureBlock) -> None:
        left, right = pairs = block.pairs.left, block.pairs.right
        total, (shared, rarest_shared, rarest_unshared) = words.total, words.compare(pairs)
        union = total[left] + total[right] - shared
        coverage = shared / np.maximum(total[left], 1e-6), shared / np.maximum(total[right], 1e-6)
        block.add("words", "words_shared", shared)
        block.add("words", "words_jaccard", shared / np.maximum(union, 1e-6))
        block.add_low_high("words", "words_unshared", (total[left] - shared, total[right] - shared))
        block.add_low_high("words", "words_coverage", coverage)
        block.add_low_high("words", "words_rarest_unshared", rarest_unshared)
        block.add("words", "words_rarest_shared", rarest_shared)
        for name, sets in groups.items():
            count, n_shared = sets.total, sets.shared(pairs)
            block.add(name, f"{name}_shared", n_shared)
            block.add_low_high(name, f"{name}_unshared", (count[left] - n_shared, count[right] - n_shared))
            block.add(name, f"{name}_conflicts", sets.n_conflicts(pairs))
        block.add_low_high("length", "title_length", (titles.length[left], titles.length[right]))

    return add


def _number(family: str, name: str, number: Ints, copies: Ints) -> AddColumns:
    """Whether both have one number (NaN where a listing has none), and how many listings have that of each."""

    def add(block: FeatureBlock) -> None:
        left, right = block.pairs.left, block.pairs.right
        a, b = number[left], number[right]
        block.add(family, f"same_{name}", np.where((a >= 0) & (b >= 0), a == b, np.nan))
        block.add_low_high(family, f"{name}_copies", (copies[left], copies[right]))

    return add


def _attributes(
    candidates: Candidates, attributes: Attributes, counts: GalleryCounts
) -> Iterator[AddColumns]:
    """How the two compare in each attribute that the catalogue has; NaN where a listing lacks it."""
    for name in counts.attributes:
        if name in NUMBERS:
            yield _number(name, name, getattr(attributes, name)[candidates.rows], counts.copies[name])
        yield partial(_attribute, attributes, name)


def _attribute(attributes: Attributes, name: str, block: FeatureBlock) -> None:
    left, right = block.pairs.catalogue_rows
    if name == "mpn":
        block.add(name, "mpn_in_title", attributes.mpn_in_title(left, right))
    elif name == "brand":
        block.add(name, "brand_agreement", attributes.compare(name, left, right))
    elif name == "price":
        block.add(name, "price_log_ratio", attributes.compare(name, left, right))
    elif name == "category":
        shared = attributes.compare(name, left, right)
        shallower = np.minimum(attributes.depth(left), attributes.depth(right))
        block.add(name, "category_shared", shared)
        block.add(name, "category_shared_part", shared / np.maximum(shallower, 1))


def _pictures(name: str, pictures: csr_array, copies: Ints) -> AddColumns:
    """As `_number`: the two have a picture in common; copies of the picture of each that most listings have."""
    sets = ComparedItems(ItemSets(pictures, np.zeros(pictures.shape[1], np.int64)))

    def add(block: FeatureBlock) -> None:
        left, right = pairs = block.pairs.left, block.pairs.right
        both = (sets.total[left] > 0) & (sets.total[right] > 0)
        block.add("picture", f"same_{name}", np.where(both, sets.shared(pairs) > 0, np.nan))
        block.add_low_high("picture", f"{name}_copies", (copies[left], copies[right]))

    return add
