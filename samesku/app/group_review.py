"""Which groups, and which pairs of groups, people should decide next: the cards of the review."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from samesku import artefacts
from samesku.app.annotated_threshold import candidate_pairs
from samesku.app.products import (
    centre_scores,
    describe_contradictions,
    find_contradictions,
    pair_scores_within,
    pairs_within,
    read_groups,
)
from samesku.app.report.catalogue import Catalogue
from samesku.app.report.pairs import read_matches, read_metrics, score_weights
from samesku.app.review_pairs import read_review_pairs
from samesku.arrays import Float64, Int64
from samesku.catalogue.listings import ALL_PAIRS, AllowedPairs
from samesku.params import Params

MAX_CARDS = 3000
WIDTH = 0.05  # of a fused score around the threshold, in which a pair turns from unlikely to likely
DOUBT = 0.75  # the least uncertainty of a card with contradictions: that of a probability of 1/4 or 3/4
MIN_UNCERTAINTY = 0.2  # of a pair of groups: that of a probability of 0.05 or 0.95


@dataclass(frozen=True)
class Card:
    """One question: are these listings one product, or are the listings of two groups?

    Attributes:
        left: rows of a group, the closest to the centre first. right: rows of a second group; () for none.
        probability: guessed, that the answer is yes. contradictions: what speaks against it, in words.
        allowed: which pairs may match.
    """

    left: tuple[int, ...]
    right: tuple[int, ...]
    probability: float
    contradictions: tuple[str, ...]
    allowed: AllowedPairs = field(default=ALL_PAIRS, repr=False, compare=False)

    @property
    def n_pairs(self) -> int:
        """The pairs of listings that may match and that an answer settles."""
        left, right = np.array(self.left), np.array(self.right or self.left)
        may_match = self.allowed.of_rows(left[:, None], right)
        return int(may_match.sum() if self.right else np.triu(may_match, 1).sum())

    @property
    def uncertainty(self) -> float:
        """4 p (1 − p), 0 to 1, and at least DOUBT where something contradicts."""
        uncertainty = 4 * self.probability * (1 - self.probability)
        return max(uncertainty, DOUBT) if self.contradictions else uncertainty

    @property
    def worth(self) -> float:
        """What an answer is worth: its uncertainty times the pairs that it settles."""
        return self.uncertainty * self.n_pairs


def review_cards(system: str, params: Params, catalogue: Catalogue) -> list[Card]:
    """The cards of a system by falling worth, at most MAX_CARDS.

    A group is as probable as its weakest member, by its mean score with the others. A pair of groups is a card where
    the system is not sure of pairs between them: pairs of its clerical review, or else candidates near the threshold.
    A score that is no probability becomes one by a logistic curve of WIDTH around the lowest score of a match.

    Raises:
        InputError: the system has no groups or matches, or they are of another sample.
    """
    groups = read_groups(system, catalogue)
    matches = read_matches(system, catalogue)
    weights = score_weights(system, params, read_metrics(artefacts.predictions_folder(system)), matches)
    threshold = float(matches.score.min(initial=1.0))
    left, right, number = pairs_within(groups)
    to_centre = centre_scores(
        left, right, pair_scores_within(left, right, matches, weights, catalogue), len(catalogue)
    )
    by_probability = matches.review is not None
    contradictions = find_contradictions(left, right, number, catalogue)
    allowed = catalogue.listings.allowed
    ordered = [rows[np.argsort(-to_centre[rows], kind="stable")] for rows in groups]
    cards = []
    for i, rows in enumerate(ordered):
        if len(rows) > 1:
            weakest = to_centre[rows[-1:]]
            (probability,) = weakest if by_probability else to_probability(weakest, threshold)
            texts = different_texts([text for _, _, text in contradictions.get(i, [])])
            cards.append(Card(tuple(rows.tolist()), (), float(np.clip(probability, 0, 1)), texts, allowed))
    cards += _pairs_of_groups(system, params, catalogue, ordered, threshold)
    cards.sort(key=lambda card: (-card.worth, card.left, card.right))
    return cards[:MAX_CARDS]


def different_texts(texts: Sequence[str]) -> tuple[str, ...]:
    """The texts without repetitions: `26 ml ≠ 80 ml` and `80ML ≠ 26 ml` are one."""
    first: dict[frozenset[str], str] = {}
    for text in texts:
        sides = text.casefold().split(" ≠ ")
        first.setdefault(frozenset("".join(side.split()) for side in sides), text)
    return tuple(first.values())


def to_probability(score: Float64, threshold: float) -> Float64:
    """A guess, for the order of cards alone, of the probability of pairs by their fused score."""
    return 1 / (1 + np.exp(-(score - threshold) / WIDTH))


def _pairs_of_groups(
    system: str, params: Params, catalogue: Catalogue, groups: Sequence[Int64], threshold: float
) -> list[Card]:
    """The cards of two groups each, by the mean probability of the uncertain pairs between them."""
    left, right, probability = _uncertain_pairs(system, params, catalogue, threshold)
    group_of = np.full(len(catalogue), -1)
    for i, rows in enumerate(groups):
        group_of[rows] = i
    between: dict[tuple[int, int], list[int]] = defaultdict(list)
    for k, (a, b) in enumerate(zip(group_of[left].tolist(), group_of[right].tolist(), strict=True)):
        if a != b and min(a, b) >= 0:
            between[min(a, b), max(a, b)].append(k)
    cards = []
    for (a, b), pairs in between.items():
        mean = float(probability[pairs].mean())
        if 4 * mean * (1 - mean) >= MIN_UNCERTAINTY:
            likeliest = pairs[int(np.argmax(probability[pairs]))]
            row, other = int(left[likeliest]), int(right[likeliest])
            (notes,) = catalogue.attributes.notes(np.array([row]), np.array([other]))
            texts = tuple(describe_contradictions(catalogue, row, other, notes))
            sides = tuple(groups[a].tolist()), tuple(groups[b].tolist())
            cards.append(Card(*sides, mean, texts, catalogue.listings.allowed))
    return cards


def _uncertain_pairs(
    system: str, params: Params, catalogue: Catalogue, threshold: float
) -> tuple[Int64, Int64, Float64]:
    """Rows, rows and probabilities of the pairs of which a system is not sure."""
    path = artefacts.predictions_folder(system) / "review.parquet"
    if path.is_file():
        names, others, known = read_review_pairs(path)
        return catalogue.rows(names), catalogue.rows(others), known
    left, right, score = candidate_pairs(system, params, catalogue.listings)
    probability = to_probability(score, threshold)
    uncertain = 4 * probability * (1 - probability) >= MIN_UNCERTAINTY
    return left[uncertain], right[uncertain], probability[uncertain]


def card_content(cards: Sequence[Card], catalogue: Catalogue, seed: int) -> list[list[Any]]:
    """The cards for a page: [left, right, worth, probability, contradictions, random]. JSON can hold it.

    `random` depends on the seed and the listings of the card alone, so the random order stays the same.
    """
    ids = catalogue.listings.posting_id
    content = []
    for card in cards:
        names = "\n".join([str(seed), *sorted(ids[row] for row in card.left + card.right)])
        digest = hashlib.blake2b(names.encode(), digest_size=6).digest()
        content.append(
            [
                list(card.left),
                list(card.right),
                round(card.worth, 3),
                round(card.probability, 3),
                list(card.contradictions),
                int.from_bytes(digest, "little"),
            ]
        )
    return content
