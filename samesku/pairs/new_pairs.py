"""Candidate pairs of new listings with a catalogue whose pairs a run has scored, and their scores.

The pairs of a new listing have the features that they would have if it were appended to the gallery, and the pairs of
the catalogue stayed as they are:

- A pair of a new listing is a candidate where one of the two is among the k nearest of the other, by the fused rows or
  by the augmented ones. The neighbours of the new listing move its own augmented row; it moves no row of the catalogue.
- A new listing that enters a list of the catalogue drives no other listing out of it.
- Its pairs stand in both of their lists, so ranks, means and shared neighbours count them, as the words, pictures and
  numbers of the gallery are counted with it.
- The pairs of the catalogue keep the log-odds of the run. Where they support a new pair, these are taken.
- A new listing has no label: all models score its pairs, as they score those of test.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from samesku.arrays import Bools, Float64, Int64
from samesku.catalogue.listings import Listings
from samesku.evaluation.rules import Rules, apply_rules
from samesku.pairs.candidate_search import describe_candidates, searches_of_candidates
from samesku.pairs.candidates import Candidates
from samesku.pairs.feature_blocks import FeatureBlock
from samesku.pairs.features import support_columns
from samesku.pairs.local_evidence import ExtendedCounts, ListingEvidence, TextCounts, gather_evidence
from samesku.pairs.pair_model import READER, PairModel, PairScores, mean_log_odds
from samesku.pairs.run_pairs import RunPairs
from samesku.params.schema import Augmentation
from samesku.search.exact import group_gallery
from samesku.search.extension import ExtendedGallery, augment_new, search_both_ways
from samesku.search.fusion import Fused
from samesku.search.galleries import augment_steps, choose_moving

LISTINGS = 64  # new ones, whose pairs are scored at once


@dataclass(frozen=True)
class ScoredPairs:
    """M pairs with their features and scores. A listing is given by its number in an ExtendedGallery.

    Attributes:
        left, right: int64 (M,), left < right.
    """

    left: Int64
    right: Int64
    features: FeatureBlock
    scores: PairScores


class ScoredCatalogue:
    """A catalogue of N listings whose candidate pairs a run has scored.

    Args:
        evidence: its texts and channels, and the fused rows as the only ones.
        towers: the channels that were trained. in_sample: bool (N,), as of `describe_candidates`.
        k: of the searches.
    """

    def __init__(
        self,
        evidence: ListingEvidence,
        run: RunPairs,
        model: PairModel,
        listings: Listings,
        towers: Collection[str],
        in_sample: Bools,
        k: int,
        threads: int = 1,
    ) -> None:
        self.evidence = replace(evidence, fused=augment_steps(evidence.fused[0], run.moved_by))
        self.run, self.model, self.towers, self.in_sample = run, model, towers, in_sample
        self.k, self.threads = k, threads
        rows = np.arange(len(evidence), dtype=np.int32)
        self.groups = [group_gallery(fused, rows, listings.allowed) for fused in self.evidence.fused]
        self.counts = TextCounts(evidence.texts, range(len(evidence)))


class NewPairs:
    """The candidate pairs of new listings.

    Args:
        new: the texts and channels of Q new listings, and their fused rows as the only ones.
        rules: of the whole gallery, by place; as of `find_candidates`.
        pair: two listings whose pair is a candidate whatever the searches say.

    Attributes:
        left, right: int64 (M,), the numbers of the listings of each pair, left < right, by (right, left).
    """

    def __init__(
        self,
        catalogue: ScoredCatalogue,
        gallery: ExtendedGallery,
        new: ListingEvidence,
        rules: Rules | None = None,
        pair: tuple[int, int] | None = None,
    ) -> None:
        self.catalogue, self.gallery = catalogue, gallery
        left, right, fused = find_new_pairs(catalogue, gallery, new.fused[0], rules)
        if pair is not None:
            left, right = (np.append(of, end(pair)) for of, end in ((left, min), (right, max)))
        size = len(gallery.position)
        self.right, self.left = np.divmod(np.unique(right * size + left), size)
        self.new = replace(new, fused=fused)
        self.is_gone = gallery.position < 0
        replaced = np.flatnonzero(self.is_gone).tolist()
        texts = catalogue.evidence.texts
        self.counts = ExtendedCounts(catalogue.counts, texts, replaced, new.texts)

    def __len__(self) -> int:
        return len(self.left)

    def score(self) -> ScoredPairs:
        """Score all of them, those of LISTINGS new listings at once."""
        listing = np.unique(self.right)
        blocks = np.split(np.arange(len(self)), np.searchsorted(self.right, listing[LISTINGS::LISTINGS]))
        model = self.catalogue.model
        scored_by = np.ones((len(self), len(model.first)), bool)
        first, second = np.zeros(len(self)), np.zeros(len(self))
        described = []
        for pair in blocks if len(self) else []:
            _, features = self.describe(self.left[pair], self.right[pair])
            first[pair] = mean_log_odds(model.first, features.values(), scored_by[pair])
            described.append(features)
        for pair, features in zip(blocks, described, strict=False):
            around, place = self.around(self.left[pair], self.right[pair])
            log_odds = around.log_odds(self.catalogue.run, first)
            support = FeatureBlock(around.candidates.select(place), place)
            support_columns(around.candidates, log_odds)(support)
            if model.has_reader:  # a question does not wait for a network: its pairs are taken as unread
                support.add("reader", READER, np.full(len(place), np.nan))
            values = np.concatenate([support.values(), features.values()], axis=1)
            second[pair] = mean_log_odds(model.second, values, scored_by[pair])
        probability = model.calibration.probability(second)
        scores = PairScores(probability, first, second, scored_by)
        return ScoredPairs(self.left, self.right, _stack(described), scores)

    def describe(self, left: Int64, right: Int64) -> tuple["LocalPairs", FeatureBlock]:
        """The features of some pairs, old or new: of the first round."""
        catalogue = self.catalogue
        around, place = self.around(left, right)
        described = np.isin(around.listings, np.concatenate([left, right]))
        evidence, texts, fused = gather_evidence(catalogue.evidence, self.new, around.listings, described)
        counts = self.counts.of_listings(evidence.titles, texts, catalogue.run.settings.attributes)
        in_sample = np.append(catalogue.in_sample, np.zeros(len(self.new), bool))[around.listings]
        features = describe_candidates(
            around.candidates, evidence, fused, catalogue.towers, in_sample, counts
        )
        return around, features.block(place)

    def around(self, left: Int64, right: Int64) -> tuple["LocalPairs", Int64]:
        """All pairs in the lists of the listings of some pairs, and the places of these among them."""
        n, run = self.gallery.n_old, self.catalogue.run
        ends = np.unique(np.concatenate([left, right]))
        old = run.pairs_of(ends[ends < n])
        of_run = run.candidates.left[old], run.candidates.right[old]
        remains = ~(self.is_gone[of_run[0]] | self.is_gone[of_run[1]])
        old, of_run = old[remains], (of_run[0][remains], of_run[1][remains])
        new = np.flatnonzero(np.isin(self.left, ends) | np.isin(self.right, ends))
        sides = np.concatenate([of_run[0], self.left[new]]), np.concatenate([of_run[1], self.right[new]])
        listings = np.unique(np.concatenate(sides))
        a, b = (np.searchsorted(listings, side) for side in sides)
        order = np.lexsort((b, a))
        rows = np.arange(len(listings), dtype=np.int32)
        candidates = Candidates(rows, a[order].astype(np.int32), b[order].astype(np.int32))
        pair = np.concatenate([old, len(run.candidates) + new])[order]
        place = candidates.index(np.searchsorted(listings, left), np.searchsorted(listings, right))
        return LocalPairs(listings, candidates, pair), place


@dataclass(frozen=True)
class LocalPairs:
    """Some pairs of L listings.

    Attributes:
        listings: int64 (L,), ascending numbers. candidates: the pairs, whose rows are places in `listings`.
        pair: int64 (P,), the index of each among the pairs of the run, then those of the new listings.
    """

    listings: Int64
    candidates: Candidates
    pair: Int64

    def log_odds(self, run: RunPairs, new: Float64) -> Float64:
        """Their log-odds of the first round, of which `new` are those of the new pairs."""
        n = len(run.candidates)
        is_old = self.pair < n
        log_odds = np.empty(len(self.pair))
        log_odds[is_old], log_odds[~is_old] = run.first[self.pair[is_old]], new[self.pair[~is_old] - n]
        return log_odds


def find_new_pairs(
    catalogue: ScoredCatalogue, gallery: ExtendedGallery, new: Fused, rules: Rules | None
) -> tuple[Int64, Int64, list[Fused]]:
    """The candidate pairs of new listings, perhaps several times, and the rows of these listings for each search.

    Returns:
        int64 (M,) twice, numbers, the lower one first; the fused rows, then those after each step of augmentation.
    """
    steps = len(catalogue.groups) - 1
    if not len(new):
        return np.empty(0, np.int64), np.empty(0, np.int64), [new] * (steps + 1)
    of_candidates = searches_of_candidates(steps)
    fused, pairs = [new], [np.empty((2, 0), np.int32)]
    for step, of_catalogue in enumerate(catalogue.groups):
        groups = gallery.groups(of_catalogue, fused[step])
        if step not in of_candidates:
            neighbours = gallery.search(fused[step], groups, catalogue.k)
        else:
            lowest = catalogue.run.lowest[of_candidates.index(step)]
            neighbours, owner, entering = search_both_ways(gallery, fused[step], groups, catalogue.k, lowest)
            nearest = neighbours
            if rules is not None:
                nearest = apply_rules(neighbours, rules, gallery.allowed)
                differ = (rules.gtin[owner] >= 0) & (rules.gtin[entering] >= 0)
                differ &= rules.gtin[owner] != rules.gtin[entering]
                owner, entering = owner[~differ], entering[~differ]
            position, rank = np.nonzero(nearest.valid)
            pairs += [
                np.stack([nearest.query[position], nearest.neighbour[position, rank]]),
                np.stack([owner, entering]),
            ]
        if step < steps:
            augmentation = Augmentation(threshold=catalogue.run.settings.augmentation_threshold)
            moved_by = choose_moving(neighbours, augmentation)
            fused.append(augment_new(gallery, fused[step], groups, moved_by))
    a, b = gallery.number[np.concatenate(pairs, axis=1)]
    return np.minimum(a, b), np.maximum(a, b), fused


def _stack(parts: Sequence[FeatureBlock]) -> FeatureBlock:
    """The features of several sets of pairs, one after the other; they have no indices in one gallery."""
    none = np.empty(0, np.int32)
    stacked = FeatureBlock(Candidates(none, none, none), slice(0, 0))
    if parts:
        stacked.names, stacked.families = parts[0].names, parts[0].families
        columns = zip(*(part.columns for part in parts), strict=True)
        stacked.columns = [np.concatenate(of_parts) for of_parts in columns]
    return stacked
