"""compare: one other system of the table, through the same fusion, search and decision as the main road.

Run as `python -m stages.compare <system>`. Reads the arrays of its two channels and listings.parquet; writes
metrics/compare/<system>.json and data/predictions/<system>/.
"""

from __future__ import annotations

import sys
from typing import Any

from threadpoolctl import threadpool_limits

from stages import artefacts, fuse, index, settings
from stages.catalogue import listings as catalogue
from stages.catalogue.listings import Listings
from stages.judging import judge, predictions
from stages.matching import neighbours
from stages.settings import Decision, Fusion
from stages.settings.rerank import Groups


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
        fused, _ = fuse.fuse(spec)
        val = neighbours.search(fused, listings.gallery("val"), k)
        judged = judge.judge(val, listings, decision, "split")
        found[spec.alpha] = judged.f1[judged.split == "val"].mean()
    best = max(candidates, key=lambda spec: found[spec.alpha])
    return best, artefacts.rounded({"alpha": best.alpha, "by_alpha": {f"{a:g}": f for a, f in found.items()}})


def row(system: str, candidates: list[Fusion], decision: Decision, k: int, groups: Groups) -> str:
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
    fused, _ = fuse.fuse(spec)
    judged, full = judge.both(index.index(fused, listings, k), listings, decision, groups)
    channels = fuse.load_channels([*spec.image, *spec.title])
    predictions.write(system, judged, full | choice, listings, channels, groups)
    short = judge.in_short(full, artefacts.read_json(artefacts.SUMMARY))
    artefacts.write_json(metrics, short)
    told = judge.describe(short)
    return f"α {spec.alpha:g} of {len(candidates)} on val, {told}" if choice else told


def main(system: str) -> str:
    params = settings.load()
    threadpool_limits(params.machine.threads)
    spec = settings.member(params.compare, system, "compare")
    candidates = [
        Fusion(alpha=alpha, method=spec.method, image={spec.image: 1.0}, title={spec.title: 1.0})
        for alpha in settings.alphas(spec.alpha)
    ]
    return row(system, candidates, spec.decision, params.index.k, params.groups)


if __name__ == "__main__":
    artefacts.run(f"compare@{sys.argv[1]}", lambda: main(sys.argv[1]))
