"""Candidate pairs of a gallery by a fusion of channels, and their features.

A trained tower has seen the labels of train: how similar it finds two train listings is in-sample. A model that learned
from that would trust the tower too much. So these similarities are hidden (NaN), and train's labels teach what
zero-shot channels are worth, val's labels what the tower is worth beside them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from samesku.arrays import Bools
from samesku.catalogue.listings import AllowedPairs, Listings
from samesku.evaluation.rules import Rules, apply_rules
from samesku.evaluation.thresholds import best_augmentation_threshold
from samesku.pairs.candidates import Candidates, unite_candidates
from samesku.pairs.evidence import PairEvidence
from samesku.pairs.feature_blocks import FeatureBlock, PairFeatures
from samesku.pairs.features import describe_pairs
from samesku.pairs.gallery_counts import GalleryCounts
from samesku.params.schema import Augmentation, Rerank
from samesku.search.exact import Search, search_neighbours
from samesku.search.fusion import Fused
from samesku.search.galleries import augment_searches
from samesku.search.neighbours import Neighbours


@dataclass(frozen=True)
class GallerySearches:
    """The searches that give the candidate pairs of a gallery.

    Attributes:
        neighbours: the nearest of every listing by the fused rows, then by those after each step of augmentation.
        augmentation: which neighbours move a row.
    """

    neighbours: Sequence[Neighbours]
    augmentation: Augmentation


def searches_of_candidates(augmentation_steps: int) -> list[int]:
    """Which searches give candidates: that by the fused rows, and that by the rows after the last augmentation."""
    return [0, augmentation_steps] if augmentation_steps else [0]


def rows_of_features(fused: Sequence[Fused]) -> dict[str, Fused]:
    """The rows whose scores are features, of those of all searches."""
    return {"fused": fused[0], "augmented": fused[-1]} if len(fused) > 1 else {"fused": fused[0]}


def find_candidates(
    evidence: PairEvidence,
    fused: Fused,
    towers: Collection[str],
    listings: Listings,
    parts: Sequence[str],
    spec: Rerank,
    rules: Rules | None,
    search: Search = search_neighbours,
) -> tuple[list[GallerySearches], list[PairFeatures]]:
    """For each part of a gallery its searches, and its candidate pairs with features.

    The candidates of a listing are its `spec.k` nearest by the fused score, and its nearest after augmentation. Pairs
    of an equal GTIN are candidates where rules decide, and pairs of two GTINs are none.

    Args:
        towers: the channels that were trained. What they, and scores that they are part of, say of two labelled train
            listings is hidden.
        search: as of `open_search`.
    """
    in_sample = labelled_in_train(listings)

    def describe(part: str, augmentation: Augmentation | None) -> tuple[GallerySearches, PairFeatures]:
        # The augmented rows are as many as the catalogue's. They end here, before the next part is searched.
        neighbours = search(fused, listings.gallery(part), spec.k, allowed=listings.allowed)
        if augmentation is None:
            threshold = best_augmentation_threshold(neighbours, listings, neighbours.query)
            augmentation = Augmentation(steps=spec.augmentation_steps, threshold=threshold)
        rows, nearest = fused, []
        for step in augment_searches(fused, neighbours, spec.k, augmentation, search, listings.allowed):
            rows = step[0]
            nearest.append(step[1])
        searches = GallerySearches(nearest, augmentation)
        candidates = _unite(searches, rules, listings.allowed)
        of_features = [fused, rows] if len(nearest) > 1 else [fused]
        return searches, describe_candidates(candidates, evidence, of_features, towers, in_sample)

    searches: list[GallerySearches] = []
    features = []
    for part in parts:  # val comes before test, and its threshold serves test
        of_part, of_pairs = describe(part, searches[0].augmentation if searches else None)
        searches.append(of_part)
        features.append(of_pairs)
    return searches, features


def describe_candidates(
    candidates: Candidates,
    evidence: PairEvidence,
    fused: Sequence[Fused],
    towers: Collection[str],
    in_sample: Bools,
    counts: GalleryCounts | None = None,
) -> PairFeatures:
    """The features of candidate pairs, without what a tower says of two listings that it was trained on.

    Args:
        fused: the rows of all searches. in_sample: bool (N,), the listings whose labels taught the towers.
        counts: as of `describe_pairs`.
    """
    described = describe_pairs(candidates, evidence, rows_of_features(fused), counts)

    def hide(block: FeatureBlock) -> None:
        left, right = block.pairs.catalogue_rows
        block.hide({*towers, "fused", "augmented", "density"}, in_sample[left] & in_sample[right])

    return PairFeatures(candidates, [*described.parts, hide]) if towers else described


def labelled_in_train(listings: Listings) -> Bools:
    """bool (N,): the listings whose labels taught the towers."""
    return (listings.split == "train") & (listings.product >= 0)


def _unite(searches: GallerySearches, rules: Rules | None, allowed: AllowedPairs) -> Candidates:
    """The candidate pairs that the searches of a gallery give."""
    steps = len(searches.neighbours) - 1
    united = [searches.neighbours[step] for step in searches_of_candidates(steps)]
    if rules is not None:
        united = [apply_rules(nearest, rules, allowed) for nearest in united]
    return unite_candidates(searches.neighbours[0].query, united)
