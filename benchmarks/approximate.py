"""Compare approximate search with exact search: recall, ratio of the speeds, build time, peak memory.

    python -m benchmarks.approximate [--listings 1000000] [--columns 512] [--k 50] [--kinds ivf hnsw]

The listings are synthetic: clusters for kinds of goods, for products and for listings of a product. They vary
in --dimensions directions, because embeddings do not fill all of their columns. Each kind of index runs in a
separate process, so that its peak memory is measured. Exact and approximate search answer the same queries in
the same run, so that the ratio also holds on a shared machine. The effort doubles until the recall is
reached.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time

import numpy as np
from numpy.typing import NDArray

from benchmarks.search import peak_mib
from samesku.search.approximate import build_index, is_compressed, recall, search_indexes
from samesku.search.exact import group_by_mask, search_neighbours
from samesku.search.fusion import concatenate_channels

BLOCK = 65_536


def synthetic(listings: int, columns: int, dimensions: int, seed: int = 0) -> NDArray[np.float32]:
    """float32 (N, columns): unit rows; products of about three, kinds of about 200 products."""
    generator = np.random.default_rng(seed)
    products = listings // 3 + 1
    kinds = generator.normal(size=(products // 200 + 1, dimensions)).astype(np.float32)
    centres = kinds[generator.integers(0, len(kinds), products)]
    centres += 0.6 * generator.normal(size=centres.shape).astype(np.float32)
    spread = generator.normal(size=(dimensions, columns)).astype(np.float32) / np.sqrt(dimensions)
    vectors = np.empty((listings, columns), np.float32)
    for start in range(0, listings, BLOCK):
        rows = centres[generator.integers(0, products, min(BLOCK, listings - start))]
        rows += 0.25 * generator.normal(size=rows.shape).astype(np.float32)
        block = rows @ spread
        block += 0.1 * generator.normal(size=block.shape).astype(np.float32)
        vectors[start : start + len(block)] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return vectors


def measure(kind: str, args: argparse.Namespace) -> None:
    rows = synthetic(args.listings, args.columns, args.dimensions)
    fused = concatenate_channels({"a": rows}, {"a": 1.0})
    del rows
    with_rows = peak_mib()
    every = np.arange(args.listings, dtype=np.int32)
    [group] = group_by_mask(fused, every)
    queries = np.sort(np.random.default_rng(1).permutation(every)[: args.queries])
    start = time.perf_counter()
    exact = search_neighbours(fused, every, args.k, queries=queries, groups=[group])
    exact_rate = args.queries / (time.perf_counter() - start)
    start = time.perf_counter()
    indexes = {group.mask: build_index(group.vectors, kind)}
    seconds = time.perf_counter() - start
    for effort in (2**power for power in range(13)):
        by_index = search_indexes(indexes, effort, is_compressed(kind))
        start = time.perf_counter()
        neighbours = search_neighbours(
            fused,
            every,
            args.k,
            queries=queries,
            groups=[group],
            search_blocks=by_index,
            approximate=indexes,
        )
        rate = args.queries / (time.perf_counter() - start)
        reached = recall(neighbours, exact)
        print(
            f"  {kind}: effort {effort}: recall@{args.k} {reached:.4f}, {rate:.0f} queries/s, "
            f"{rate / exact_rate:.1f} × exact ({exact_rate:.0f})",
            flush=True,
        )
        if reached >= args.recall:
            break
    print(
        f"{kind} over {args.listings} × {args.columns}: built in {seconds:.0f} s; peak {peak_mib():.0f} MiB, "
        f"of which the vectors, made and fused, {with_rows:.0f}",
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
    args = parser.parse_args()
    for kind in args.kinds:
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(kind, args))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
