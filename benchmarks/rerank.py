"""Measure rerank: features a second, the seconds of each step, and the peak memory.

    python -m benchmarks.rerank [--sample .]

Runs in the folder with the params.yaml, data/sample/ and data/embeddings/ to measure (default: this one), on
the full gallery, and writes nothing. It prints the seconds of the processor beside those of the clock,
because the clock also counts the time of other programs.
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
from samesku.catalogue.listings import read_listings, val_labelled, visible_products
from samesku.evaluation.rules import read_rules
from samesku.pairs.candidate_search import find_candidates
from samesku.pairs.evidence import collect_evidence
from samesku.pairs.labels import NotEnoughPairs, label_pairs
from samesku.pairs.pair_model import fit_pair_model
from samesku.params import load_params
from samesku.search.fusion import channel_weights, concatenate_channels, load_channels


@contextmanager
def timed(step: str, per: int = 0) -> Iterator[None]:
    """Print the seconds of a step, and how many of `per` things it did in a second."""
    wall, busy = time.perf_counter(), time.process_time()
    yield
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    speed = f"  {per / wall:12,.0f} a second" if per else ""
    print(f"{step:<28} {wall:7.1f} s {busy:7.1f} s of processor{speed}", flush=True)


def measure() -> None:
    params = load_params()
    faiss.omp_set_num_threads(params.machine.threads)
    spec, listings = params.rerank, read_listings(artefacts.LISTINGS, params.match)
    print(f"{len(listings)} listings, {params.machine.threads} threads")
    with timed("read channels and titles", len(listings)):
        fusion = spec.fusion
        channels = load_channels([*fusion.image, *fusion.title], artefacts.embedding_path, listings)
        towers = channels.keys() - params.channels.keys()
        evidence = collect_evidence(listings, channels)
        fused = concatenate_channels(channels, channel_weights(fusion.image, fusion.title, fusion.alpha))
    with timed("searches, candidates, lists", len(listings)):
        rules = read_rules(listings, params.match, params.groups)
        _, (features,) = find_candidates(evidence, fused, towers, listings, ["full"], spec, rules)
    candidates = features.candidates
    pairs, columns = len(candidates), len(features.names)
    print(f"{pairs:,} candidate pairs, {2 * pairs / len(listings):.1f} to a listing, {columns} features")
    with timed("features alone", pairs * columns):
        for block in features.blocks():
            features.values(block)
    model, component = spec.model, listings.component
    product, val = visible_products(listings), val_labelled(listings)
    labels = label_pairs(candidates, product, val, product >= 0, component, model)
    with timed("train and score, two rounds", pairs):
        try:
            fit_pair_model(features, labels, model, params.machine.threads)
        except NotEnoughPairs as error:
            print(f"no model: {error}")
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
