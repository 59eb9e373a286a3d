"""Compare exact search with a plain matrix product, and measure the peak memory of index and evaluate.

    python -m benchmarks.search [--listings 24000] [--columns 1472] [--k 50]

The listings are synthetic, in clusters like products. Search and product take turns in the same run, so that
the ratio also holds on a shared machine. Each size of the memory part runs in a separate process. Its peak
must grow with the listings, not with their square.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samesku.catalogue.listings import Listings
from samesku.evaluation.decisions import decide
from samesku.evaluation.figures import all_metrics
from samesku.params import Decision, Groups
from samesku.search.exact import QUERIES, search_neighbours
from samesku.search.fusion import concatenate_channels
from samesku.search.galleries import search_galleries


def synthetic(listings: int, columns: int, seed: int = 0) -> NDArray[np.float32]:
    """float32 (N, columns): unit rows in clusters of about three."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(listings // 3 + 1, columns)).astype(np.float32)
    rows = centres[generator.integers(0, len(centres), listings)]
    rows += 0.7 * generator.normal(size=rows.shape).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def catalogue(listings: int) -> Listings:
    """Listings in products of about three, split 70/15/15."""
    generator = np.random.default_rng(0)
    product = generator.integers(0, listings // 3 + 1, listings).astype(np.int32)
    splits = generator.choice(["train", "val", "test"], listings // 3 + 1, p=[0.7, 0.15, 0.15])
    ids = np.array([f"p{i:09d}" for i in range(listings)], dtype=object)
    return Listings(ids, product, product, splits[product])


def speed(listings: int, columns: int, k: int, runs: int = 3) -> None:
    rows = synthetic(listings, columns)
    fused = concatenate_channels({"a": rows}, {"a": 1.0})
    every = np.arange(listings, dtype=np.int32)
    gflop = 2.0 * listings * listings * columns / 1e9
    ratios = []
    for _ in range(runs):
        start = time.perf_counter()
        for block in range(0, listings, QUERIES):
            rows[block : block + QUERIES] @ rows.T
        product = gflop / (time.perf_counter() - start)
        start = time.perf_counter()
        search_neighbours(fused, every, k)
        search = gflop / (time.perf_counter() - start)
        ratios.append(search / product)
        print(f"  search {search:6.1f} GFLOP/s, matrix product {product:6.1f}, ratio {ratios[-1]:.2f}")
    ratio = statistics.median(ratios)
    print(f"self-join of {listings} × {columns}, k {k}: ratio {ratio:.2f} (median of {runs})")


def peak_mib() -> float:
    """The highest resident memory of this process so far; Linux counts it anew for each program."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise OSError("no VmHWM in /proc/self/status")


def _peak(listings: int, columns: int, k: int) -> None:
    before = peak_mib()
    rows = synthetic(listings, columns)
    sample = catalogue(listings)
    with_rows = peak_mib()
    fused = concatenate_channels({"a": rows}, {"a": 1.0})
    neighbours = search_galleries(fused, sample, k)
    decisions = {name: decide(nearest, sample, Decision(), name) for name, nearest in neighbours.items()}
    all_metrics(decisions, sample, Groups())
    peak = peak_mib()
    array = listings * columns * 4 / 2**20
    print(
        f"  {listings:7} listings: peak {peak:6.0f} MiB, of which imports {before:.0f}, "
        f"with the array made {with_rows:.0f}; one array is {array:.0f} MiB, N × N would be "
        f"{listings**2 * 4 / 2**20:.0f}"
    )


def memory(sizes: list[int], columns: int, k: int) -> None:
    print(f"peak memory of index and evaluate, {columns} columns, k {k}:")
    for size in sizes:
        process = multiprocessing.get_context("spawn").Process(target=_peak, args=(size, columns, k))
        process.start()
        process.join()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--listings", type=int, default=24_000)
    parser.add_argument("--columns", type=int, default=1472)
    parser.add_argument("--k", type=int, default=50)
    args = parser.parse_args()
    speed(args.listings, args.columns, args.k)
    memory([args.listings // 4, args.listings // 2, args.listings], args.columns, args.k)


if __name__ == "__main__":
    main()
