"""What the pair model learns from: labelled pairs, their weights, and the folds of their listings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from samesku.arrays import Bools, Float64, Int32, Int64, Ints
from samesku.evaluation.annotated import AnnotatedPairs
from samesku.pairs.candidates import Candidates
from samesku.params.schema import PairModelParams
from samesku.scratch import slices

BLOCK = 2**18  # pairs whose labels are read at once


class NotEnoughPairs(Exception):
    """The labels cannot teach a pair model; the message says what is missing."""


class LabelledCandidates(Protocol):
    """P candidate pairs whose labels can be asked for: `CandidateLabels`, or `PairLabels` of all of them."""

    def select(self, pair: Ints | slice) -> PairLabels: ...


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

    def select(self, pair: Bools | Ints | slice) -> PairLabels:
        """Some of the pairs."""
        return PairLabels(
            self.train_mask[pair],
            self.same_product[pair],
            self.weight[pair],
            self.n_queries[pair],
            self.fold[:, pair],
            self.held_out[:, pair],
        )

    def calibration_pairs(self) -> Bools:
        """bool (P,): those of them with a val listing. They are scored as pairs of test are."""
        return self.train_mask & (self.n_queries > 0)


@dataclass(frozen=True)
class CandidateLabels:
    """The labels of the candidate pairs of a gallery, which are read for a block of pairs when they are asked for.

    Attributes:
        product: int (N,), the product of each listing of the catalogue as `visible_products` gives it: −1
            where there is no label, or it is hidden.
        val_labelled: bool (N,), the labelled val listings.
        fold: int32 (N,), as of `deal_folds`.
        weight: float64 (N,), 0 for a listing that does not teach.
        annotated: pairs that people annotated, none of them with a test listing; None: there are none.
    """

    candidates: Candidates
    product: Ints
    val_labelled: Bools
    fold: Int32
    weight: Float64
    annotated: AnnotatedPairs | None = None

    def select(self, pair: Ints | slice) -> PairLabels:
        """The labels of some pairs, by their indices. An annotation overrules labels."""
        sides = np.stack(self.candidates.select(pair).catalogue_rows)
        left, right = sides
        fold, is_val, is_known = self.fold[sides], self.val_labelled[sides], self.product >= 0
        of_two_teaching = (fold >= 0).all(axis=0) & ~is_val.any(axis=0)
        by_labels = (fold >= 0).any(axis=0) & is_known[left] & is_known[right]
        same_product = (self.product[left] == self.product[right]) & is_known[left]
        relation = (
            np.zeros(len(left), np.int8) if self.annotated is None else self.annotated.relation(left, right)
        )
        return PairLabels(
            train_mask=by_labels | (relation != 0),
            same_product=np.where(relation != 0, relation > 0, same_product),
            weight=self.weight[left] + self.weight[right],
            # People annotate doubtful pairs first, so annotations alone do not calibrate.
            n_queries=np.where((relation != 0) & ~by_labels, 0, is_val.sum(axis=0)),
            fold=fold,
            held_out=np.where(is_val | of_two_teaching, fold, np.int32(-1)),
        )


def label_pairs(
    candidates: Candidates,
    product: Ints,
    val_labelled: Bools,
    teaching: Bools,
    component: Ints,
    params: PairModelParams,
    annotated: AnnotatedPairs | None = None,
) -> CandidateLabels:
    """Label candidate pairs. The model learns from a pair of two labelled listings of which at least one teaches, and
    from annotated pairs.

    Pairs with test listings teach nothing. That a labelled one is of another product than those of val is certain,
    but in a catalogue whose test listings have no labels nobody would know it.

    A pair weighs 1/√n for each of its teaching listings, where n listings have the product. So the n² pairs of a
    large product do not outweigh all else.

    A model for test has seen the labels of no test listing, but those of the train listings that it is compared
    with. A pair of a val listing is scored likewise: by the model of the fold of the val listing, also where that
    model has seen the train listing.

    Args:
        product, val_labelled: as of `CandidateLabels`.
        teaching: bool (N,), the listings whose labels teach: those of val, perhaps the labelled ones of train too.
        component: int (N,), the connected component of each listing.
        annotated: as of `CandidateLabels`.
    """
    if annotated is not None:
        teaching = teaching | annotated.listings
    fold = deal_folds(component, teaching, params.folds, params.seed)
    size = np.bincount(product[product >= 0], minlength=1)
    weight = teaching / np.sqrt(np.where(product >= 0, size[np.maximum(product, 0)], 1))
    return CandidateLabels(candidates, product, val_labelled, fold, weight, annotated)


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


def draw_training_pairs(
    labels: LabelledCandidates, n_pairs: int, params: PairModelParams
) -> tuple[Int64, PairLabels]:
    """The pairs that the model learns from: of two products at most about `params.negatives`, drawn.

    The weight of a drawn pair stands for all of them.

    Returns:
        The indices of the M pairs, int64 (M,), ascending, and their labels.
    """
    blocks = [*slices(n_pairs, BLOCK)]
    n_negatives = 0
    for block in blocks:
        of_block = labels.select(block)
        n_negatives += int((of_block.train_mask & ~of_block.same_product).sum())
    share = min(1.0, params.negatives / max(1, n_negatives))
    generator = np.random.default_rng(params.seed)
    drawn = [np.empty(0, np.int64)]
    for block in blocks:
        of_block = labels.select(block)
        pair = np.flatnonzero(of_block.train_mask)
        drawn.append(block.start + pair[of_block.same_product[pair] | (generator.random(len(pair)) < share)])
    pair = np.concatenate(drawn)
    of_drawn = labels.select(pair)
    weight = np.where(of_drawn.same_product, of_drawn.weight, of_drawn.weight / share)
    return pair, replace(of_drawn, weight=weight)


class FoldCheck:
    """Whether every fold leaves pairs of one product and of two products to learn from.

    Blocks of pairs are added one after the other.
    """

    def __init__(self, n_folds: int) -> None:
        #: bool (2, folds + 1), of one product and of two: pairs without a listing in each fold; the last: any pairs.
        self.remain = np.zeros((2, n_folds + 1), bool)

    def add(self, same_product: Bools, fold: Int32) -> None:
        """Args: same_product: bool (P,). fold: int32 (2, P)."""
        for kind, pairs in enumerate((same_product, ~same_product)):
            self.remain[kind, -1] |= pairs.any()
            for k in range(self.remain.shape[1] - 1):
                self.remain[kind, k] |= (pairs & (fold != k).all(axis=0)).any()

    def refuse(self) -> None:
        """Raises: NotEnoughPairs: it does not."""
        kinds = ("one product", "two products")
        for kind, remain in zip(kinds, self.remain, strict=True):
            if not remain[-1]:
                raise NotEnoughPairs(f"no candidate pair of {kind} to learn from")
        for kind, remain in zip(kinds, self.remain, strict=True):
            for k in np.flatnonzero(~remain[:-1]).tolist():
                raise NotEnoughPairs(
                    f"without fold {k} of {len(remain) - 1}, no candidate pair of {kind} to learn from"
                )
