"""Approximate search against exact search: recall, queries/s as a ratio, time to build, and peak memory.

    python -m benchmarks.approximate [--listings 1000000] [--columns 512] [--k 50] [--kinds ivf hnsw]

Synthetic listings, clustered like products: kinds of goods, products of a kind, listings of a product. They
vary in --dimensions directions, since embeddings fill a part of their columns alone. Each kind runs in a
process of its own, for its peak. Exact and approximate search answer the same queries in one run, so that
their ratio holds on a machine that others use too; the effort is doubled until the wanted recall is
reached.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time

import numpy as np
from numpy.typing import NDArray

from benchmarks.search import peak_mib
from samesku.search import approximate, fusion, neighbours

BLOCK = 65_536


def synthetic(listings: int, columns: int, dimensions: int, seed: int = 0) -> NDArray[np.float32]:
    """float32 (N, columns): unit rows; products of about three, kinds of about 200 products."""
    generator = np.random.default_rng(seed)
    products = listings // 3 + 1
    kinds = generator.normal(size=(products // 200 + 1, dimensions)).astype(np.float32)
    centres = kinds[generator.integers(0, len(kinds), products)]
    centres += 0.6 * generator.normal(size=centres.shape).astype(np.float32)
    spread = generator.normal(size=(dimensions, columns)).astype(np.float32) / np.sqrt(dimensions)
    found = np.empty((listings, columns), np.float32)
    for start in range(0, listings, BLOCK):
        rows = centres[generator.integers(0, products, min(BLOCK, listings - start))]
        rows += 0.25 * generator.normal(size=rows.shape).astype(np.float32)
        block = rows @ spread
        block += 0.1 * generator.normal(size=block.shape).astype(np.float32)
        found[start : start + len(block)] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return found


def measure(kind: str, given: argparse.Namespace) -> None:
    rows = synthetic(given.listings, given.columns, given.dimensions)
    fused = fusion.concatenate({"a": rows}, {"a": 1.0})
    del rows
    ready = peak_mib()
    every = np.arange(given.listings, dtype=np.int32)
    [whole] = neighbours.parts(fused, every)
    some = np.sort(np.random.default_rng(1).permutation(every)[: given.queries])
    start = time.perf_counter()
    exact = neighbours.search(fused, every, given.k, queries=some, gallery=[whole])
    flat = given.queries / (time.perf_counter() - start)
    start = time.perf_counter()
    index = approximate.build(whole.vectors, kind)
    built = time.perf_counter() - start
    for effort in (2**power for power in range(13)):
        finder = approximate.Finder(index, whole.vectors, effort, rescore=approximate.compressed(kind))
        part = neighbours.Part(whole.code, whole.ids, whole.vectors, finder)
        start = time.perf_counter()
        found = neighbours.search(fused, every, given.k, queries=some, gallery=[part])
        rate = given.queries / (time.perf_counter() - start)
        recall = approximate.recall(found, exact)
        print(
            f"  {kind}: effort {effort}: recall@{given.k} {recall:.4f}, {rate:.0f} queries/s, "
            f"{rate / flat:.1f} × exact ({flat:.0f})",
            flush=True,
        )
        if recall >= given.recall:
            break
    print(
        f"{kind} over {given.listings} × {given.columns}: built in {built:.0f} s; peak {peak_mib():.0f} MiB, "
        f"of which the vectors, made and fused, {ready:.0f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--listings", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--dimensions", type=int, default=48)
    parser.add_argument("--k", type=int, default=50)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--recall", type=float, default=0.99)
    parser.add_argument("--kinds", nargs="+", default=["ivf", "hnsw"])
    given = parser.parse_args()
    for kind in given.kinds:
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(kind, given))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
