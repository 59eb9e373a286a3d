"""Precision and recall of every threshold by a stratified sample of annotated pairs, with 95% intervals."""

from dataclasses import dataclass

import numpy as np

from samesku.annotations.sampling import Drawn, PairSample, prior_weight
from samesku.arrays import Float64, Int64, Ints

DRAWS = 1000  # of the posterior


@dataclass(frozen=True)
class PairCurve:
    """Estimates for T thresholds, descending: a pair is a match if its score reaches the threshold.

    Attributes:
        threshold: float64 (T,). n_pairs: int64 (T,), the candidate pairs that reach it.
        precision, recall: float64 (T,), the stratified (Horvitz–Thompson) estimates; NaN while a stratum that they
            need has no answer. The recall is relative to the true ones among all candidate pairs.
        precision_interval, recall_interval: float64 (T, 2), the 95% intervals.
        precision_low: float64 (T,), the lower end of the one-sided 95% interval.
    """

    threshold: Float64
    n_pairs: Int64
    precision: Float64
    precision_interval: Float64
    precision_low: Float64
    recall: Float64
    recall_interval: Float64

    def __len__(self) -> int:
        return len(self.threshold)

    def lowest(self, precision: float) -> int | None:
        """The position of the lowest threshold whose precision is reached with 95% confidence; None without one."""
        reached = np.flatnonzero(self.precision_low >= precision)
        return int(reached[-1]) if len(reached) else None


def estimate_curve(sample: PairSample, drawn: Drawn) -> PairCurve:
    """Precision and recall at the ends of the strata and at every score that was annotated.

    A stratum of N pairs with n answers, x of them "same", has N · x / n true pairs. A threshold within a stratum
    splits it; the answers on each side are a random sample of that side. In the intervals, the N − n pairs without
    an answer are true with a share that is drawn from Beta(c + x, c + n − x), 1,000 times; c is `prior_weight`.
    """
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
        """Sums over the strata above the one of each threshold: (…, H) to (…, T)."""
        sums = np.cumsum(values, axis=-1)
        return np.where(stratum > 0, sums[..., np.maximum(stratum - 1, 0)], 0.0)

    total = _expand(size, answered, hits)
    true_above = up_to(total) + _expand(inside, inside_answered, inside_hits)
    generator = np.random.default_rng(0)
    drawn_total = _draw(generator, size, answered, hits, above + size)
    drawn_inside = _draw(generator, inside, inside_answered, inside_hits, n_pairs)
    drawn_rest = _draw(
        generator, size[stratum] - inside, answered[stratum] - inside_answered, hits[stratum] - inside_hits,
        (above + size)[stratum],
    )  # fmt: skip
    drawn_above = up_to(drawn_total) + drawn_inside
    drawn_below = (
        drawn_total.sum(axis=1, keepdims=True) - up_to(drawn_total) - drawn_total[:, stratum] + drawn_rest
    )
    precision = drawn_above / n_pairs
    recall = drawn_above / np.maximum(drawn_above + drawn_below, 1.0)
    everything = total.sum()
    return PairCurve(
        threshold,
        n_pairs,
        true_above / n_pairs,
        np.quantile(precision, [0.025, 0.975], axis=0).T,
        np.quantile(precision, 0.05, axis=0),
        true_above / everything if everything > 0 else np.full(len(threshold), np.nan),
        np.quantile(recall, [0.025, 0.975], axis=0).T,
    )


def _expand(size: Ints, answered: Ints, hits: Ints) -> Float64:
    """The estimated true pairs of strata, each of its answers counting for size / answered pairs; NaN without one."""
    share = np.divide(hits, answered, out=np.full(len(size), np.nan), where=answered > 0)
    return size * share


def _draw(generator: np.random.Generator, size: Ints, answered: Ints, hits: Ints, depth: Ints) -> Float64:
    """True pairs of S strata, drawn DRAWS times: (DRAWS, S). `depth`: the pairs down to a stratum's lower end."""
    c = prior_weight(size, depth)
    share = generator.beta(c + hits, c + answered - hits, (DRAWS, len(size)))
    return hits + generator.binomial(size - answered, share).astype(np.float64)
