"""The pipeline's files: where they are, how they are written, and how damaged ones are noticed when they are read.

The path constants are for the stage scripts and for samesku.app; the other packages are given paths.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from samesku.errors import InputError
from samesku.interrupts import STATUS, noted_interrupts
from samesku.processor import fixed_blas_threads
from samesku.reading import reading
from samesku.replacing import hold_lock, replace_out

if TYPE_CHECKING:
    import pyarrow as pa

SOURCE = Path("data/source.txt")  # where the catalogue of the sample is from
SAMPLE = Path("data/sample")
LISTINGS = SAMPLE / "listings.parquet"
IMAGES = SAMPLE / "images.arrow"
THUMBNAILS = SAMPLE / "thumbnails.arrow"
QUARANTINE = SAMPLE / "quarantine.csv"
SUMMARY = SAMPLE / "summary.json"
EMBEDDINGS = Path("data/embeddings")
BASELINES = Path("data/baselines")
MODELS = Path("data/models")
CURVES = Path("data/curves")
FUSED = Path("data/fused")
NEIGHBOURS = Path("data/neighbours")
TUNED = Path("data/tuned")
PREDICTIONS = Path("data/predictions")
METRICS = Path("metrics")
#: The one file of an out whose stage, or system, was skipped.
SKIPPED = "skipped.json"
#: Groups of params.yaml with any number of systems: each has a folder of its name in PREDICTIONS and METRICS.
GROUPS_OF_SYSTEMS = ("compare", "learned_fusion")
ANNOTATIONS = Path("data/annotations.csv")  # written by people, with `samesku serve`
LINKS = Path("data/annotations")
CHECKPOINTS = Path("data/checkpoints")
PROVENANCE = Path("data/provenance")


def embedding_path(name: str, root: Path = Path()) -> Path:
    """The array of a channel: in data/embeddings, or in data/baselines where it is only there."""
    main, baseline = (root / folder / f"{name}.npy" for folder in (EMBEDDINGS, BASELINES))
    return baseline if baseline.is_file() and not main.is_file() else main


def predictions_folder(system: str) -> Path:
    """data/predictions/<system>, or data/predictions/<group>/<system> for a system of GROUPS_OF_SYSTEMS."""
    return _of_system(PREDICTIONS, system)


def metrics_file(system: str, metrics: Path = METRICS) -> Path:
    """metrics/<system>.json, or metrics/<group>/<system>.json for a system of GROUPS_OF_SYSTEMS."""
    return _of_system(metrics, f"{system}.json")


def _of_system(folder: Path, name: str) -> Path:
    of_groups = (folder / group / name for group in GROUPS_OF_SYSTEMS)
    return next(filter(Path.exists, of_groups), folder / name)


def read_git(folder: Path, *arguments: str) -> bytes | None:
    """What a command of git prints; None where it fails, or where there is no git."""
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run([git, *arguments], cwd=folder, capture_output=True, check=False)  # noqa: S603
    return done.stdout if done.returncode == 0 else None


def describe_untracked(path: Path) -> str:
    """What to do with a metrics file that git does not track yet, to be put at the end of a summary; else ""."""
    untracked = read_git(Path(), "ls-files", "--others", "--", path.as_posix())
    return f"; new: git add {path}" if untracked else ""


def fingerprint(values: Any, paths: Iterable[Path]) -> str:
    """16 hex digits of what decides a result: values that JSON can hold, and the content of files.

    Args:
        paths: files, and folders of which every .py counts.
    """
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for path in paths:
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:16]


def round_floats(content: Any) -> Any:
    """`content` with every float, NumPy's too, as a plain number of six decimals, so that outs are byte-stable."""
    if isinstance(content, dict):
        return {key: round_floats(value) for key, value in content.items()}
    if isinstance(content, list):
        return [round_floats(value) for value in content]
    return round(float(content), 6) if isinstance(content, float) else content


def write_array(path: Path, array: NDArray[np.generic]) -> None:
    """Write an array as .npy."""
    with replace_out(path) as partial, partial.open("wb") as file:
        np.save(file, array)


def write_json(path: Path, content: Any) -> None:
    """Write JSON that a person can read as a diff: keys as given, two spaces, a newline at the end."""
    with replace_out(path) as partial:
        partial.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def read_json(path: Path) -> Any:
    """What `write_json` wrote.

    Raises:
        DamagedFile: it is no JSON, or holds NaN or infinity.
    """
    with reading(path):
        return json.loads(path.read_text("utf-8"), parse_float=_finite, parse_constant=_finite)


def _finite(text: str) -> float:
    """The number of a text of JSON; `1e999` is infinity to Python."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"it holds {text}; allowed: numbers")
    return number


def write_skipped(out: Path, reason: str) -> None:
    """Write a folder that says why its stage, or its system, was skipped in the run on this sample.

    DVC warns of an empty folder, and loses one inside an out.
    """
    with replace_out(out) as folder:
        folder.mkdir()
        sample = fingerprint(None, [LISTINGS] if LISTINGS.is_file() else [])
        write_json(folder / SKIPPED, {"skipped": reason, "sample": sample})


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """Write rows as CSV, floats with six decimals.

    Args:
        columns: null takes the keys of the first row, and without rows the one column `empty`.
    """
    names = list(columns or (rows[0] if rows else ["empty"]))
    with replace_out(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(round_floats(list(map(dict, rows))))


def read_columns(path: Path, columns: Sequence[str] | None = None) -> dict[str, pa.Array]:
    """The columns of a Parquet file by name, each as one array. No pandas, whose import takes half a second.

    Raises:
        DamagedFile: it is missing, no such file, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with reading(path):
        with pq.ParquetFile(path) as file:
            if missing := set(columns or ()) - set(file.schema_arrow.names):
                raise ValueError(f"it has no column {', '.join(sorted(missing))}")
            table = file.read(columns=columns)
        table.validate(full=True)
    return {
        name: pa.concat_arrays(table[name].chunks or [pa.nulls(0, table[name].type)])
        for name in table.column_names
    }


def column_names(path: Path) -> list[str]:
    """The names of the columns of a Parquet file."""
    import pyarrow.parquet as pq

    with reading(path):
        return pq.read_schema(path).names


def to_numpy(column: pa.Array) -> NDArray[np.generic]:
    """A column of numbers or booleans without nulls as an array, which shares its memory where it can."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(column.type):
        return np.from_dlpack(pc.cast(column, pa.uint8())).astype(bool)
    return np.from_dlpack(column)


def make_table(columns: Mapping[str, NDArray[np.generic] | Iterable[str]]) -> pa.Table:
    """A table of arrays of numbers or booleans, and of strings; made of buffers, since `pa.array` imports pandas."""
    import pyarrow as pa

    arrays = []
    for values in columns.values():
        if isinstance(values, np.ndarray) and values.dtype.kind in "iufb":
            numbers = np.ascontiguousarray(values, np.uint8 if values.dtype == bool else None)
            dtype, buffers = pa.from_numpy_dtype(numbers.dtype), [None, pa.py_buffer(numbers)]
            array = pa.Array.from_buffers(dtype, len(numbers), buffers)
            arrays.append(array.cast(pa.bool_()) if values.dtype == bool else array)
        else:
            texts = [str(value).encode() for value in values]
            ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
            buffers = [pa.py_buffer(ends), pa.py_buffer(b"".join(texts))]
            arrays.append(pa.StringArray.from_buffers(len(texts), *buffers))
    return pa.Table.from_arrays(arrays, names=list(columns))


def write_table(path: Path, table: pa.Table | Mapping[str, NDArray[np.generic] | Iterable[str]]) -> None:
    """Write a table, or columns as `make_table` takes them, as Parquet."""
    import pyarrow.parquet as pq

    with replace_out(path) as partial:
        pq.write_table(make_table(table) if isinstance(table, Mapping) else table, partial)


def run_stage(stage: str, main: Callable[[], str]) -> None:
    """Run a script's `main` and print its one-line summary with the seconds.

    An InputError, a full disk and too little memory end with one sentence and status 1, Ctrl-C with status 130. So
    does a stage that another process runs in this folder already: DVC has a lock of its own, a shell has none.
    The seconds go to the screen and to data/provenance/ (git-ignored), never into an out.
    """
    start = time.perf_counter()
    name = stage.replace("@", ".")
    interrupts: list[int] = []
    try:
        with noted_interrupts(interrupts), _run_alone(PROVENANCE / f"{name}.lock"), fixed_blas_threads():
            summary = main()
            seconds = time.perf_counter() - start
            write_json(PROVENANCE / f"{name}.json", {"seconds": round(seconds, 2), "summary": summary})
    except (Exception, KeyboardInterrupt) as error:
        if interrupts or isinstance(error, KeyboardInterrupt):
            print(f"{stage}: stopped by Ctrl-C; nothing half-written is left", file=sys.stderr)
            sys.exit(STATUS)
        if isinstance(error, InputError):
            sys.exit(f"{stage}: {error}")
        if (sentence := _system_error(error)) is None:
            raise
        sys.exit(f"{stage}: {sentence}; the last good outs are as they were")
    print(f"{stage}: {summary}, {seconds:.1f} s", flush=True)


#: Names the lock that a stage holds to the processes that it starts: torchrun's run the same script.
_LOCK_HELD = "SAMESKU_STAGE_LOCK"


@contextmanager
def _run_alone(lock: Path) -> Iterator[None]:
    """Hold the lock of a stage. Raises InputError where another process holds it."""
    name = str(lock.absolute())
    if os.environ.get(_LOCK_HELD) == name:
        yield
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_lock(lock, 0))
        except TimeoutError:
            raise InputError(
                "another process runs this stage in this folder; allowed: one; wait until it ends, or stop it"
            ) from None
        os.environ[_LOCK_HELD] = name
        stack.callback(os.environ.pop, _LOCK_HELD, None)
        yield


#: How libraries that are not written in Python report the number of an OSError.
_ERROR_NUMBER = re.compile(r"os error (\d+)|\[?errno (\d+)\]?", re.IGNORECASE)
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


def _system_error(error: BaseException | None) -> str | None:
    """A full disk, a folder that cannot be written, no memory: in one sentence; None for any other error."""
    if isinstance(error, MemoryError):
        return "this machine has not enough memory"
    match = _ERROR_NUMBER.search(str(error))
    number = getattr(error, "errno", None) or (match and int(match[1] or match[2]))
    if number:
        file = getattr(error, "filename", None)
        return f"{file}: {os.strerror(number)}" if file else os.strerror(number)
    if isinstance(error, OSError):
        message = " ".join(str(error).split())
        # NumPy says "3 requested and 0 written".
        return f"{message}: is the disk full?" if message.endswith(" written") else message
    # torch.save raises an error of its own while it handles that of the disk.
    before = error.__context__ if error else None
    return _system_error(before) if getattr(before, "errno", None) in _NO_ROOM else None
