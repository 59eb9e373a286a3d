"""Candidate pairs of a gallery by a fusion of channels, and their features.

A trained tower has seen the labels of train: how similar it finds two train listings is in-sample. A model that learned
from that would trust the tower too much. So these similarities are hidden (NaN), and train's labels teach what
zero-shot channels are worth, val's labels what the tower is worth beside them.
"""

from collections.abc import Collection, Sequence

from samesku.catalogue.listings import Listings
from samesku.evaluation.rules import Rules, apply_rules
from samesku.evaluation.thresholds import best_val_threshold
from samesku.pairs.candidates import candidate_threshold, limit_candidates, unite_candidates
from samesku.pairs.features import PairEvidence, PairFeatures, describe_pairs
from samesku.params.schema import Rerank
from samesku.search.exact import search_neighbours
from samesku.search.fusion import Fused
from samesku.search.galleries import augment_rows, search_augmented
from samesku.search.neighbours import Neighbours


def find_candidates(
    evidence: PairEvidence,
    fused: Fused,
    towers: Collection[str],
    listings: Listings,
    parts: Sequence[str],
    spec: Rerank,
    rules: Rules | None,
) -> tuple[list[Neighbours], list[PairFeatures]]:
    """For each part of a gallery its neighbours by the fused score, and its candidate pairs with features.

    The candidates of a listing are its nearest by the fused score, and its nearest after augmentation, `spec.k` of each
    on average (`candidate_threshold`). Pairs of an equal GTIN are candidates where rules decide, and pairs of two
    GTINs are none.

    Args:
        towers: the channels that were trained. What they, and scores that they are part of, say of two labelled train
            listings is hidden.
    """
    in_sample = (listings.split == "train") & (listings.product >= 0)
    searches, features = [], []
    for part in parts:
        neighbours = search_neighbours(fused, listings.gallery(part), spec.max_k, allowed=listings.allowed)
        rows, united, scored_rows = neighbours.query, [neighbours], {"fused": fused}
        if part != "test":  # val comes first, and its threshold serves test
            threshold, _ = best_val_threshold(neighbours, listings, rows)
        if spec.augmentation_steps:
            augmented = augment_rows(fused, neighbours, threshold)
            steps = spec.augmentation_steps - 1
            nearest, augmented = search_augmented(
                augmented, rows, spec.max_k, steps, threshold, allowed=listings.allowed
            )
            united.append(nearest)
            scored_rows["augmented"] = augmented
        united = [
            limit_candidates(nearest, spec.min_k, candidate_threshold(nearest, spec.min_k, spec.k))
            for nearest in united
        ]
        if rules is not None:
            united = [apply_rules(nearest, rules, listings.allowed) for nearest in united]
        searches.append(neighbours)
        described = describe_pairs(unite_candidates(rows, united), evidence, scored_rows)
        if towers:
            left, right = described.candidates.catalogue_rows
            described.hide({*towers, "fused", "augmented", "density"}, in_sample[left] & in_sample[right])
        features.append(described)
    return searches, features
