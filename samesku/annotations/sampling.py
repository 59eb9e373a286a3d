"""A random sample of a system's candidate pairs to annotate, stratified over the heights of the score.

The strata are runs of ranks, each √2 times as deep as the one above it: the few pairs at the top, where a threshold
lies, are covered as well as the many below. Every pair has a permanent random number, made from the seed and its two
ids, and a stratum is asked in the order of these numbers (permanent random numbers, Ohlsson 1995). So the sample is
derived, not stored: it is, of each stratum, the run of annotated pairs at its head. A pair that was annotated
elsewhere counts only once the sample has reached it. That keeps the sample random, and it also lets annotations
survive a change of weights or of the catalogue: pairs that were asked early are asked early again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from samesku.annotations.file import Annotation, Pair, sort_pair
from samesku.arrays import Bools, Float64, Floats, Int64, Ints
from samesku.embedding.encoder import scramble

TOP = 8  # the first stratum holds one pair for so many listings,
MIN_SIZE = 10  # and at least so many pairs
DEPTH = 8  # pairs for each listing that are stratified; all pairs below them are one last stratum
RATIO = 2**0.5  # of the depths of two strata
MIN_DRAWS = 3  # from each stratum down to the threshold, before draws follow the variance
PRIOR_DRAWS = 2.0  # for how many annotations of a stratum the first guess counts
BELOW = 10  # every so many draws, one is from below the threshold: it is needed for the recall
Z = 1.96  # standard deviations of a 95% interval


@dataclass(frozen=True)
class PairSample:
    """All P candidate pairs in H strata, best scores first, each stratum in the order in which it is asked.

    Attributes:
        left, right: int (P,), rows of the catalogue. score: float64 (P,).
        start: int64 (H + 1,): stratum h is the pairs from start[h] to start[h + 1].
        ranked: float64 (P,), every score, descending.
        n_listings: of the catalogue.
    """

    left: Ints
    right: Ints
    score: Float64
    start: Int64
    ranked: Float64
    n_listings: int

    def __len__(self) -> int:
        return len(self.score)

    @property
    def size(self) -> Int64:
        """int64 (H,), the pairs of each stratum."""
        return np.diff(self.start)

    def pair(self, position: int, posting_id: NDArray[np.object_]) -> Pair:
        """The ids of the pair at a position, 0 to P − 1."""
        return sort_pair(posting_id[self.left[position]], posting_id[self.right[position]])


@dataclass(frozen=True)
class Drawn:
    """What has been drawn from a sample so far.

    Attributes:
        count: int64 (H,), the pairs drawn from each stratum, skipped ones included.
        stratum, score, same: (n,), of each drawn pair with an answer: `same` is whether it is one product.
    """

    count: Int64
    stratum: Int64
    score: Float64
    same: Bools

    def __len__(self) -> int:
        return len(self.same)

    @property
    def answered(self) -> Int64:
        """int64 (H,), the drawn pairs with an answer."""
        return np.bincount(self.stratum, minlength=len(self.count))

    @property
    def hits(self) -> Int64:
        """int64 (H,), those of `answered` that are one product."""
        return np.bincount(self.stratum[self.same], minlength=len(self.count))


def stratify_pairs(
    posting_id: Sequence[str] | NDArray[np.object_], left: Ints, right: Ints, score: Floats, seed: int
) -> PairSample:
    """Order candidate pairs by stratum, and within a stratum at random.

    Args:
        posting_id: (N,). left, right: int (P,) rows; each pair once. score: (P,), rounded.
    """
    order = np.argsort(-score, kind="stable")
    ranked = score[order].astype(np.float64)
    first, deepest = max(MIN_SIZE, len(posting_id) / TOP), DEPTH * len(posting_id)
    n_depths = 1 + max(0, round(np.log(max(1, deepest / first)) / np.log(RATIO)))
    depths = np.rint(first * RATIO ** np.arange(n_depths)).astype(np.int64)
    # A stratum ends below the last pair of a score, so that equal scores are never apart.
    last = ranked[depths[depths < len(ranked)] - 1]
    ends = np.searchsorted(-ranked, -last, side="right")
    start = np.unique(np.concatenate([[0], ends, [len(ranked)]])).astype(np.int64)
    number = _random_numbers(posting_id, left, right, seed)[order]
    stratum = np.repeat(np.arange(len(start) - 1), np.diff(start))
    order = order[np.lexsort((number, stratum))]
    return PairSample(
        left[order], right[order], score[order].astype(np.float64), start, ranked, len(posting_id)
    )


def _random_numbers(
    posting_id: Sequence[str] | NDArray[np.object_], left: Ints, right: Ints, seed: int
) -> NDArray[np.uint64]:
    """A number for each pair that only the seed and its ids decide, the same in either order."""
    hashes = [hashlib.blake2b(name.encode(), digest_size=8, key=str(seed).encode()) for name in posting_id]
    of_listing = np.array([int.from_bytes(h.digest(), "little") for h in hashes], dtype=np.uint64)
    a, b = of_listing[left], of_listing[right]
    return scramble(np.minimum(a, b) ^ scramble(np.maximum(a, b)))


def read_drawn(
    sample: PairSample, posting_id: NDArray[np.object_], annotations: Mapping[Pair, Annotation]
) -> Drawn:
    """The run of annotated pairs at the head of each stratum; a skipped pair is drawn, but has no answer.

    The run may end in pairs that were annotated elsewhere. That is right: it stops before the first pair that was
    not, and such inverse sampling gives unbiased shares (Haldane 1945).
    """
    count = np.zeros(len(sample.size), np.int64)
    positions: list[int] = []
    same: list[bool] = []
    for h, (begin, end) in enumerate(zip(sample.start[:-1].tolist(), sample.start[1:].tolist(), strict=True)):
        for position in range(begin, end):
            annotation = annotations.get(sample.pair(position, posting_id))
            if annotation is None:
                break
            count[h] += 1
            if annotation.answer != "skip":
                positions.append(position)
                same.append(annotation.answer == "same")
    at = np.array(positions, dtype=np.int64)
    stratum = np.searchsorted(sample.start, at, side="right") - 1
    return Drawn(count, stratum, sample.score[at], np.array(same, dtype=bool))


def guess_shares(sample: PairSample, answered: Ints, hits: Ints) -> Float64:
    """A guess, for planning alone, of the share of true pairs in each stratum: float64 (H,), 0 to 1.

    Before any annotation, a logistic curve over the logarithm of the rank: half of the pairs are true where the rank
    is the number of listings. The curve counts for PRIOR_DRAWS annotations of each stratum. Shares never rise from
    one stratum to the next below it (isotonic regression).
    """
    from scipy.optimize import isotonic_regression

    middle = np.sqrt(np.maximum(sample.start[:-1], sample.start[1:] / 4) * sample.start[1:])
    height = -np.log(middle / max(1, sample.n_listings))
    prior = 1 / (1 + np.exp(-2.1 * height))  # 0.95 at a quarter of that rank, 0.05 at four times
    weight = answered + PRIOR_DRAWS
    return isotonic_regression((hits + PRIOR_DRAWS * prior) / weight, weights=weight, increasing=False).x


def prior_weight(size: Ints, depth: Ints) -> Float64:
    """The pseudo-annotations of strata, float64 (S,): this much of "same", and as much of "different".

    Half of a stratum's share of all pairs down to its lower end: together, the strata above a threshold have little
    more than one pseudo-annotation. That is Jeffreys' prior, spread over strata. A whole one in every stratum would
    add up to far more doubt than there is.

    Args:
        size: int (S,), the pairs of each stratum. depth: int (S,), the pairs down to its lower end.
    """
    return 0.5 * np.maximum(size, 1) / np.maximum(depth, 1)


@dataclass(frozen=True)
class Plan:
    """Where the next pairs are drawn, so that the precision at a threshold becomes known.

    Attributes:
        size: int64 (H,), of the strata. share: float64 (H,), the guessed share of true pairs.
        last: the last stratum above the place where the precision is guessed to fall below the wanted one.
        count, hits, misses: float64 (H,), the pairs drawn and the answers so far.
    """

    size: Int64
    share: Float64
    last: int
    count: Float64
    hits: Float64
    misses: Float64

    def next_stratum(self) -> int | None:
        """The stratum of the next draw; None if every pair is drawn.

        Draws go where they lessen the variance of the precision most (Neyman's allocation, one draw at a time): at
        the threshold, and with half the weight one stratum below it, where the threshold may turn out to be.
        """
        left = self.count < self.size
        if not left.any():
            return None
        wanted = np.arange(len(self.size)) <= self.last + 1
        if self.count.sum() % BELOW == BELOW - 1 or not (left & wanted).any():
            wanted = ~wanted if (left & ~wanted).any() else left
        elif (few := left & wanted & (self.count < MIN_DRAWS)).any():
            return int(np.flatnonzero(few)[np.argmin(self.count[few])])
        depth = np.cumsum(self.size)[[self.last, min(self.last + 1, len(self.size) - 1)]].astype(np.float64)
        weight = (np.arange(len(self.size)) <= self.last) / depth[0] ** 2 + 0.5 / depth[1] ** 2
        gain = weight * self.size**2 * (self.variance - self.draw(1.0).variance)
        return int(np.argmax(np.where(left & wanted, gain, -np.inf)))

    @property
    def variance(self) -> Float64:
        """float64 (H,): of the share of true pairs in each stratum, by its Beta distribution (`prior_weight`)."""
        c = prior_weight(self.size, np.cumsum(self.size))
        a, b = c + self.hits, c + self.misses
        return (
            a * b / ((a + b) ** 2 * (a + b + 1)) * np.maximum(0.0, 1 - (self.hits + self.misses) / self.size)
        )

    @property
    def half_width(self) -> float:
        """Half the width of the 95% interval of the precision at the threshold."""
        above = slice(0, self.last + 1)
        weight = self.size[above] / self.size[above].sum()
        return float(Z * np.sqrt((weight**2 * self.variance[above]).sum()))

    def draw(self, number: Float64 | float) -> "Plan":
        """The plan after so many further draws from each stratum, (H,), if they turn out as guessed."""
        return replace(
            self,
            count=self.count + number,
            hits=self.hits + number * self.share,
            misses=self.misses + number * (1 - self.share),
        )

    def count_needed(self, margin: float) -> int:
        """How many more draws bring `half_width` to `margin`, if they turn out as guessed."""
        plan, needed = self, 0
        while plan.half_width > margin and (h := plan.next_stratum()) is not None:
            plan = plan.draw(np.eye(len(self.size))[h])
            needed += 1
        return needed


def plan_draws(sample: PairSample, drawn: Drawn, precision: float) -> Plan:
    """The plan after the pairs drawn so far, for a threshold with this precision."""
    size, answered, hits = sample.size, drawn.answered, drawn.hits
    share = guess_shares(sample, answered, hits)
    reached = np.flatnonzero(np.cumsum(size * share) >= precision * np.cumsum(size))
    last = int(reached[-1]) if len(reached) else 0
    counts = (numbers.astype(np.float64) for numbers in (drawn.count, hits, answered - hits))
    return Plan(size, share, last, *counts)
