"""The catalogue as the pair model of `rerank` searches it: the score is the probability that two listings match.

samesku/pairs/new_pairs.py defines the features of a pair with a new listing. A pair of the catalogue that the run has
scored keeps that score.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from samesku import artefacts
from samesku.app.asked_listings import AskedListings, Comparison
from samesku.app.catalogue_index import CatalogueIndex
from samesku.app.query_listing import QueryListing
from samesku.app.system_index import SystemIndex
from samesku.arrays import Bools, Float32, Float64, Int32, Int64, Ints
from samesku.catalogue.listings import visible_products
from samesku.errors import InputError
from samesku.pairs.calibration import Platt
from samesku.pairs.candidate_search import labelled_in_train
from samesku.pairs.candidates import Candidates, best_candidates
from samesku.pairs.evidence import ListingTexts, read_texts
from samesku.pairs.explain import explain_scores
from samesku.pairs.feature_blocks import FeatureBlock
from samesku.pairs.local_evidence import ListingEvidence
from samesku.pairs.new_pairs import NewPairs, ScoredCatalogue, ScoredPairs
from samesku.pairs.outputs import NO_MODEL
from samesku.pairs.pair_model import PairModel, PairScores
from samesku.pairs.run_pairs import SETTINGS, read_run
from samesku.params import Decision, Params
from samesku.reading import reading
from samesku.search.fusion import (
    DECIMALS,
    channel_cosines,
    channel_weights,
    concatenate_channels,
    pair_scores,
)
from samesku.search.neighbours import Neighbours

GALLERY = artefacts.MODELS / "rerank" / "full"
#: Share of the catalogue below which listings without a title, or without a picture, are too few to learn from.
UNSEEN = 0.01
COPY = 1.0  # the score of two listings of one title and one picture


@dataclass(frozen=True)
class PairNearest:
    """As of `Nearest`, by the probability of each candidate pair."""

    neighbours: Neighbours
    catalogue: ScoredCatalogue
    pairs: NewPairs
    scored: ScoredPairs

    def lists(self, places: Int32, k: int) -> Neighbours:
        gallery, run = self.pairs.gallery, self.catalogue.run
        numbers = gallery.number[places]
        old = run.pairs_of(numbers[numbers < gallery.n_old])
        left = np.concatenate([run.candidates.left[old], self.scored.left])
        right = np.concatenate([run.candidates.right[old], self.scored.right])
        probability = np.concatenate([run.scores(old).probability, self.scored.scores.probability])
        return _best(places, gallery.position, left, right, probability, k)

    def explain(self, left: Int64, right: Int64) -> dict[str, Float32]:
        """As of `_explain`."""
        scored = self.scored
        size = len(self.pairs.gallery.position)
        keys = scored.right * size + scored.left
        pair = np.searchsorted(keys, np.maximum(left, right) * size + np.minimum(left, right))
        return _explain(self.catalogue.model, scored.features, scored.scores, pair)


class PairModelIndex(SystemIndex):
    """The catalogue and the decision of `rerank`.

    Raises:
        InputError: as of SystemIndex, or the run left no pair model of the full gallery.
    """

    name = "rerank"

    def __init__(self, params: Params, root: Path = Path()) -> None:
        self.spec = spec = params.rerank
        fusion = spec.fusion
        super().__init__(params, root, [*fusion.image, *fusion.title])
        folder = root / GALLERY
        if not (folder / SETTINGS).is_file():
            metrics = artefacts.read_json(root / artefacts.PREDICTIONS / "rerank" / "metrics.json")
            reason = str(metrics.get("model", {}).get("full", ""))
            if reason.startswith(NO_MODEL):
                raise InputError(f"rerank has no pair model: {reason.removeprefix(NO_MODEL)}")
            raise InputError(f"{folder / SETTINGS} is missing; run `dvc repro rerank`")
        rows = np.arange(len(self), dtype=np.int32)
        numbers = artefacts.read_json(folder / "numbers.json")
        with reading(folder):
            calibration = {name: float(value) for name, value in numbers["calibration"].items()}
            model = PairModel.load(folder, Platt(**calibration))
        run = read_run(folder, rows, model)
        fused_weights = channel_weights(fusion.image, fusion.title, fusion.alpha)
        settings = run.settings
        if settings.channels != list(self.channels) or settings.weights != fused_weights:
            raise InputError(
                f"{GALLERY} was made with other weights than rerank.fusion of params.yaml has; run `dvc repro rerank`"
            )
        self.weights = fused_weights
        fused = concatenate_channels(self.channels, fused_weights, self.listings.owner)
        evidence = ListingEvidence(read_texts(self.listings), self.channels, [fused])
        towers = self.channels.keys() - params.channels.keys()
        in_sample, threads = labelled_in_train(self.listings), params.machine.threads
        self.catalogue = ScoredCatalogue(
            evidence, run, model, self.listings, towers, in_sample, spec.k, threads
        )
        self.decision_value, self._min_score = settings.threshold, settings.min_score
        _ = self.encoders  # they see when the pipeline runs after this

    @cached_property
    def fallback(self) -> SystemIndex | None:
        try:
            main = CatalogueIndex(self.params, self.root)
        except InputError:
            return None
        main.encoders.share(self.encoders)
        return main

    def open_all(self) -> None:
        super().open_all()
        if self.fallback is not None:
            self.fallback.open_all()

    def cannot_judge(self, titles: Sequence[str], has_picture: Sequence[bool]) -> Bools:
        """Those that lack a title, or a picture, where nearly every listing of the catalogue has one.

        The model has learned from too few such pairs, and takes what is missing for a difference.
        """
        lacks_title, lacks_picture = (
            np.array([not title for title in titles], bool),
            ~np.array(has_picture, bool),
        )
        return (lacks_title & self._has_nearly_all["title"]) | (
            lacks_picture & self._has_nearly_all["picture"]
        )

    @cached_property
    def _has_nearly_all(self) -> dict[str, bool]:
        listings = self.listings
        hashes = np.array([bool(phash) for phash in listings.hashes[: len(self)]], bool)
        has = {"title": np.array([bool(title) for title in listings.title], bool)}
        has["picture"] = np.asarray(listings.has_image) | hashes
        return {name: bool(column.mean() > 1 - UNSEEN) for name, column in has.items()}

    def answering(self, listings: Sequence[QueryListing]) -> SystemIndex:
        new = [listing for listing in listings if listing.row is None]
        has_picture = [listing.jpeg is not None or bool(listing.image_phash) for listing in new]
        if not self.cannot_judge([listing.title for listing in new], has_picture).any():
            return self
        return self.fallback or self

    @property
    def decision(self) -> Decision:
        return Decision(kind="static", value=self.decision_value, at_least_one=self.spec.at_least_one)

    @property
    def min_score(self) -> float:
        return self._min_score

    def search(self, asked: AskedListings, k: int) -> PairNearest:
        pairs = NewPairs(self.catalogue, asked.gallery, _evidence(asked), asked.rules)
        gallery, scored = asked.gallery, self._with_copies(asked, pairs.score())
        probability = scored.scores.probability
        neighbours = _best(gallery.new, gallery.position, scored.left, scored.right, probability, k)
        return PairNearest(neighbours, self.catalogue, pairs, scored)

    def compare(self, left: QueryListing, right: QueryListing) -> tuple[Comparison, float]:
        """A listing of the catalogue (`QueryListing.row`) stays what it is there, another one is new.

        The pair is a candidate, whatever the searches say.
        """
        if left.row is not None and right.row is not None:
            return self.compare_rows(left.row, right.row), self.decision_value
        new = [listing for listing in (left, right) if listing.row is None]
        asked, numbers = self.ask(new), iter((len(self), len(self) + 1))
        pair = tuple(next(numbers) if of.row is None else of.row for of in (left, right))
        return self._compare_new(asked, (pair[0], pair[1])), self.decision_value

    def compare_rows(self, left: int, right: int) -> Comparison:
        """The score is that of the run; a pair that was no candidate there is scored as one that is added."""
        catalogue, rows = self.catalogue, (np.array([left]), np.array([right]))
        cosines = channel_cosines(self.channels, *rows, owner=self.listings.owner)
        of_channels = {name: float(column[0]) for name, column in cosines.items()}
        if np.isnan(pair_scores(catalogue.evidence.fused[0], *rows)).all():
            return Comparison(None, of_channels, {})
        place = catalogue.run.find(left, right)
        if place is None:
            return replace(self._compare_new(self._nothing, (left, right)), cosines=of_channels)
        pairs = NewPairs(catalogue, self._nothing.gallery, _evidence(self._nothing))
        _, features = pairs.describe(*np.sort(rows, axis=0))
        return _comparison(catalogue.model, features, catalogue.run.scores(np.array([place])), 0, of_channels)

    def _compare_new(self, asked: AskedListings, pair: tuple[int, int]) -> Comparison:
        """Of two numbers of the gallery."""
        pairs = NewPairs(self.catalogue, asked.gallery, _evidence(asked), asked.rules, pair)
        scored = self._with_copies(asked, pairs.score())
        (place,) = np.flatnonzero((scored.left == min(pair)) & (scored.right == max(pair))).tolist()
        columns = dict(zip(scored.features.names, scored.features.columns, strict=True))
        cosines = {name: float(columns[name][place]) if name in columns else np.nan for name in self.channels}
        if max(pair) >= len(self) and np.isnan(columns["fused"][place]):
            return Comparison(None, cosines, {})
        return _comparison(self.catalogue.model, scored.features, scored.scores, place, cosines)

    def _with_copies(self, asked: AskedListings, scored: ScoredPairs) -> ScoredPairs:
        """Two listings of one title and one picture match, where no label has taught the model about such pairs."""
        if self._has_labelled_copies:
            return scored
        titles, files = (
            np.array([*old[: len(self)], *new], dtype=object)
            for old, new in ((self.listings.title, asked.titles), (self.listings.image, asked.files))
        )
        is_copy = (titles[scored.left] == titles[scored.right]) & (files[scored.left] == files[scored.right])
        is_copy &= (titles[scored.left] != "") & (files[scored.left] != "")
        probability = np.where(is_copy, COPY, scored.scores.probability)
        return replace(scored, scores=replace(scored.scores, probability=probability))

    @cached_property
    def _has_labelled_copies(self) -> bool:
        listings, is_labelled = self.listings, visible_products(self.listings) >= 0
        content = zip(listings.title, listings.image, is_labelled, strict=False)
        counts = Counter((title, file) for title, file, known in content if known and title and file)
        return max(counts.values(), default=0) > 1

    @cached_property
    def _nothing(self) -> AskedListings:
        """No new listing beside the catalogue."""
        return self.ask([])


def _evidence(asked: AskedListings) -> ListingEvidence:
    rows = asked.rows
    texts = ListingTexts(asked.titles, asked.files, asked.hashes, asked.cells, rows.owner)
    return ListingEvidence(texts, rows.channels, [rows.fused])


def _explain(model: PairModel, features: FeatureBlock, scores: PairScores, pair: Ints) -> dict[str, Float32]:
    """As of `explain_scores`; the one reason of two copies is that they are copies."""
    moves = explain_scores(model, features, scores, pair)
    is_copy = scores.probability[pair] == COPY
    if is_copy.any():
        moves = {family: np.where(is_copy, np.float32(0), of_pairs) for family, of_pairs in moves.items()}
        moves["copy"] = is_copy.astype(np.float32)
    return moves


def _comparison(
    model: PairModel, features: FeatureBlock, scores: PairScores, place: int, cosines: Mapping[str, float]
) -> Comparison:
    """Of the pair at a place."""
    reasons = _explain(model, features, scores, np.array([place]))
    return Comparison(
        round(float(scores.probability[place]), DECIMALS),
        cosines,
        {family: float(moves[0]) for family, moves in reasons.items()},
    )


def _best(places: Ints, position: Int32, left: Ints, right: Ints, probability: Float64, k: int) -> Neighbours:
    """The k best pairs of some listings; all rows of the result are places.

    Args:
        places: int (Q,), of the listings. position: the place of each listing; −1 for one that is replaced.
        left, right: (P,), the pairs, by numbers. probability: float64 (P,).
    """
    sides = np.sort(np.stack([position[left], position[right]]), axis=0)
    remains = sides[0] >= 0
    (low, high), probability = sides[:, remains], probability[remains]
    order = np.lexsort((high, low))
    rows = np.unique(np.concatenate([low, high, places])).astype(np.int32)
    of_rows = (np.searchsorted(rows, side[order]).astype(np.int32) for side in (low, high))
    nearest = best_candidates(Candidates(rows, *of_rows), probability[order], k)
    mine = np.searchsorted(rows, places)
    return Neighbours(places.astype(np.int32), nearest.neighbour[mine], nearest.score[mine])
