"""Features: each by hand on three listings, and the same whichever listing comes first."""

import numpy as np
import pytest

from samesku.catalogue import title_tokens as tokens
from samesku.pairs import features, support
from samesku.pairs.candidates import Candidates

TITLES = ["susu bubuk 400 gr A12", "susu bubuk 0.8kg A13", "susu cair 400gram"]
# 0–1, 0–2, 1–2
FUSED = np.array([0.8, 0.6, 0.2], dtype=np.float32)
PHASH = np.array([1.0, np.nan, np.nan], dtype=np.float32)


def candidates(size=3):
    left, right = np.triu_indices(size, 1)
    return Candidates(np.arange(size, dtype=np.int32), left.astype(np.int32), right.astype(np.int32))


@pytest.fixture(scope="module")
def found():
    pictures = {"hash": np.array([4, 4, -1])}
    described = features.describe(
        candidates(), {"phash": PHASH, "fused": FUSED}, tokens.read(TITLES), pictures
    )
    return dict(zip(described.names, described.values.T.tolist(), strict=True)), described


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("fused", FUSED),
        ("fused_rank_low", [1, 1, 2]),
        ("fused_rank_high", [1, 2, 2]),
        ("fused_best_low", [0.8, 0.6, 0.6]),
        ("fused_gap_low", [0, 0, 0.4]),
        ("fused_gap_high", [0, 0.2, 0.6]),
        ("fused_deviations_low", [1, -1, -1]),
        ("phash", PHASH),
        ("phash_rank_low", [1, np.nan, np.nan]),
        ("quantities_shared", [0, 1, 0]),
        ("quantities_conflicts", [1, 0, 1]),
        ("codes_conflicts", [1, 0, 0]),
        ("numbers_shared", [0, 0, 0]),
        ("same_hash", [1, np.nan, np.nan]),
        ("hash_copies_high", [2, 2, 2]),
        ("hash_copies_low", [2, 0, 0]),
        ("title_length_low", [20, 17, 17]),
    ],
)
def test_by_hand(found, name, by_hand):
    assert found[0][name] == pytest.approx(by_hand, abs=1e-5, nan_ok=True)


def test_words_weigh_by_rarity(found):
    # susu stands in all three and weighs 0, bubuk in two
    bubuk, once = np.log(3 / 2), np.log(3)
    assert found[0]["words_shared"] == pytest.approx([bubuk, 0, 0])
    # three words alone on each side, each in one title: 400, gr, a12 against 0, 8kg, a13
    assert found[0]["words_alone_low"][0] == pytest.approx(3 * once)
    assert found[0]["words_jaccard"][0] == pytest.approx(bubuk / (bubuk + 6 * once))
    assert found[0]["words_rarest_alone_high"][0] == pytest.approx(once)


def test_every_column_has_a_name_and_a_family_once(found):
    described = found[1]
    assert len(described.names) == len(set(described.names)) == len(described.families)
    assert described.values.shape == (3, len(described.names))
    assert described.values.dtype == np.float32
    np.testing.assert_array_equal(described.at(np.array([2])), described.values[[2]])


@pytest.mark.parametrize("seed", range(5))
def test_which_listing_comes_first_does_not_show(seed):
    """The gallery in another order: the same numbers for the same pairs, in both rounds."""
    draw = np.random.default_rng(seed)
    n = 9
    pool = candidates(n)
    order = draw.permutation(n)
    words = [" ".join(draw.choice(["a", "b", "c1", "c2", "5ml", "9ml", "7"], 4)) for _ in range(n)]
    score = draw.integers(0, 5, len(pool)).astype(np.float32) / 4
    identity = draw.integers(-1, 3, n)
    table = np.zeros((n, n), np.float32)
    table[pool.left, pool.right] = table[pool.right, pool.left] = score
    turned = table[order][:, order][pool.left, pool.right]
    ours = features.describe(pool, {"fused": score}, tokens.read(words), {"hash": identity}).values
    theirs = features.describe(
        pool, {"fused": turned}, tokens.read([words[i] for i in order]), {"hash": identity[order]}
    ).values
    place = np.zeros((n, n), int)
    place[pool.left, pool.right] = place[pool.right, pool.left] = np.arange(len(pool))
    same = place[order[pool.left], order[pool.right]]
    np.testing.assert_allclose(theirs, ours[same], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        support.describe(pool, turned.astype(float)).values,
        support.describe(pool, score.astype(float)).values[same],
        rtol=1e-5,
        atol=1e-6,
    )


def test_support_by_hand():
    # probabilities 0.8, 0.6, 0.2 of 0–1, 0–2, 1–2
    margin = np.log(FUSED / (1 - FUSED)).astype(float)
    found = support.describe(candidates(), margin)
    by_name = dict(zip(found.names, found.values.T, strict=True))
    assert by_name["pair"] == pytest.approx(margin, rel=1e-5)
    assert by_name["through"] == pytest.approx([0.6 * 0.2, 0.8 * 0.2, 0.8 * 0.6])
    assert by_name["through_strongest"] == pytest.approx([0.12, 0.16, 0.48])
    assert by_name["others_low"] == pytest.approx([0.2, 0.2, 0.6])
    assert by_name["best_other_high"] == pytest.approx([0.6, 0.8, 0.8])
    assert by_name["through_share"][0] == pytest.approx(0.12 / (0.6 + 0.2 + 1e-3))


def test_no_pairs():
    none = Candidates(np.arange(2, dtype=np.int32), np.empty(0, np.int32), np.empty(0, np.int32))
    described = features.describe(
        none, {"fused": np.empty(0, np.float32)}, tokens.read(["a", "b"]), {"hash": np.array([-1, -1])}
    )
    assert described.values.shape[0] == 0
    assert support.describe(none, np.empty(0)).values.shape[0] == 0
