"""compare: one other system of the table, through the same fusion, search and decision as the main road.

Run as `python -m stages.compare <system>`. Reads the arrays of its two channels and listings.parquet; writes
metrics/compare/<system>.json and data/predictions/<system>/.
"""

from __future__ import annotations

import sys

from threadpoolctl import threadpool_limits

from stages import artefacts, evaluate, fuse, index, predictions, settings
from stages.catalogue import listings as catalogue
from stages.settings import Fusion


def main(system: str) -> str:
    params = settings.load()
    threadpool_limits(params.machine.threads)
    spec = settings.member(params.compare, system, "compare")
    listings = catalogue.read(artefacts.LISTINGS)
    metrics = artefacts.METRICS / "compare" / f"{system}.json"
    if spec.decision.value == "tune" and not (listings.product[listings.gallery("val")] >= 0).any():
        artefacts.write_json(metrics, {"skipped": 1})
        with artefacts.replacing(artefacts.PREDICTIONS / system) as beside:
            beside.mkdir()
        return "skipped: no val listing has a label to tune its threshold on"
    fused, _ = fuse.fuse(
        Fusion(alpha=spec.alpha, method=spec.method, image={spec.image: 1.0}, title={spec.title: 1.0})
    )
    neighbours = index.index(fused, listings, params.index.k)
    judged, full = evaluate.evaluate(neighbours, listings, spec.decision, params.groups)
    channels = fuse.load_channels([spec.image, spec.title])
    predictions.write(system, judged, full, listings, channels, params.groups)
    short = evaluate.in_short(full, artefacts.read_json(artefacts.SUMMARY))
    artefacts.write_json(metrics, short)
    return evaluate.describe(short)


if __name__ == "__main__":
    artefacts.run(f"compare@{sys.argv[1]}", lambda: main(sys.argv[1]))
