"""What rerank costs: features a second, the seconds of each step, and the peak memory of the whole.

    python -m benchmarks.rerank [--sample .]

Runs in the folder whose params.yaml, data/sample/ and data/embeddings/ it is to measure (default: this one),
on the full gallery; what it learns is thrown away. Where others use the machine too, the wall clock tells too
many seconds: those of the processor are printed beside them.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import faiss

from samesku import artefacts
from samesku import params as settings
from samesku.catalogue import listings as catalogue
from samesku.evaluation import validation as val
from samesku.pairs import gallery
from samesku.pairs import two_rounds as reranker
from samesku.pairs.pair_model import Learning
from samesku.search.exact import search_neighbours
from stages import rerank


@contextmanager
def timed(step: str, per: int = 0) -> Iterator[None]:
    """Print what a step took, and `per` of something in a second."""
    wall, busy = time.perf_counter(), time.process_time()
    yield
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    speed = f"  {per / wall:12,.0f} a second" if per else ""
    print(f"{step:<28} {wall:7.1f} s {busy:7.1f} s of processor{speed}", flush=True)


def measure() -> None:
    params = settings.load()
    faiss.omp_set_num_threads(params.machine.threads)
    spec, listings = params.rerank, catalogue.read(artefacts.LISTINGS)
    rows = listings.gallery("full")
    print(f"{len(rows)} listings, {params.machine.threads} threads")
    with timed("read channels and titles", len(rows)):
        found = rerank.evidence(spec)
    with timed("plain search", len(rows)):
        plain = search_neighbours(found.fused, rows, spec.k)
    cut = val.best_threshold(plain, listings, rows)
    with timed("blend, search, features", len(rows)):
        ready = gallery.prepare(found, plain, spec.k, spec.blend, cut)
    pairs, columns = len(ready.candidates), len(ready.features.names)
    print(f"{pairs:,} candidate pairs, {2 * pairs / len(rows):.1f} to a listing, {columns} features")
    with timed("the same without the search", pairs * columns):
        gallery.prepare(found, plain, spec.k, 0, cut)
    learning = Learning(**spec.model.model_dump(), threads=params.machine.threads)
    with timed("learn and score, two rounds", pairs):
        learned = reranker.learn(
            ready, val.known(listings), val.labelled(listings), listings.component, learning
        )
    if isinstance(learned, str):
        print(f"nothing learned: {learned}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"peak memory {peak:.2f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=Path, default=Path("."), help="folder with params.yaml and data/")
    os.chdir(parser.parse_args().sample)
    measure()


if __name__ == "__main__":
    main()
