"""Listings with several pictures: scores by hand, and every search against the definition."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samesku.catalogue.listings import AllowedPairs
from samesku.params.schema import Augmentation, Match
from samesku.search import fusion, pictures
from samesku.search.exact import group_by_mask, search_neighbours, search_queries, take_listings
from samesku.search.fusion import (
    average_channels,
    channel_cosines,
    channel_weights,
    concatenate_channels,
    fuse_channels,
    fuse_in_blocks,
    pair_scores,
    read_fused,
    write_fused,
)
from samesku.search.galleries import augment_rows, choose_moving
from samesku.search.pictures import PictureGroup, augment_pictures, search_views
from samesku.search.tuning import unite_neighbours
from tests.search import oracle

# Three listings: A with two further pictures, B with one, C with one picture. Rows 3, 4 are A's, row 5 is B's.
OWNER = np.array([0, 1, 2, 0, 0, 1], np.int32)
IMAGE = np.array([[1, 0], [0, 1], [0.6, 0.8], [0, 0], [0.8, 0.6], [0.6, 0.8]], np.float32)
HASH = np.array([[1, 0], [1, 0], [0, 0], [0, 1], [0, 0], [-1, 0]], np.float32)
TITLE = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
CHANNELS = {"image": IMAGE, "hash": HASH, "title": TITLE}
WEIGHTS = {"image": 0.5, "hash": 0.25, "title": 0.25}
PAIRS = np.array([0, 0, 1]), np.array([1, 2, 2])  # A–B, A–C, B–C


def test_a_cosine_is_the_largest_over_the_pictures_of_both():
    cosines = channel_cosines(CHANNELS, *PAIRS, owner=OWNER)
    # A (0.8, 0.6) with B (0.6, 0.8): 0.48 + 0.48; with C's (0.6, 0.8) likewise; B's further picture is C's.
    assert cosines["image"] == pytest.approx([0.96, 0.96, 1.0])
    assert cosines["hash"] == pytest.approx([1.0, np.nan, np.nan], nan_ok=True)  # C has no hash
    assert cosines["title"] == pytest.approx([0.0, 1.0, 0.0])


def test_a_score_takes_the_largest_of_each_channel():
    fused = concatenate_channels(CHANNELS, WEIGHTS, OWNER)
    assert len(fused) == 3
    assert fused.listing_mask.tolist() == [0b111, 0b111, 0b101]
    # The best looks and the best hash of A and B are of different pictures.
    expected = [0.5 * 0.96 + 0.25 * 1 + 0, (0.5 * 0.96 + 0.25 * 1) / 0.75, 0.5 / 0.75]
    assert pair_scores(fused, *PAIRS) == pytest.approx(expected)
    assert pair_scores(fused, *PAIRS[::-1]) == pytest.approx(expected)
    neighbours = search_neighbours(fused, np.arange(3, dtype=np.int32), 2)
    assert neighbours.neighbour.tolist() == [[2, 1], [0, 2], [0, 1]]
    assert neighbours.score == pytest.approx(
        np.array([[0.973333, 0.73], [0.73, 0.666667], [0.973333, 0.666667]]), abs=1e-6
    )


def test_some_listings_come_with_their_pictures():
    some = concatenate_channels(CHANNELS, WEIGHTS, OWNER)[np.array([2, 0])]
    assert some.owner.tolist() == [0, 1, 1, 1]
    assert some.vectors[:, :2] == pytest.approx(IMAGE[[2, 0, 3, 4]] * np.sqrt(0.5))
    alone = concatenate_channels(CHANNELS, WEIGHTS, OWNER)[np.array([2])]
    assert alone.owner is None
    assert len(alone) == 1


def test_titles_alone_have_a_row_for_each_listing():
    assert concatenate_channels(CHANNELS, {"title": 1.0}, OWNER).owner is None
    assert len(concatenate_channels(CHANNELS, {"title": 1.0}, OWNER).vectors) == 3


def test_arrays_of_another_sample_are_refused():
    with pytest.raises(fusion.InputError, match="image 5, hash 6, title 3"):
        concatenate_channels(CHANNELS | {"image": IMAGE[:5]}, WEIGHTS, OWNER)
    with pytest.raises(fusion.InputError, match="different numbers of rows"):
        concatenate_channels(CHANNELS, WEIGHTS)


def test_the_average_of_a_further_picture_is_that_with_its_listings_title():
    fused = average_channels({"image": IMAGE, "title": TITLE}, {"image": 0.5, "title": 0.5}, OWNER)
    assert fused.vectors[5] == pytest.approx(np.array([0.3, 0.9]) / np.hypot(0.3, 0.9))
    assert fused.owner is OWNER


@pytest.mark.parametrize("method", ["concat", "average"])
@pytest.mark.parametrize("rows", [1, 2, 4, 8192])
def test_fusing_by_blocks_gives_the_same_files(method, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(fusion, "ROWS", rows)
    whole = fuse_channels(CHANNELS, WEIGHTS, method, OWNER)
    write_fused(tmp_path / "f", fuse_in_blocks(CHANNELS, WEIGHTS, method, OWNER), 6, list(WEIGHTS), OWNER)
    read = read_fused(tmp_path / "f")
    assert np.array_equal(read.vectors, whole.vectors)
    assert np.array_equal(read.modality_mask, whole.modality_mask)
    assert read.owner.tolist() == OWNER.tolist()


def random_listings(rng, n, most):
    """Channels of n listings with up to `most` further pictures each, some without a channel; and their owner."""
    further = np.sort(rng.integers(0, n, rng.integers(0, most * n + 1))).astype(np.int32)
    owner = np.concatenate([np.arange(n, dtype=np.int32), further])
    channels = oracle.random_channels(rng, len(owner), {"cnn": 4, "hash": 3})
    return channels | oracle.random_channels(rng, n, {"title": 3}), owner


def defined_scores(channels, weights, owner):
    """The score of every pair of listings by the definition, in plain loops; NaN where nothing is in common."""
    n = owner.max() + 1
    scores = np.full((n, n), np.nan)
    for i in range(n):
        for j in range(n):
            total = weight = 0.0
            for name, w in weights.items():
                rows, of = channels[name], owner[: len(channels[name])]
                cosines = [float(a @ b) for a in rows[of == i] for b in rows[of == j] if a.any() and b.any()]
                if cosines:
                    total, weight = total + w * max(cosines), weight + w
            if weight:
                scores[i, j] = total / weight
    return scores


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1), n=st.integers(2, 14), most=st.integers(0, 3), k=st.integers(1, 8),
    block=st.sampled_from([1, 3, 1024]),
)  # fmt: skip
def test_every_score_is_the_defined_one(seed, n, most, k, block):
    rng = np.random.default_rng(seed)
    channels, owner = random_listings(rng, n, most)
    weights = channel_weights({"cnn": 1.0, "hash": 0.5}, {"title": 1.0}, 0.6)
    fused = concatenate_channels(channels, weights, owner)
    expected = defined_scores(channels, weights, owner)
    left, right = (side.ravel() for side in np.indices((n, n)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "LISTINGS", block)
        patch.setattr(fusion, "PAIRS", 5)
        assert pair_scores(fused, left, right) == pytest.approx(expected.ravel(), abs=2e-6, nan_ok=True)
        rows = np.sort(rng.permutation(n)[: max(2, n - 2)]).astype(np.int32)
        check_lists(search_neighbours(fused, rows, k), expected, rows, min(k, len(rows) - 1))
        some = search_neighbours(fused, rows, k, queries=rows[::2])
        check_lists(some, expected, rows, min(k, len(rows) - 1))
        gone = np.where(np.arange(n) == rows[0], np.int32(-1), np.arange(n, dtype=np.int32))
        parts = [PictureGroup(gone[:1], fused[:1]), PictureGroup(gone[1:], fused[1:])]
        queried = search_queries(fused[rows[1:]], rows[1:], parts, k)
        check_lists(replace(queried, query=rows[1:]), expected, np.flatnonzero(gone >= 0), k)
        taken = take_listings(rows[1:], parts, fused)
        assert np.array_equal(taken.vectors, fused[rows[1:]].vectors)
        assert np.array_equal(taken.row_owner, fused[rows[1:]].row_owner)


@pytest.mark.parametrize("link", ["across", "within"])
@pytest.mark.parametrize("seed", range(5))
def test_only_allowed_pairs_are_searched(link, seed):
    rng = np.random.default_rng(seed)
    channels, owner = random_listings(rng, 20, 2)
    weights = channel_weights({"cnn": 1.0, "hash": 0.5}, {"title": 1.0}, 0.6)
    fused, rows = concatenate_channels(channels, weights, owner), np.arange(20, dtype=np.int32)
    shop = rng.integers(0, 3, 20).astype(np.int32)
    allowed = AllowedPairs(Match(link=link), shop, ["a", "b", "c"])
    expected = np.where(
        allowed.of_rows(rows[:, None], rows), defined_scores(channels, weights, owner), np.nan
    )
    check_lists(search_neighbours(fused, rows, 6, allowed=allowed), expected, rows, 6)
    group = PictureGroup(rows, fused, shop)
    check_lists(search_queries(fused, rows, [group], 6, allowed, shop), expected, rows, 6)


def test_new_listings_with_several_pictures_meet_a_gallery_with_one_each():
    rng = np.random.default_rng(1)
    channels, owner = random_listings(rng, 12, 2)
    weights = channel_weights({"cnn": 1.0, "hash": 0.5}, {"title": 1.0}, 0.6)
    fused = concatenate_channels(channels, weights, owner)
    alone = np.flatnonzero(np.bincount(owner) == 1).astype(np.int32)  # listings with one picture
    several = np.flatnonzero(np.bincount(owner) > 1).astype(np.int32)
    assert len(alone) > 2
    assert len(several) > 2
    groups = group_by_mask(fused, alone)
    nearest = search_queries(fused[several], several, groups, 3)
    check_lists(replace(nearest, query=several), defined_scores(channels, weights, owner), alone, 3)


def check_lists(neighbours, expected, gallery, k):
    """Each list holds the k best of the gallery by the defined score, best first, none twice and never itself."""
    assert neighbours.k == k
    for query, rows, scores in zip(neighbours.query, neighbours.neighbour, neighbours.score, strict=True):
        others = gallery[gallery != query]
        best = np.sort(expected[query, others][~np.isnan(expected[query, others])])[::-1][:k]
        valid = rows >= 0
        assert scores[valid] == pytest.approx(best, abs=2e-6)
        assert np.isneginf(scores[~valid]).all()
        assert expected[query, rows[valid]] == pytest.approx(scores[valid], abs=2e-6)
        assert len(set(rows[valid])) == valid.sum()
        assert set(rows[valid]) <= set(others)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(3, 12), most=st.integers(0, 3))
def test_tuning_ranks_by_the_same_scores(seed, n, most):
    channels, owner = random_listings(np.random.default_rng(seed), n, most)
    image, title, rows = {"cnn": 1.0, "hash": 0.5}, {"title": 1.0}, np.arange(1, n, dtype=np.int32)
    pool = unite_neighbours(channels, rows, rows, n, owner=owner)
    for alpha in (0.0, 0.3, 1.0):
        weights = channel_weights(image, title, alpha)
        expected = search_neighbours(concatenate_channels(channels, weights, owner), rows, 4)
        pooled = pool.rank(weights, 4)
        np.testing.assert_allclose(pooled.score, expected.score[:, : pooled.k], atol=2.1e-6)


def above(neighbours, threshold):
    """The neighbours that move a row from this threshold on."""
    return choose_moving(neighbours, Augmentation(threshold=threshold))


def test_augmentation_takes_the_nearest_picture_of_a_neighbour():
    """A shows (1, 0) and (0, 1); its neighbour B shows (0.6, 0.8) and (0.8, 0.6); C is outside the gallery."""
    owner = np.array([0, 1, 2, 0, 1], np.int32)
    image = np.array([[1, 0], [0.6, 0.8], [1, 0], [0, 1], [0.8, 0.6]], np.float32)
    title = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    fused = concatenate_channels({"image": image, "title": title}, {"image": 0.5, "title": 0.5}, owner)
    rows = np.array([0, 1], np.int32)
    neighbours = search_neighbours(fused, rows, 1)
    assert neighbours.score[:, 0] == pytest.approx(0.4)  # (0.8 + 0) / 2
    assert np.array_equal(
        augment_rows(fused, above(neighbours, 0.5)).vectors[[0, 1, 3, 4]], fused.vectors[[0, 1, 3, 4]]
    )
    augmented = augment_rows(fused, above(neighbours, 0.4))
    # The other way round, (1, 0) and (0, 1) are as near to B's two: the first of equals would be (1, 0) for none.
    by_hand = np.array([[1.32, 0.24], [0.6, 1.2], [0, 0], [0.24, 1.32], [1.2, 0.6]])
    length = np.linalg.norm(by_hand, axis=1, keepdims=True)
    expected = np.divide(by_hand, length, out=np.zeros_like(by_hand), where=length > 0) * np.sqrt(0.5)
    assert augmented.vectors[:, :2] == pytest.approx(expected, abs=1e-6)
    assert augmented.vectors[:2, 2:] == pytest.approx(
        np.array([[1, 0.4], [0.4, 1]]) / np.hypot(1, 0.4) * np.sqrt(0.5)
    )
    assert not augmented.vectors[2:, 2:].any()
    assert augmented.owner is owner


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 20), threshold=st.floats(-1, 1))
def test_with_one_picture_each_augmentation_is_that_of_rows(seed, n, threshold):
    channels = oracle.random_channels(np.random.default_rng(seed), n, {"cnn": 4, "title": 3})
    fused = concatenate_channels(channels, {"cnn": 0.6, "title": 0.4})
    neighbours = search_neighbours(fused, np.arange(n // 2, dtype=np.int32), 4)
    moved_by = above(neighbours, threshold)
    expected = augment_rows(fused, moved_by).vectors
    assert augment_pictures(fused, moved_by).vectors == pytest.approx(expected, abs=1e-6)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 14), most=st.integers(1, 3), k=st.integers(1, 6))
def test_an_index_of_rows_ranks_its_candidates_by_exact_scores(seed, n, most, k):
    """With the exact search as the index, what it finds has its defined score, and as good a row is never missed."""
    rng = np.random.default_rng(seed)
    channels, owner = random_listings(rng, n, most)
    weights = channel_weights({"cnn": 1.0, "hash": 0.5}, {"title": 1.0}, 0.6)
    fused = concatenate_channels(channels, weights, owner)
    if fused.owner is None or len(owner) == n:
        return
    expected = defined_scores(channels, weights, owner)
    rows = np.sort(rng.permutation(n)[: max(2, n - 2)]).astype(np.int32)
    neighbours = search_views(search_neighbours, fused, rows, k)
    assert neighbours.query.tolist() == rows.tolist()
    assert neighbours.k == min(k, len(rows) - 1)
    for query, row, score in zip(rows, neighbours.neighbour, neighbours.score, strict=True):
        valid = row >= 0
        assert valid.sum() == min(neighbours.k, (~np.isnan(expected[query, rows[rows != query]])).sum())
        assert score[valid] == pytest.approx(expected[query, row[valid]], abs=2e-6)
        assert (np.diff(score[valid]) <= 0).all()
        assert query not in row


def test_candidates_of_an_index_are_pictures_beside_their_listings_title():
    """One picture each but A: with the whole gallery as candidates, the lists are those of the exact search."""
    rng = np.random.default_rng(3)
    channels, owner = random_listings(rng, 12, 2)
    fused = concatenate_channels(channels, {"cnn": 0.5, "title": 0.5}, owner)
    rows = np.arange(12, dtype=np.int32)
    seen = []

    def search(views, view_rows, k):
        seen.append(views)
        return search_neighbours(views, view_rows, k)

    found = search_views(search, fused, rows, 11)
    exact = search_neighbours(fused, rows, 11)
    assert found.score == pytest.approx(exact.score, abs=2e-6)
    titled = fused.vectors[:12][owner[12:], 4:]
    assert np.array_equal(seen[0].vectors[12:, 4:], titled)
    assert seen[0].owner is None


def test_an_index_of_rows_finds_nothing_in_an_empty_gallery():
    """As that of a split without listings."""
    channels, owner = random_listings(np.random.default_rng(3), 12, 2)
    fused = concatenate_channels(channels, {"cnn": 0.5, "title": 0.5}, owner)
    found = search_views(search_neighbours, fused, np.empty(0, np.int32), 5)
    assert (found.query.shape, found.neighbour.shape) == ((0,), (0, 0))
