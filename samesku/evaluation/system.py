"""One system of the table: fuse, search, decide, score, and write its metrics and predictions."""

from __future__ import annotations

from typing import Any

from samesku import artefacts
from samesku.catalogue import listings as catalogue
from samesku.catalogue.listings import Listings
from samesku.evaluation import evaluate as judge
from samesku.evaluation import predictions
from samesku.params import Decision, Fusion
from samesku.params.rerank import Groups
from samesku.search.exact import search_neighbours
from samesku.search.fusion import fuse_channels, fusion_weights, load_channels
from samesku.search.galleries import search_galleries


def best_on_val(
    candidates: list[Fusion], listings: Listings, decision: Decision, k: int
) -> tuple[Fusion, dict[str, Any]]:
    """The fusion with the highest val F1 in the split gallery, the first of equals; of one, itself.

    Returns:
        The fusion, and for metrics.json what was chosen from: {"alpha", "by_alpha": {α: val f1}}; nothing
        where there was no choice.
    """
    if len(candidates) == 1:
        return candidates[0], {}
    found = {}
    for spec in candidates:
        channels = load_channels([*spec.image, *spec.title], artefacts.embedding)
        fused = fuse_channels(channels, fusion_weights(spec, channels), spec.method)
        val = search_neighbours(fused, listings.gallery("val"), k)
        judged = judge.judge(val, listings, decision, "split")
        found[spec.alpha] = judged.f1[judged.split == "val"].mean()
    best = max(candidates, key=lambda spec: found[spec.alpha])
    return best, artefacts.rounded({"alpha": best.alpha, "by_alpha": {f"{a:g}": f for a, f in found.items()}})


def match_and_score(system: str, candidates: list[Fusion], decision: Decision, k: int, groups: Groups) -> str:
    """Match and score by the best of `candidates`; write the metrics and predictions of `system`."""
    listings = catalogue.read(artefacts.LISTINGS)
    metrics = artefacts.METRICS / "compare" / f"{system}.json"
    tuned = decision.value == "tune" or len(candidates) > 1
    if tuned and not (listings.product[listings.gallery("val")] >= 0).any():
        artefacts.write_json(metrics, {"skipped": 1})
        with artefacts.replacing(artefacts.PREDICTIONS / system) as beside:
            beside.mkdir()
        return "skipped: no val listing has a label to tune on"
    spec, choice = best_on_val(candidates, listings, decision, k)
    channels = load_channels([*spec.image, *spec.title], artefacts.embedding)
    fused = fuse_channels(channels, fusion_weights(spec, channels), spec.method)
    judged, full = judge.both(search_galleries(fused, listings, k), listings, decision, groups)
    predictions.write(system, judged, full | choice, listings, channels, groups)
    short = judge.in_short(full, artefacts.read_json(artefacts.SUMMARY))
    artefacts.write_json(metrics, short)
    told = judge.describe(short)
    return f"α {spec.alpha:g} of {len(candidates)} on val, {told}" if choice else told
