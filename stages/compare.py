"""compare: one other system of the table, through the same fusion, search and decision as the main road.

Run as `python -m stages.compare <system>`. Reads the arrays of its two channels and listings.parquet; writes
metrics/compare/<system>.json and data/predictions/<system>/.
"""

from __future__ import annotations

import sys

from threadpoolctl import threadpool_limits

from samesku import artefacts
from samesku import params as settings
from samesku.evaluation import system
from samesku.params import Fusion


def main(name: str) -> str:
    params = settings.load()
    threadpool_limits(params.machine.threads)
    spec = settings.member(params.compare, name, "compare")
    candidates = [
        Fusion(alpha=alpha, method=spec.method, image={spec.image: 1.0}, title={spec.title: 1.0})
        for alpha in settings.alphas(spec.alpha)
    ]
    return system.match_and_score(name, candidates, spec.decision, params.index.k, params.groups)


if __name__ == "__main__":
    artefacts.run(f"compare@{sys.argv[1]}", lambda: main(sys.argv[1]))
