"""What the pair model learns from: labelled pairs, their weights, and the folds of their listings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from samesku.arrays import Bools, Float64, Int32, Int64, Ints
from samesku.pairs.candidates import Candidates
from samesku.params.schema import PairModelParams


class NotEnoughPairs(Exception):
    """The labels cannot teach a pair model; the message says what is missing."""


@dataclass(frozen=True)
class PairLabels:
    """The labels of P candidate pairs.

    Attributes:
        train_mask: bool (P,), the pairs that the model learns from.
        same_product: bool (P,), the two listings have one label.
        weight: float64 (P,), the weight of a pair in training.
        n_queries: int64 (P,), how many of the two listings are labelled val listings: 0, 1 or 2.
        fold: int32 (2, P), the fold of the left and of the right listing, as `deal_folds` gives it.
    """

    train_mask: Bools
    same_product: Bools
    weight: Float64
    n_queries: Int64
    fold: Int32

    def training_pairs(self) -> PairLabels:
        """The pairs in `train_mask` alone."""
        mask = self.train_mask
        return PairLabels(
            mask[mask], self.same_product[mask], self.weight[mask], self.n_queries[mask], self.fold[:, mask]
        )


def label_pairs(
    candidates: Candidates, product: Ints, val_labelled: Bools, component: Ints, n_folds: int, seed: int
) -> PairLabels:
    """Label candidate pairs. The model learns from a pair of a labelled val listing and

    - a labelled listing of val or train: one product where the labels are equal, else two products;
    - a labelled test listing: two products, since a product lies in one split. The label itself stays hidden.

    It does not learn from a pair with an unlabelled listing. A pair weighs 1/√n for each of its labelled val
    listings, where n listings have the product. So the n² pairs of a large product do not outweigh all else.

    Args:
        product: int (N,), the product of each listing of the catalogue as `visible_products` gives it: −1
            where there is no label, −2 where the label is hidden.
        val_labelled: bool (N,), the labelled val listings.
        component: int (N,), the connected component of each listing.
    """
    left, right = candidates.catalogue_rows
    fold = deal_folds(component, val_labelled, n_folds, seed)
    size = np.bincount(product[product >= 0], minlength=1)
    listing_weight = val_labelled / np.sqrt(np.where(product >= 0, size[np.maximum(product, 0)], 1))
    return PairLabels(
        train_mask=(val_labelled[left] | val_labelled[right])
        & (product[left] != -1)
        & (product[right] != -1),
        same_product=(product[left] == product[right]) & (product[left] >= 0),
        weight=listing_weight[left] + listing_weight[right],
        n_queries=val_labelled[left].astype(np.int64) + val_labelled[right],
        fold=np.stack([fold[left], fold[right]]),
    )


def fit_folds(params: PairModelParams, component: Ints, val_labelled: Bools) -> PairModelParams:
    """The params with no more folds than val has labelled components; with fewer than two, no model can be taught.

    Raises:
        NotEnoughPairs: val's labelled listings are of one component.
    """
    n_components = len(np.unique(component[val_labelled]))
    if n_components < 2:
        raise NotEnoughPairs("the labelled val listings are of one product: no fold can be left out")
    return params.model_copy(update={"folds": min(params.folds, n_components)})


def deal_folds(component: Ints, val_labelled: Bools, n_folds: int, seed: int) -> Int32:
    """The fold of each labelled val listing, whole components together: int32 (N,), −1 for the rest."""
    names, number = np.unique(component[val_labelled], return_inverse=True)
    fold_of_component = np.empty(len(names), np.int32)
    fold_of_component[np.random.default_rng(seed).permutation(len(names))] = np.arange(len(names)) % n_folds
    fold = np.full(len(component), -1, dtype=np.int32)
    fold[val_labelled] = fold_of_component[number]
    return fold


def check_training_pairs(same_product: Bools, fold: Int32, n_folds: int) -> None:
    """Check that every fold leaves pairs of one product and of two products to learn from.

    Args:
        same_product: bool (P,). fold: int32 (2, P).

    Raises:
        NotEnoughPairs: it does not.
    """
    kinds = {"one product": same_product, "two products": ~same_product}
    for kind, pairs in kinds.items():
        if not pairs.any():
            raise NotEnoughPairs(f"no candidate pair of {kind} to learn from")
    for kind, pairs in kinds.items():
        for k in range(n_folds):
            if not (pairs & (fold != k).all(axis=0)).any():
                raise NotEnoughPairs(
                    f"without fold {k} of {n_folds}, no candidate pair of {kind} to learn from"
                )
