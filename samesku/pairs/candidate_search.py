"""Candidate pairs of a gallery by a fusion of channels, and their features."""

from collections.abc import Sequence
from dataclasses import replace

from samesku.catalogue.listings import Listings
from samesku.evaluation.decisions import Rules, apply_rules, best_val_threshold
from samesku.pairs.candidates import unite_candidates
from samesku.pairs.features import PairEvidence, PairFeatures, describe_pairs
from samesku.params.schema import Fusion, Rerank
from samesku.search.exact import search_neighbours
from samesku.search.fusion import channel_weights, concatenate_channels
from samesku.search.galleries import augment_rows, search_augmented
from samesku.search.neighbours import Neighbours


def find_candidates(
    evidence: PairEvidence,
    fusion: Fusion,
    listings: Listings,
    parts: Sequence[str],
    spec: Rerank,
    rules: Rules | None,
) -> tuple[list[Neighbours], list[PairFeatures]]:
    """For each part of a gallery its neighbours by the fused score, and its candidate pairs with features.

    The candidates of a listing are its `spec.k` nearest by the fused score, and its nearest after augmentation. Pairs
    of an equal GTIN are candidates where rules decide, and pairs of two GTINs are none.

    Args:
        evidence: of the catalogue. The features see those of its channels that `fusion` names, at any weight.
    """
    channels = {name: evidence.channels[name] for name in (*fusion.image, *fusion.title)}
    evidence = replace(evidence, channels=channels)
    weights = channel_weights(fusion.image, fusion.title, fusion.alpha)
    fused = concatenate_channels(channels, weights, listings.owner)
    searches, features = [], []
    for part in parts:
        neighbours = search_neighbours(fused, listings.gallery(part), spec.k, allowed=listings.allowed)
        rows, united, scored_rows = neighbours.query, [neighbours], {"fused": fused}
        if part != "test":  # val comes first, and its threshold serves test
            threshold, _ = best_val_threshold(neighbours, listings, rows)
        if spec.augmentation_steps:
            augmented = augment_rows(fused, neighbours, threshold)
            steps = spec.augmentation_steps - 1
            nearest, augmented = search_augmented(
                augmented, rows, spec.k, steps, threshold, allowed=listings.allowed
            )
            united.append(nearest)
            scored_rows["augmented"] = augmented
        if rules is not None:
            united = [apply_rules(nearest, rules, listings.allowed) for nearest in united]
        searches.append(neighbours)
        features.append(describe_pairs(unite_candidates(rows, united), evidence, scored_rows))
    return searches, features
