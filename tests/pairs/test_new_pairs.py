"""Pairs of new listings against what the pipeline's functions give for a gallery that has them."""

from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from samesku.catalogue.listings import Listings, allow_pairs
from samesku.catalogue.reader import ATTRIBUTES
from samesku.evaluation.rules import Rules
from samesku.pairs.calibration import Platt
from samesku.pairs.candidate_search import describe_candidates, find_candidates
from samesku.pairs.candidates import Candidates
from samesku.pairs.evidence import ListingTexts, read_evidence
from samesku.pairs.local_evidence import ListingEvidence
from samesku.pairs.new_pairs import NewPairs, ScoredCatalogue
from samesku.pairs.pair_model import PairModel, second_round_features
from samesku.pairs.run_pairs import AskingSettings, read_run, write_run
from samesku.params.schema import Fusion, Match, Rerank
from samesku.search.extension import extend_gallery
from samesku.search.fusion import concatenate_channels
from samesku.search.galleries import augment_rows, choose_moving
from samesku.workers.blocks import map_by_threads

N = 40
WEIGHTS = {"tower": 0.5, "title": 0.5}


def unit_rows(draw, n):
    """Near one of eight directions each, so that there are close neighbours."""
    rows = draw.normal(size=(8, 6))[draw.integers(0, 8, n)] + 0.4 * draw.normal(size=(n, 6))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def make_evidence(seed=0, n=N, further=0):
    """n listings, of which some lack a title or a picture; `further` of them have a second picture."""
    draw = np.random.default_rng(seed)
    words = ["oil", "tea", "soap", "cup", "a12", "a13", "500ml", "1l", "7"]
    owner = (
        np.append(np.arange(n), np.sort(draw.choice(n, further, replace=False))).astype(np.int32)
        if further
        else None
    )
    n_pictures = n + further
    channels = {"tower": unit_rows(draw, n_pictures), "title": unit_rows(draw, n)}
    channels["tower"][:n][draw.random(n) < 0.1] = 0
    texts = ListingTexts(
        [" ".join(draw.choice(words, 4)) for _ in range(n)],
        [str(name) for name in draw.choice(["", "a.jpg", "b.jpg", "c.jpg"], n_pictures)],
        [str(name) for name in draw.choice(["", "00", "01", "02", "03"], n_pictures)],
        {
            name: [str(cell) for cell in draw.choice(["", "4006381333931", "036000291452"], n)]
            for name in ATTRIBUTES
        },
        owner,
    )
    return ListingEvidence(texts, channels, [concatenate_channels(channels, WEIGHTS, owner)])


def take(evidence, rows):
    """Some listings of an evidence whose listings have one picture each."""
    texts = evidence.texts
    few = ListingTexts(
        *([side[row] for row in rows] for side in (texts.titles, texts.files, texts.hashes)),
        {name: [cells[row] for row in rows] for name, cells in texts.cells.items()},
    )
    channels = {name: values[rows] for name, values in evidence.channels.items()}
    return ListingEvidence(few, channels, [concatenate_channels(channels, WEIGHTS)])


def list_listings(n, match=None, shops=()):
    split = np.array(["train", "val", "test"])[np.arange(n) % 3]
    allowed = {} if match is None else {"allowed": allow_pairs(match, shops)}
    ids = np.array([f"p{row:03d}" for row in range(n)], dtype=object)
    return Listings(ids, np.arange(n, dtype=np.int32) // 4, np.arange(n, dtype=np.int32), split, **allowed)


def run_catalogue(folder, evidence, k=5, steps=1, match=None, shops=(), rules=None):
    """What the stage leaves of a catalogue, with boosted trees that have learned something arbitrary."""
    listings, spec = (
        list_listings(len(evidence), match, shops),
        Rerank(fusion=Fusion(alpha=0.5), k=k, augmentation_steps=steps),
    )
    of_all = read_evidence(evidence.texts, evidence.channels)
    (searches,), (features,) = find_candidates(
        of_all, evidence.fused[0], {"tower"}, listings, ["full"], spec, rules
    )
    target = np.random.default_rng(1).random(len(features.candidates)) < 0.5

    def fit(described, seed):
        data = lightgbm.Dataset(described.values(), target, feature_name=described.names)
        return lightgbm.train({"verbose": -1, "min_data_in_leaf": 2, "seed": seed, "num_threads": 1}, data, 5)

    first = [fit(features, seed) for seed in range(2)]
    support = second_round_features(features, np.zeros(len(target)))
    model = PairModel(first, [fit(support, seed) for seed in range(2)], Platt(1.5, 0.1))
    scores = model.score(features, map_by_threads(1))
    settings = AskingSettings(
        WEIGHTS, list(evidence.channels), of_all.attributes.present, searches.augmentation.threshold, 0.5, 0.4
    )
    write_run(folder, searches, k, features.candidates, scores, settings)
    in_sample = listings.split == "train"
    run = read_run(folder, listings.gallery("full"), model)
    catalogue = ScoredCatalogue(evidence, run, model, listings, {"tower"}, in_sample, k)
    return catalogue, listings, searches, features, scores


def rows_of_searches(evidence, searches):
    """The fused rows, then those after each step of augmentation."""
    rows = [evidence.fused[0]]
    for neighbours in searches.neighbours[:-1]:
        rows.append(augment_rows(rows[-1], choose_moving(neighbours, searches.augmentation)))
    return rows


def equal(left, right):
    np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("further", [0, 7])
def test_pairs_of_the_run_have_their_features_whatever_is_loaded(tmp_path, further):
    evidence = make_evidence(further=further)
    catalogue, listings, searches, features, scores = run_catalogue(tmp_path, evidence)
    nothing = make_evidence(n=0)
    pairs = NewPairs(catalogue, extend_gallery(listings, []), nothing)
    assert len(pairs) == 0
    assert len(pairs.score().left) == 0
    candidates = features.candidates
    for some in (np.array([0]), np.arange(3, 20), np.arange(len(candidates))):
        _, described = pairs.describe(candidates.left[some], candidates.right[some])
        assert described.names == features.names
        equal(described.values(), features.values(some))
    for rows, of_run in zip(catalogue.evidence.fused, rows_of_searches(evidence, searches), strict=True):
        np.testing.assert_array_equal(rows.vectors, of_run.vectors)
    equal(catalogue.run.scores(np.arange(len(candidates))).probability, scores.probability)
    assert catalogue.run.find(candidates.right[3], candidates.left[3]) == 3


def brute_force(catalogue, listings, pairs):
    """The features of all pairs of a gallery that has the new listings, by the pipeline's functions."""
    new, n = pairs.new, len(catalogue.evidence)
    old_texts, texts = catalogue.evidence.texts, new.texts
    joined = ListingTexts(
        [*old_texts.titles, *texts.titles],
        [*old_texts.files, *texts.files],
        [*old_texts.hashes, *texts.hashes],
        {name: [*old_texts.cells[name], *texts.cells[name]] for name in ATTRIBUTES},
    )
    channels = {
        name: np.concatenate([rows, new.channels[name]]) for name, rows in catalogue.evidence.channels.items()
    }
    fused = [
        replace(
            old,
            vectors=np.concatenate([old.vectors, of_new.vectors]),
            modality_mask=np.concatenate([old.modality_mask, of_new.modality_mask]),
        )
        for old, of_new in zip(catalogue.evidence.fused, new.fused, strict=True)
    ]
    run = catalogue.run.candidates
    left, right = np.append(run.left, pairs.left), np.append(run.right, pairs.right)
    order = np.lexsort((right, left))
    rows = np.arange(n + len(new), dtype=np.int32)
    candidates = Candidates(rows, left[order].astype(np.int32), right[order].astype(np.int32))
    in_sample = np.append(listings.split == "train", np.zeros(len(new), bool))
    features = describe_candidates(candidates, read_evidence(joined, channels), fused, {"tower"}, in_sample)
    place = candidates.index(pairs.left, pairs.right)
    return features, place, order


@pytest.mark.parametrize("n_new", [1, 3, 70])
def test_new_pairs_have_the_features_of_a_gallery_with_the_new_listings(tmp_path, n_new):
    evidence = make_evidence()
    catalogue, listings, *_ = run_catalogue(tmp_path, evidence)
    new = make_evidence(seed=5, n=n_new)
    pairs = NewPairs(catalogue, extend_gallery(listings, [""] * n_new), new)
    scored = pairs.score()
    features, place, order = brute_force(catalogue, listings, pairs)
    assert scored.features.names == features.names
    equal(scored.features.values(), features.values(place))
    # the second round: the log-odds of the run for its pairs, those of this round for the new ones
    log_odds = np.append(catalogue.run.first, scored.scores.first)[order]
    support = second_round_features(features, log_odds)
    second = np.mean(
        [model.predict(support.values(place), raw_score=True) for model in catalogue.model.second], axis=0
    )
    equal(scored.scores.second, second)
    equal(scored.scores.probability, catalogue.model.calibration.probability(second))


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_pair_is_a_candidate_where_one_is_near_the_other(tmp_path, steps):
    """By hand from all scores: the k nearest of the new listing, and the listings whose lists it enters."""
    evidence, k = make_evidence(), 5
    catalogue, listings, searches, *_ = run_catalogue(tmp_path, evidence, k, steps)
    new = make_evidence(seed=3, n=1)
    pairs = NewPairs(catalogue, extend_gallery(listings, [""]), new)
    expected, rows = set(), rows_of_searches(evidence, searches)
    for step in {0, steps}:
        vectors, q = rows[step].vectors, pairs.new.fused[step].vectors[0]
        both = new.fused[0].modality_mask[0] & evidence.fused[0].modality_mask
        weight = 0.5 * (both & 1) + 0.5 * (both >> 1 & 1)
        score = np.where(weight > 0, vectors @ q / np.maximum(weight, 0.1), -np.inf).round(6)
        nearest = np.argsort(-score, kind="stable")[:k]
        entered = np.flatnonzero(score >= searches.neighbours[step].score[:, -1].astype(float).round(6))
        expected |= {*nearest.tolist(), *entered.tolist()}
    assert pairs.left.tolist() == sorted(expected)
    assert set(pairs.right.tolist()) == {N}


def test_listings_that_replace_themselves_score_as_in_the_run(tmp_path):
    """All pairs are candidates here, so the lists have the same pairs before and after."""
    evidence = make_evidence()
    catalogue, listings, _, features, scores = run_catalogue(tmp_path, evidence, k=N)
    rows = [4, 17, 30]  # in train, test and train
    ids = listings.posting_id[rows].tolist()
    gallery = extend_gallery(listings, [""] * 3, ids)
    pairs = NewPairs(catalogue, gallery, take(evidence, rows))
    scored = pairs.score()
    original = np.arange(N + 3)
    original[N:] = rows
    place = features.candidates.index(original[scored.left], original[scored.right])
    assert len(scored.left) == 3 * (N - 3) + 3
    unhidden = ~np.isnan(features.values(place)) | np.isnan(scored.features.values())
    # a new listing is in no training set, so nothing of the tower is hidden
    equal(scored.features.values()[unhidden], features.values(place)[unhidden])
    whole = unhidden.all(axis=1)
    assert whole.sum() > 80
    equal(scored.scores.first[whole], scores.first[place][whole])


def test_shops_and_gtins_rule_out_pairs_from_both_sides(tmp_path):
    shops = ["a", "b"] * (N // 2)
    gtin = np.arange(N, dtype=np.int64) % 4 - 1
    evidence = make_evidence()
    catalogue, listings, *_ = run_catalogue(
        tmp_path, evidence, match=Match(link="across"), shops=shops, rules=Rules(gtin, 100)
    )
    gallery = extend_gallery(listings, ["a", "b"])
    pairs = NewPairs(catalogue, gallery, make_evidence(seed=8, n=2), Rules(np.append(gtin, [2, -1]), 100))
    gtins, shop = np.append(gtin, [2, -1]), np.array([*shops, "a", "b"])
    assert (shop[pairs.left] != shop[pairs.right]).all()
    with_gtin = (gtins[pairs.left] >= 0) & (gtins[pairs.right] >= 0)
    assert (gtins[pairs.left] == gtins[pairs.right])[with_gtin].all()
    equal_gtin = {row for row in range(N) if gtin[row] == 2 and shops[row] == "b"}
    assert equal_gtin <= set(pairs.left[pairs.right == N].tolist())


def test_a_pair_that_is_asked_is_a_candidate(tmp_path):
    evidence = make_evidence()
    catalogue, listings, *_ = run_catalogue(tmp_path, evidence, k=1, steps=0)
    pairs = NewPairs(catalogue, extend_gallery(listings, [""]), make_evidence(seed=3, n=1))
    (absent,) = set(range(1)) - set(pairs.left.tolist()) or {39}
    again = NewPairs(catalogue, extend_gallery(listings, [""]), make_evidence(seed=3, n=1), pair=(N, absent))
    assert set(again.left.tolist()) == set(pairs.left.tolist()) | {absent}
