"""The pair model by tiny blocks, with every array in a file: the same bits as in one block in memory."""

import numpy as np
import pytest

from samesku.pairs.candidate_search import find_candidates
from samesku.pairs.evidence import read_evidence
from samesku.pairs.explain import explain_scores
from samesku.pairs.labels import label_pairs
from samesku.pairs.pair_model import fit_pair_model
from samesku.params.schema import Fusion, PairModelParams, Rerank
from samesku.workers.blocks import map_by_threads
from tests.pairs.test_new_pairs import list_listings, make_evidence

BLOCKS = {
    "candidates.ENTRIES": 150,
    "list_features.PAIRS": 137,
    "feature_blocks.PAIRS": 141,
    "features.PAIRS": 129,
    "labels.BLOCK": 131,
    "pair_model.BLOCK": 131,
    "calibration.BLOCK": 143,
    "explain.ROWS": 123,
}


def run(further):
    evidence, listings = make_evidence(n=150, further=further), list_listings(150)
    params = PairModelParams(folds=2, trees=12, leaves=8, negatives=500)
    spec = Rerank(fusion=Fusion(alpha=0.5), k=8, model=params)
    of_all = read_evidence(evidence.texts, evidence.channels)
    _, (features,) = find_candidates(of_all, evidence.fused[0], {"tower"}, listings, ["full"], spec, None)
    val = listings.split == "val"
    # The product is arbitrary, so that both kinds of pairs are in both folds.
    product = np.random.default_rng(2).integers(0, 4, 150)
    labels = label_pairs(features.candidates, product, val, np.ones(150, bool), np.arange(150), params)
    model, scores = fit_pair_model(features, labels, params, 2)
    pair = np.arange(0, len(features.candidates), 3)
    assert len(np.unique(scores.second)) > 8
    return (
        features,
        scores,
        explain_scores(model, features, scores, pair),
        model.score(features, map_by_threads(2)),
    )


@pytest.mark.parametrize("further", [0, 9])
def test_the_size_of_blocks_changes_nothing(monkeypatch, further):
    features, scores, reasons, all_models = run(further)
    for name, size in BLOCKS.items():
        monkeypatch.setattr(f"samesku.pairs.{name}", size)
    monkeypatch.setattr("samesku.scratch.IN_MEMORY", 0)
    monkeypatch.setattr("samesku.search.galleries.BLOCK", 7)
    again, again_scores, again_reasons, again_all = run(further)
    assert len(features.candidates) > 200
    assert again.names == features.names
    assert again.values().tobytes() == features.values().tobytes()
    for column in ("first", "second", "probability", "scored_by"):
        for left, right in ((scores, again_scores), (all_models, again_all)):
            assert getattr(left, column).tobytes() == getattr(right, column).tobytes(), column
    assert {name: moves.tolist() for name, moves in reasons.items()} == {
        name: moves.tolist() for name, moves in again_reasons.items()
    }
