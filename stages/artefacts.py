"""Where each artefact of the pipeline lies and how a script writes it: beside its place, then renamed.

The stage scripts alone know these paths; the rooms take arrays and paths.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.settings import Refused

SAMPLE = Path("data/sample")
LISTINGS = SAMPLE / "listings.parquet"
IMAGES = SAMPLE / "images.arrow"
THUMBNAILS = SAMPLE / "thumbnails.arrow"
QUARANTINE = SAMPLE / "quarantine.csv"
SUMMARY = SAMPLE / "summary.json"
EMBEDDINGS = Path("data/embeddings")
MODELS = Path("data/models")
FUSED = Path("data/fused")
NEIGHBOURS = Path("data/neighbours")
PREDICTIONS = Path("data/predictions")
SWEEP = Path("data/sweep")
METRICS = Path("metrics")
LINKS = Path("data/links")
REVIEW = Path("data/review.csv")  # written by people, with `samesku serve`
PROVENANCE = Path("data/provenance")


def embedding(channel: str) -> Path:
    """The array of a channel, or of one tower of a training run."""
    return EMBEDDINGS / f"{channel}.npy"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary sibling of `path` to write (a file or a folder); rename it onto `path` on success.

    A reader never sees half of an out: before the rename the old one stands, after it the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
    _remove(beside)
    try:
        yield beside
        if path.is_dir():
            _remove(path)
        os.replace(beside, path)
    finally:
        _remove(beside)


def write_json(path: Path, content: Any) -> None:
    """Write `content` with sorted-as-given keys, two spaces and a final newline: a diff a person can read."""
    with replacing(path) as beside:
        beside.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def rounded(content: Any) -> Any:
    """`content` with every float, NumPy's too, a plain number of six decimals: outs are byte-stable."""
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, list):
        return [rounded(value) for value in content]
    return round(float(content), 6) if isinstance(content, float) else content


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def run(stage: str, main: Callable[[], str]) -> None:
    """Run a script's `main`, print its one-line summary with the seconds; a refusal is one line and status 1.

    Seconds go to the screen and to data/provenance/ (git-ignored), never into an out.
    """
    start = time.perf_counter()
    try:
        summary = main()
    except Refused as error:
        sys.exit(f"{stage}: {error}")
    except OSError as error:
        sys.exit(f"{stage}: {error.filename or 'input or output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        print(f"{stage}: stopped by Ctrl-C; nothing half-written is left", file=sys.stderr)
        sys.exit(130)
    seconds = time.perf_counter() - start
    print(f"{stage}: {summary}, {seconds:.1f} s", flush=True)
    write_json(
        PROVENANCE / f"{stage.replace('@', '.')}.json", {"seconds": round(seconds, 2), "summary": summary}
    )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
