"""Where each artefact of the pipeline lies and how a script writes it: beside its place, then renamed.

The stage scripts alone know these paths; the rooms take arrays and paths.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from samesku.errors import InputError

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

    A reader never sees half of an out, and a kill at any moment leaves the old one or the new one, whole: a
    folder, which cannot be replaced in one step, is put aside for the moment between, and comes back from
    there when it is next written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside, aside = (path.with_name(f".{path.name}.{what}") for what in ("partial", "last"))
    _put_back(aside, path)
    _remove(beside)
    try:
        yield beside
        if path.is_dir() and not path.is_symlink():
            os.replace(path, aside)
        os.replace(beside, path)
    finally:
        _put_back(aside, path)
        _remove(beside)
        if os.path.lexists(aside):
            os.replace(aside, beside)  # under its own name it is always whole
            _remove(beside)


def _put_back(aside: Path, path: Path) -> None:
    if os.path.lexists(aside) and not os.path.lexists(path):
        os.replace(aside, path)


def fingerprint(settled: Any, files: Iterable[Path]) -> str:
    """A short name for what decides a result: values that JSON can hold, and the content of files."""
    digest = hashlib.sha256(json.dumps(settled, sort_keys=True).encode())
    for file in files:
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:16]


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
        seconds = time.perf_counter() - start
        record = PROVENANCE / f"{stage.replace('@', '.')}.json"
        write_json(record, {"seconds": round(seconds, 2), "summary": summary})
    except InputError as error:
        sys.exit(f"{stage}: {error}")
    except KeyboardInterrupt:
        print(f"{stage}: stopped by Ctrl-C; nothing half-written is left", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if (told := _of_the_machine(error)) is None:
            raise
        sys.exit(f"{stage}: {told}; the last good outs are as they were")
    print(f"{stage}: {summary}, {seconds:.1f} s", flush=True)


#: What libraries that are not written in Python say in place of an OSError, by its number.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_SAID = re.compile(r"os error (\d+)|\[?errno (\d+)\]?", re.IGNORECASE)


def _of_the_machine(error: BaseException | None) -> str | None:
    """A full disk, a folder that cannot be written, no memory: in one sentence; None for any other error."""
    if isinstance(error, MemoryError):
        return "this machine has not enough memory"
    found = _SAID.search(str(error))
    number = getattr(error, "errno", None) or (found and int(found[1] or found[2]))
    if number:
        file = getattr(error, "filename", None)
        return f"{file}: {os.strerror(number)}" if file else os.strerror(number)
    if isinstance(error, OSError):
        said = " ".join(str(error).split())
        return f"{said}: is the disk full?" if said.endswith(" written") else said  # NumPy gives no number
    # torch.save raises an error of its own while it handles that of the disk.
    before = error.__context__ if error else None
    return _of_the_machine(before) if getattr(before, "errno", None) in _NO_ROOM else None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
