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
        held_out: int32 (2, P), the folds whose models alone score the pair; −1 for none.
    """

    train_mask: Bools
    same_product: Bools
    weight: Float64
    n_queries: Int64
    fold: Int32
    held_out: Int32

    def select(self, pair: Bools | Int64) -> PairLabels:
        """Some of the pairs."""
        return PairLabels(
            self.train_mask[pair],
            self.same_product[pair],
            self.weight[pair],
            self.n_queries[pair],
            self.fold[:, pair],
            self.held_out[:, pair],
        )

    def training_pairs(self) -> PairLabels:
        """The pairs that the model learns from."""
        return self.select(self.train_mask)

    def calibration_pairs(self) -> Bools:
        """bool (P,): those of them with a val listing. They are scored as pairs of test are."""
        return self.train_mask & (self.n_queries > 0)


def label_pairs(
    candidates: Candidates,
    product: Ints,
    val_labelled: Bools,
    teaching: Bools,
    component: Ints,
    params: PairModelParams,
) -> PairLabels:
    """Label candidate pairs. The model learns from a pair of two labelled listings of which at least one teaches.

    Pairs with test listings teach nothing. That a labelled one is of another product than those of val is certain,
    but in a catalogue whose test listings have no labels nobody would know it.

    A pair weighs 1/√n for each of its teaching listings, where n listings have the product. So the n² pairs of a
    large product do not outweigh all else.

    A model for test has seen the labels of no test listing, but those of the train listings that it is compared
    with. A pair of a val listing is scored likewise: by the model of the fold of the val listing, also where that
    model has seen the train listing.

    Args:
        product: int (N,), the product of each listing of the catalogue as `visible_products` gives it: −1
            where there is no label, or it is hidden.
        val_labelled: bool (N,), the labelled val listings.
        teaching: bool (N,), the listings whose labels teach: those of val, perhaps the labelled ones of train too.
        component: int (N,), the connected component of each listing.
    """
    sides = np.stack(candidates.catalogue_rows)
    left, right = sides
    fold = deal_folds(component, teaching, params.folds, params.seed)[sides]
    is_val = val_labelled[sides]
    is_known = product >= 0
    size = np.bincount(product[product >= 0], minlength=1)
    listing_weight = teaching / np.sqrt(np.where(product >= 0, size[np.maximum(product, 0)], 1))
    of_two_teaching = (fold >= 0).all(axis=0) & ~is_val.any(axis=0)
    return PairLabels(
        train_mask=(fold >= 0).any(axis=0) & is_known[left] & is_known[right],
        same_product=(product[left] == product[right]) & (product[left] >= 0),
        weight=listing_weight[left] + listing_weight[right],
        n_queries=is_val.sum(axis=0),
        fold=fold,
        held_out=np.where(is_val | of_two_teaching, fold, np.int32(-1)),
    )


def limit_folds(params: PairModelParams, component: Ints, val_labelled: Bools) -> PairModelParams:
    """The params with no more folds than val has labelled components; with fewer than two, no model can be taught.

    Raises:
        NotEnoughPairs: val's labelled listings are of one component.
    """
    n_components = len(np.unique(component[val_labelled]))
    if n_components < 2:
        raise NotEnoughPairs("the labelled val listings are of one product: no fold can be left out")
    return params.model_copy(update={"folds": min(params.folds, n_components)})


def deal_folds(component: Ints, teaching: Bools, n_folds: int, seed: int) -> Int32:
    """The fold of each teaching listing, whole components together: int32 (N,), −1 for the rest."""
    names, number = np.unique(component[teaching], return_inverse=True)
    fold_of_component = np.empty(len(names), np.int32)
    fold_of_component[np.random.default_rng(seed).permutation(len(names))] = np.arange(len(names)) % n_folds
    fold = np.full(len(component), -1, dtype=np.int32)
    fold[teaching] = fold_of_component[number]
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
