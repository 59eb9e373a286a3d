"""mix: a system of the table that weighs the channels of the main system otherwise, or leaves some out.

Run as `python -m stages.mix <mix>`. Reads the arrays of `fusion` and listings.parquet; writes
metrics/compare/<mix>.json and data/predictions/<mix>/. `samesku compare <mix> samesku` gives the difference
with its paired interval: what training adds, say, or what a channel is worth.
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
    spec = settings.member(params.mixes, name, "mixes")
    candidates = [
        Fusion(alpha=alpha, method=spec.method, image=spec.image, title=spec.title)
        for alpha in settings.alphas(spec.alpha)
    ]
    return system.match_and_score(name, candidates, spec.decision, params.index.k, params.groups)


if __name__ == "__main__":
    artefacts.run(f"mix@{sys.argv[1]}", lambda: main(sys.argv[1]))
