"""Features: each by hand on three listings, and the same whichever listing comes first."""

import numpy as np
import pytest

from samesku.catalogue.attributes import read_attributes
from samesku.catalogue.title_tokens import tokenize_titles
from samesku.pairs.candidates import Candidates
from samesku.pairs.evidence import PairEvidence, group_pictures, number_distinct
from samesku.pairs.feature_blocks import PairFeatures
from samesku.pairs.features import describe_pairs, pair_features, support_columns
from samesku.search.fusion import concatenate_channels
from tests.fixtures.five_listings import CHANNELS, HALVES, SCORE, A, B, C, D, E

TITLES = ["susu bubuk 400 gr A12", "susu bubuk 0.8kg A13", "susu cair 400gram"]
# 0–1, 0–2, 1–2
FUSED = np.array([0.8, 0.6, 0.2], dtype=np.float32)
PHASH = np.array([1.0, np.nan, np.nan], dtype=np.float32)


def all_pairs(n_listings=3):
    left, right = np.triu_indices(n_listings, 1)
    return Candidates(np.arange(n_listings, dtype=np.int32), left.astype(np.int32), right.astype(np.int32))


def support_features(candidates, log_odds):
    return PairFeatures(candidates, [support_columns(candidates, log_odds)])


def by_name(features):
    return dict(zip(features.names, features.values().T.tolist(), strict=True))


@pytest.fixture(scope="module")
def features():
    pictures = {"hash": np.array([4, 4, -1])}
    return pair_features(all_pairs(), {"phash": PHASH, "fused": FUSED}, tokenize_titles(TITLES), pictures)


def test_several_pictures_are_the_same_where_one_is():
    """A shows 4 (twice) and 5, B shows 5, C shows 6, D shows nothing."""
    owner = np.array([0, 1, 2, 3, 0, 0, 1], np.int32)
    numbers = np.array([4, 5, 6, -1, 4, 5, -1])
    features = pair_features(
        all_pairs(4),
        {"fused": np.zeros(6, np.float32)},
        tokenize_titles([*TITLES, ""]),
        {"file": group_pictures(numbers, owner)},
    )
    columns = by_name(features)
    # A–B, A–C, A–D, B–C, B–D, C–D
    assert columns["same_file"] == pytest.approx([1, 0, np.nan, 0, np.nan, np.nan], nan_ok=True)
    assert columns["file_copies_low"] == [2, 1, 0, 1, 0, 0]
    assert columns["file_copies_high"] == [2, 2, 2, 2, 2, 1]


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
def test_by_hand(features, name, by_hand):
    assert by_name(features)[name] == pytest.approx(by_hand, abs=1e-5, nan_ok=True)


def test_words_weigh_by_rarity(features):
    values = by_name(features)
    # susu stands in all three titles and weighs 0, bubuk in two
    bubuk, rare = np.log(3 / 2), np.log(3)
    assert values["words_shared"] == pytest.approx([bubuk, 0, 0])
    # three words of each title are not shared, each in one title: 400, gr, a12 and 0, 8kg, a13
    assert values["words_unshared_low"][0] == pytest.approx(3 * rare)
    assert values["words_jaccard"][0] == pytest.approx(bubuk / (bubuk + 6 * rare))
    assert values["words_coverage_low"][0] == pytest.approx(bubuk / (bubuk + 3 * rare))
    assert values["words_rarest_unshared_high"][0] == pytest.approx(rare)


def test_every_column_has_a_name_of_its_own_and_a_family(features):
    assert len(features.names) == len(set(features.names)) == len(features.families)
    assert features.values().shape == (3, len(features.names))
    assert features.values().dtype == np.float32
    np.testing.assert_array_equal(features.values(np.array([2])), features.values()[[2]])


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_listings_does_not_matter(seed):
    """The gallery in another order: the same numbers for the same pairs, in both rounds."""
    draw = np.random.default_rng(seed)
    n = 9
    pairs = all_pairs(n)
    order = draw.permutation(n)
    words = [" ".join(draw.choice(["a", "b", "c1", "c2", "5ml", "9ml", "7"], 4)) for _ in range(n)]
    score = draw.integers(0, 5, len(pairs)).astype(np.float32) / 4
    picture = draw.integers(-1, 3, n)
    table = np.zeros((n, n), np.float32)
    table[pairs.left, pairs.right] = table[pairs.right, pairs.left] = score
    reordered_score = table[order][:, order][pairs.left, pairs.right]
    before = pair_features(pairs, {"fused": score}, tokenize_titles(words), {"hash": picture})
    after = pair_features(
        pairs,
        {"fused": reordered_score},
        tokenize_titles([words[i] for i in order]),
        {"hash": picture[order]},
    )
    index = np.zeros((n, n), int)
    index[pairs.left, pairs.right] = index[pairs.right, pairs.left] = np.arange(len(pairs))
    same_pair = index[order[pairs.left], order[pairs.right]]
    np.testing.assert_allclose(after.values(), before.values(same_pair), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        support_features(pairs, reordered_score.astype(float)).values(),
        support_features(pairs, score.astype(float)).values(same_pair),
        rtol=1e-5,
        atol=1e-6,
    )


def test_support_by_hand():
    # probabilities 0.8, 0.6, 0.2 of 0–1, 0–2, 1–2
    log_odds = np.log(FUSED / (1 - FUSED)).astype(float)
    values = by_name(support_features(all_pairs(), log_odds))
    assert values["log_odds"] == pytest.approx(log_odds, rel=1e-5)
    assert values["paths"] == pytest.approx([0.6 * 0.2, 0.8 * 0.2, 0.8 * 0.6])
    assert values["strongest_path"] == pytest.approx([0.12, 0.16, 0.48])
    assert values["rival_sum_low"] == pytest.approx([0.2, 0.2, 0.6])
    assert values["best_rival_high"] == pytest.approx([0.6, 0.8, 0.8])
    assert values["paths_share"][0] == pytest.approx(0.12 / (0.6 + 0.2 + 1e-3))


def test_no_pairs():
    none = Candidates(np.arange(2, dtype=np.int32), np.empty(0, np.int32), np.empty(0, np.int32))
    similarities, titles = {"fused": np.empty(0, np.float32)}, tokenize_titles(["a", "b"])
    assert pair_features(none, similarities, titles, {"hash": np.array([-1, -1])}).values().shape[0] == 0
    assert support_features(none, np.empty(0)).values().shape[0] == 0


def test_equal_names_have_one_number_and_the_empty_one_has_none():
    number = number_distinct(["b.jpg", "", "a.jpg", "b.jpg"])
    assert number[0] == number[3] != number[2]
    assert (number < 0).tolist() == [False, True, False, False]


def describe_five(rows, channels=CHANNELS, titles=("a 1l", "a 1l", "b", "b", "c"), hashes=(-1, 0, 0, -1, -1)):
    """The features of all pairs of some of the five listings, by their fused score and each channel."""
    evidence = PairEvidence(channels, tokenize_titles(titles), {"hash": np.array(hashes)})
    left, right = np.triu_indices(len(rows), 1)
    pairs = Candidates(np.array(rows, np.int32), left.astype(np.int32), right.astype(np.int32))
    return describe_pairs(pairs, evidence, {"fused": concatenate_channels(channels, HALVES)})


def test_pairs_have_the_score_of_the_search_and_the_cosine_of_each_channel():
    features = describe_five([A, B, C, D, E], CHANNELS | {"none": np.empty((5, 0), np.float32)})
    values = by_name(features)
    left, right = features.candidates.catalogue_rows
    pairs = zip(left.tolist(), right.tolist(), strict=True)
    expected = [SCORE.get(pair, np.nan) for pair in pairs]  # C and D have nothing in common
    assert values["fused"] == pytest.approx(expected, abs=1e-6, nan_ok=True)
    assert np.isnan(np.array(values["image"])[(left == C) | (right == C)]).all()
    assert "none" not in values  # no listing has the channel


def test_listings_outside_the_gallery_change_nothing():
    changed = {name: rows.copy() for name, rows in CHANNELS.items()}
    for rows in changed.values():
        rows[[D, E]] = rows[[D, E]][:, ::-1]
    before = describe_five([A, B, C])
    after = describe_five([A, B, C], changed, ["a 1l", "a 1l", "b", "a", "a 1l b"], [-1, 0, 0, 0, 0])
    np.testing.assert_array_equal(before.values(), after.values())


ATTRIBUTE_CELLS = {
    "brand": ["Acme", "Acme Tools", "Bosch"],
    "price": ["10", "20", ""],
    "gtin": ["", "", ""],
    "mpn": ["A-12", "", "A-13"],
    "category": ["X > Y", "X", "Z"],
}


def test_attributes_by_hand(features):
    attributes = read_attributes(ATTRIBUTE_CELLS, ["", "new a-13xx", "susu"])
    titles, pictures = tokenize_titles(TITLES), {"hash": np.array([4, 4, -1])}
    with_attributes = pair_features(
        all_pairs(), {"phash": PHASH, "fused": FUSED}, titles, pictures, attributes
    )
    added = {n: v for n, v in by_name(with_attributes).items() if n not in features.names}
    by_hand = {
        "brand_agreement": [0.5, 0, 0],
        "price_log_ratio": [np.log(2), np.nan, np.nan],
        "same_mpn": [np.nan, 0, np.nan],
        "mpn_copies_low": [0, 1, 0],
        "mpn_copies_high": [1, 1, 1],
        "mpn_in_title": [0, 0, 0],
        "category_shared": [1, 0, 0],
        "category_shared_part": [1, 0, 0],
    }
    assert set(added) == set(by_hand)  # no listing has a GTIN
    for name, values in by_hand.items():
        assert added[name] == pytest.approx(values, abs=1e-6, nan_ok=True), name
    families = dict(zip(with_attributes.names, with_attributes.families, strict=True))
    assert {families[name] for name in added} == {"brand", "price", "mpn", "category"}


def test_a_catalogue_without_attributes_has_the_features_of_before(features):
    nothing = read_attributes({name: [""] * 3 for name in ATTRIBUTE_CELLS}, TITLES)
    pictures = {"hash": np.array([4, 4, -1])}
    again = pair_features(
        all_pairs(), {"phash": PHASH, "fused": FUSED}, tokenize_titles(TITLES), pictures, nothing
    )
    assert again.names == features.names
    assert again.values().tobytes() == features.values().tobytes()


def test_listings_outside_the_gallery_do_not_change_attributes():
    cells = {name: ["n1", *values, "n2"] for name, values in ATTRIBUTE_CELLS.items()}
    gallery = all_pairs()
    inside = Candidates(gallery.rows + 1, gallery.left, gallery.right)
    titles, alone = tokenize_titles(TITLES), read_attributes(ATTRIBUTE_CELLS, TITLES)
    wider = read_attributes(
        cells | {"gtin": [""] * 5, "price": ["", *ATTRIBUTE_CELLS["price"], ""]}, ["", *TITLES, ""]
    )
    values = [
        pair_features(pairs, {"fused": FUSED}, titles, {}, attributes).values()
        for pairs, attributes in ((gallery, alone), (inside, wider))
    ]
    np.testing.assert_array_equal(*values)
