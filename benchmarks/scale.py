"""Compare Ray on this machine with `local`: python -m benchmarks.scale [--listings 17000]

Runs every stage that `machine.engine` affects with both engines, and prints the seconds of the whole stage,
with the start and the end of Ray:

    sample, embed_zero_shot cnn    on the catalogue of params.yaml
    index                          on invented listings, with two channels of --columns columns each

Compares the outs: packed pictures by their bytes, embeddings and neighbours by their numbers.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import memory
from samesku.params import read_params

ENGINES = ("local", "ray")
OUTS = {
    "sample": "data/sample/images.arrow",
    "embed_zero_shot cnn": "data/embeddings/cnn.npy",
    "index": "data/neighbours/full.parquet",
}


def stage(name: str, folder: Path) -> float:
    """Run one stage in `folder`; its seconds."""
    start = time.perf_counter()
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", *f"stages.{name}".split()],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(memory.ROOT)}, check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - start


def compared(one: Path, other: Path) -> str:
    """How far the outs of two engines lie apart."""
    if one.suffix == ".npy":
        return f"apart by {np.abs(np.load(one) - np.load(other)).max():.0e} at most"
    if one.suffix == ".parquet":
        left, right = pd.read_parquet(one), pd.read_parquet(other)
        moved = (left["neighbour"] != right["neighbour"]).mean()
        apart = (left["score"] - right["score"]).abs().max()
        return f"scores apart by {apart:.0e} at most, {moved:.2%} of places moved"
    return "equal bytes" if one.read_bytes() == other.read_bytes() else "other bytes"


def both(name: str, folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Run a stage by each engine, and print its line."""
    seconds, kept = [], folder / f"local{Path(OUTS[name]).suffix}"
    for engine in ENGINES:

        def by(content: dict[str, Any], engine: str = engine) -> None:
            change(content)
            content["machine"] |= {"engine": engine, "address": None}

        (folder / "params.yaml").write_text(memory.params(by), "utf-8")
        seconds.append(stage(name, folder))
        if engine == "local":
            shutil.copyfile(folder / OUTS[name], kept)
    outs = compared(kept, folder / OUTS[name])
    print(f"{name:24} {seconds[0]:8.1f} s {seconds[1]:8.1f} s  {outs}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--listings", type=int, default=17_000)
    parser.add_argument("--columns", type=int, default=256)
    given = parser.parse_args()
    shop = read_params(memory.ROOT / "params.yaml")["data"]
    shop["source"] = str(memory.ROOT / shop["source"])

    def narrow(content: dict[str, Any]) -> None:
        memory.cheap(content)
        for channel in ("phash", "tfidf"):
            content["channels"][channel]["dim"] = given.columns

    print(f"{'stage':24} {'local':>10} {'ray':>10}  outs")
    with tempfile.TemporaryDirectory() as place:
        for name in ("sample", "embed_zero_shot cnn"):
            both(name, Path(place), lambda content: content.update(data=shop))
    with tempfile.TemporaryDirectory() as place:
        memory.catalogue(Path(place, "catalogue.zip"), given.listings)
        Path(place, "params.yaml").write_text(memory.params(narrow), "utf-8")
        for name in ("sample", "embed_zero_shot phash", "embed_zero_shot tfidf", "fuse"):
            stage(name, Path(place))
        both("index", Path(place), narrow)


if __name__ == "__main__":
    main()
