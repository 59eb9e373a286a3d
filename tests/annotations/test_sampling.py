"""The stratified sample of pairs: strata and weights by hand, a random order that the ids decide, where draws go."""

import numpy as np
import pytest

from samesku.annotations.file import Annotation, sort_pair
from samesku.annotations.sampling import (
    Plan,
    guess_shares,
    plan_draws,
    prior_weight,
    read_drawn,
    stratify_pairs,
)

IDS = np.array([f"p{i:03}" for i in range(80)], dtype=object)


def make_sample(n_pairs=1000, seed=0, score=None):
    """Pairs of 80 listings, best first: the i-th scores 1 − i / n_pairs."""
    left, right = (rows[:n_pairs] for rows in np.triu_indices(len(IDS), 1))
    score = 1 - np.arange(n_pairs) / n_pairs if score is None else score
    return stratify_pairs(IDS, left, right, score, seed)


def annotate(sample, positions, answer="same"):
    return {sample.pair(position, IDS): Annotation(answer, "t") for position in positions}


def test_strata_are_runs_of_ranks_each_deeper_by_the_root_of_two():
    # 80 listings: the first stratum has 80 / 8 = 10 pairs, the last one begins at 8 · 80 = 640.
    sample = make_sample()
    assert sample.start.tolist() == [0, 10, 14, 20, 28, 40, 57, 80, 113, 160, 226, 320, 453, 640, 1000]
    for h, size in enumerate(sample.size):
        scores = sample.score[sample.start[h] : sample.start[h + 1]]
        assert sorted(scores, reverse=True) == sample.ranked[sample.start[h] :][:size].tolist()
    assert len({sample.pair(i, IDS) for i in range(len(sample))}) == 1000


def test_equal_scores_are_in_one_stratum():
    score = np.repeat([0.9, 0.5, 0.1], [35, 5, 960])
    assert make_sample(score=score).size.tolist() == [35, 5, 960]
    assert make_sample(score=np.ones(1000)).size.tolist() == [1000]


def test_few_pairs_or_none():
    assert make_sample(4).size.tolist() == [4]
    assert make_sample(0).size.tolist() == []


def test_the_order_is_random_and_the_seed_and_ids_alone_decide_it():
    sample = make_sample()
    again = make_sample()
    assert sample.left.tolist() == again.left.tolist()
    assert sample.left.tolist() != make_sample(seed=1).left.tolist()
    # Within a stratum the order knows nothing of the score: the rank correlation of 360 pairs has sd 1/√359 = 0.053.
    last = sample.score[sample.start[-2] :]
    assert abs(np.corrcoef(np.arange(len(last)), last)[0, 1]) < 0.2
    # Pairs in another order, with left and right exchanged, are asked in the same order.
    left, right = (rows[:1000][::-1] for rows in np.triu_indices(len(IDS), 1))
    turned = stratify_pairs(IDS, right, left, (1 - np.arange(1000) / 1000)[::-1], 0)
    assert [turned.pair(i, IDS) for i in range(1000)] == [sample.pair(i, IDS) for i in range(1000)]


def test_pairs_that_were_asked_early_are_asked_early_in_other_strata():
    """Other weights move the scores; two pairs that share a stratum again keep their order."""
    before = make_sample(seed=3)
    after = make_sample(seed=3, score=np.ones(1000))
    place = {after.pair(i, IDS): i for i in range(1000)}
    for begin, end in zip(before.start[:-1], before.start[1:], strict=True):
        places = [place[before.pair(i, IDS)] for i in range(begin, end)]
        assert places == sorted(places)


def test_the_sample_is_the_run_of_annotated_pairs_at_the_head_of_each_stratum():
    sample = make_sample()
    start = sample.start.tolist()
    annotations = annotate(sample, [0, 1, start[2]]) | annotate(sample, [start[2] + 1], "different")
    annotations |= annotate(sample, [3, start[5] + 2])  # from elsewhere: the sample has not reached them
    annotations |= annotate(sample, [start[7]], "skip")  # drawn, without an answer
    annotations[sort_pair("a", "b")] = Annotation("same", "t")
    drawn = read_drawn(sample, IDS, annotations)
    assert drawn.count.tolist() == [2, 0, 2, 0, 0, 0, 0, 1] + [0] * 6
    assert drawn.answered.tolist() == [2, 0, 2] + [0] * 11
    assert drawn.hits.tolist() == [2, 0, 1] + [0] * 11
    assert drawn.score.tolist() == sample.score[[0, 1, start[2], start[2] + 1]].tolist()
    annotations |= annotate(sample, [2])
    assert read_drawn(sample, IDS, annotations).count[0] == 4  # now the pair from elsewhere counts too


def test_the_prior_is_spread_over_strata_by_size():
    # Half of 10/10, of 4/14, of 6/20.
    assert prior_weight(np.array([10, 4, 6]), np.array([10, 14, 20])).tolist() == [0.5, 2 / 14, 3 / 20]


def test_the_guess_starts_as_a_curve_over_the_rank_and_follows_the_annotations():
    sample = make_sample()
    none = np.zeros(len(sample.size), int)
    guess = guess_shares(sample, none, none)
    assert (np.diff(guess) < 0).all()
    # √(57 · 80) = 67 and √(80 · 113) = 95 are the middle ranks around 80, the number of listings: one half.
    assert guess[6] > 0.5 > guess[7]
    answered = none.copy()
    answered[:3] = 10
    low = guess_shares(sample, answered, none)
    assert (np.diff(low) <= 0).all()
    assert low[0] < 0.3  # none of 30 is true, and the three strata below count for two annotations each
    assert low[8:].tolist() == guess[8:].tolist()


def plan(share, count, last, size=(100, 100, 200)):
    share, count = np.array(share, float), np.array(count)
    return Plan(np.array(size), share, last, count, count * share, count * (1 - share))


def test_draws_go_where_the_variance_of_the_precision_is():
    # Each stratum down to the one below the threshold is drawn three times first.
    assert plan([0.9, 0.5, 0.1], [3, 2, 0], last=0).next_stratum() == 1
    # Of two strata of equal size and draws, the one of uncertain pairs.
    assert (
        plan([0.99, 0.5, 0.1], [6, 6, 0], last=1, size=(100, 100, 9000)).next_stratum() == 2
    )  # too few there
    assert plan([0.99, 0.5, 0.01], [6, 6, 3], last=1).next_stratum() == 1
    # Every tenth draw is from below: the recall needs it.
    assert plan([0.9, 0.5, 0.1], [5, 4, 0], last=0).next_stratum() == 2
    # A stratum of which every pair is drawn is not drawn from; at last there is nothing to draw.
    assert plan([0.9, 0.5, 0.1], [4, 4, 3], last=1, size=(4, 4, 200)).next_stratum() == 2
    assert plan([0.9, 0.5, 0.1], [4, 4, 4], last=1, size=(4, 4, 4)).next_stratum() is None


def test_half_the_width_of_the_interval_by_hand():
    # One stratum of 1,000 pairs, 50 + 50 answers: Beta(50.5, 50.5) has variance 1/4 / 102; 900 of 1,000 are unknown.
    one = plan([0.5], [100], last=0, size=(1000,))
    assert one.half_width == pytest.approx(1.96 * np.sqrt(0.25 / 102 * 0.9))
    # Two strata of equal size down to the threshold; the second has c = ½ · 1/2.
    two = plan([0.5, 0.5, 0.1], [9, 9, 0], last=1, size=(10**9, 10**9, 10))
    assert two.half_width == pytest.approx(1.96 * np.sqrt(0.25 * 0.25 / 11 + 0.25 * 0.25 / 10.5))


def test_the_number_of_draws_needed_is_the_one_that_suffices():
    start = plan([0.9, 0.6, 0.1], [5, 5, 5], last=0, size=(10**6, 10**6, 10**6))
    needed = start.count_needed(0.1)
    assert needed > 10
    drawn = start
    for _ in range(needed - 1):
        drawn = drawn.draw(np.eye(3)[drawn.next_stratum()])
    assert drawn.half_width > 0.1
    assert drawn.draw(np.eye(3)[drawn.next_stratum()]).half_width <= 0.1
    assert plan([0.9], [4], last=0, size=(4,)).count_needed(0.03) == 0  # everything is known


def test_the_plan_looks_for_the_stratum_where_precision_falls_below_the_wanted_one():
    sample = make_sample()
    annotations = {}
    for h in range(7):
        positions = range(sample.start[h], sample.start[h] + min(10, sample.size[h]))
        annotations |= annotate(sample, positions, "same" if h < 4 else "different")
    drawn = read_drawn(sample, IDS, annotations)
    # 28 pairs are surely true, and 12 more are not: the precision at rank 40 is near 0.7.
    assert plan_draws(sample, drawn, 0.9).last == 3
    assert plan_draws(sample, drawn, 0.6).last == 4
