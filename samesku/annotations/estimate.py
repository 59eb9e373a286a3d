"""Precision and recall of thresholds by a stratified sample of annotated pairs, with 95% intervals."""

from dataclasses import dataclass

import numpy as np

from samesku.annotations.sampling import Drawn, PairSample, prior_weight
from samesku.arrays import Float64, Int64, Ints

DRAWS = 1000  # of the posterior of the recall


@dataclass(frozen=True)
class PairCurve:
    """The precision at T thresholds, descending: a pair is a match if its score reaches the threshold.

    Attributes:
        threshold: float64 (T,). n_pairs: int64 (T,), the candidate pairs that reach it.
        precision: float64 (T,), the stratified (Horvitz–Thompson) estimate; NaN while a stratum above the threshold
            has no answer.
        interval: float64 (T, 2), its 95% interval. low: float64 (T,), the lower end of its one-sided 95% interval.
    """

    threshold: Float64
    n_pairs: Int64
    precision: Float64
    interval: Float64
    low: Float64

    def __len__(self) -> int:
        return len(self.threshold)

    def lowest(self, precision: float) -> int | None:
        """The position of the lowest threshold whose precision is reached with 95% confidence; None without one."""
        reached = np.flatnonzero((self.low >= precision) & ~np.isnan(self.precision))
        return int(reached[-1]) if len(reached) else None


def estimate_curve(sample: PairSample, drawn: Drawn) -> PairCurve:
    """The precision at the ends of the strata and at every score that was annotated.

    A stratum of N pairs with n answers, x of them "same", has N · x / n true pairs. A threshold within a stratum
    splits it; the answers on each side are a random sample of that side. For the intervals, the N − n pairs without
    an answer have a Beta(c + x, c + n − x) share of true ones; c is `prior_weight`. The sum over the strata is taken
    as a Beta distribution of the same mean and variance, which is exact for one large stratum.
    """
    from scipy.special import betaincinv

    size, answered, hits, above = sample.size, drawn.answered, drawn.hits, sample.start[:-1]
    ends = sample.ranked[sample.start[1:] - 1]
    threshold = np.unique(np.concatenate([ends, drawn.score]))[::-1]
    n_pairs = np.searchsorted(-sample.ranked, -threshold, side="right").astype(np.int64)
    stratum = np.searchsorted(sample.start, n_pairs, side="left") - 1  # the one that the threshold is in
    # Of the stratum of each threshold: the pairs that reach it, their answers, their hits. (T,)
    inside = n_pairs - above[stratum]
    reaches = (drawn.stratum == stratum[:, None]) & (drawn.score >= threshold[:, None])
    inside_answered, inside_hits = reaches.sum(axis=1), (reaches & drawn.same).sum(axis=1)

    def up_to(values: Float64) -> Float64:
        """The sum over the strata above the one of each threshold: (H,) to (T,)."""
        return np.concatenate([[0.0], np.cumsum(values)])[stratum]

    n_true = up_to(expand(size, answered, hits)) + expand(inside, inside_answered, inside_hits)
    whole, part = (
        _moments(size, answered, hits, above + size),
        _moments(inside, inside_answered, inside_hits, n_pairs),
    )
    mean = (up_to(whole[0]) + part[0]) / n_pairs
    variance = (up_to(whole[1]) + part[1]) / n_pairs**2
    known = (variance < 1e-12) | (mean <= 0) | (mean >= 1)
    strength = np.where(known, 1.0, mean * (1 - mean) / np.where(known, 1.0, variance) - 1)
    ends_of = [
        np.where(
            known,
            mean,
            betaincinv(np.maximum(strength * mean, 1e-9), np.maximum(strength * (1 - mean), 1e-9), q),
        )
        for q in (0.025, 0.975, 0.05)
    ]
    return PairCurve(threshold, n_pairs, n_true / n_pairs, np.stack(ends_of[:2], axis=1), ends_of[2])


def estimate_recall(sample: PairSample, drawn: Drawn, threshold: float) -> tuple[float, float, float]:
    """The share of the true candidate pairs whose score reaches a threshold, and its 95% interval.

    The estimate is NaN while a stratum has no answer, or where no pair is true. The interval has the quantiles of
    1,000 draws of every stratum's share of true pairs, by the distribution of `estimate_curve`.
    """
    n_pairs = int(np.searchsorted(-sample.ranked, -threshold, side="right"))
    start = np.unique(np.concatenate([sample.start, [n_pairs]]))
    # The strata, that of the threshold in two.
    stratum = np.searchsorted(sample.start, start[1:], side="left") - 1
    of = drawn.stratum == stratum[:, None]
    upper = (start[1:] <= n_pairs)[:, None]
    split = (
        (stratum == stratum[np.searchsorted(start[1:], n_pairs)])[:, None]
        if n_pairs
        else np.zeros_like(upper)
    )
    of &= ~split | ((drawn.score >= threshold) == upper)
    size, answered, hits = np.diff(start), of.sum(axis=1), (of & drawn.same).sum(axis=1)
    n_true = expand(size, answered, hits)
    c = prior_weight(size, start[1:])
    generator = np.random.default_rng(0)
    share = generator.beta(c + hits, c + answered - hits, (DRAWS, len(size)))
    drawn_true = hits + generator.binomial(size - answered, share)
    recall = drawn_true[:, upper[:, 0]].sum(axis=1) / np.maximum(drawn_true.sum(axis=1), 1)
    low, high = np.quantile(recall, [0.025, 0.975])
    estimate = n_true[upper[:, 0]].sum() / n_true.sum() if n_true.sum() > 0 else np.nan
    return float(estimate), float(low), float(high)


def expand(size: Ints, answered: Ints, hits: Ints) -> Float64:
    """The estimated true pairs of strata, each of its answers counting for size / answered pairs; NaN without one."""
    share = np.divide(hits, answered, out=np.full(len(size), np.nan), where=answered > 0)
    return size * share


def _moments(size: Ints, answered: Ints, hits: Ints, depth: Ints) -> tuple[Float64, Float64]:
    """Mean and variance of the number of true pairs of strata (beta-binomial): two (S,)."""
    c = prior_weight(size, depth)
    strength, left = answered + 2 * c, (size - answered).astype(np.float64)
    share = (hits + c) / strength
    return hits + left * share, left * share * (1 - share) * (strength + left) / (strength + 1)
