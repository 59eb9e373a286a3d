"""How files of the pipeline are read: one that is damaged, or holds impossible numbers, is one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesku.arrays import Bools, Float32
from samesku.errors import DamagedFile, InputError


@contextmanager
def reading(
    path: Path, hint: str = "run `dvc repro`, or `dvc checkout` where it has run before"
) -> Iterator[None]:
    """Make one sentence of whatever a library raises on a file of the pipeline; `hint` is the way out.

    Raises:
        DamagedFile: the file is missing, or is not what the pipeline writes.
    """
    try:
        yield
    except FileNotFoundError:
        raise DamagedFile(f"{path} is missing; {hint}") from None
    except (InputError, PermissionError, MemoryError):
        raise
    except Exception as error:  # readers of damaged bytes raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DamagedFile(f"{path} is damaged ({reason}); {hint}") from None


def read_array(path: Path, *, mapped: bool = True) -> NDArray[Any]:
    """An array of a .npy file, memory-mapped rather than read.

    Raises:
        DamagedFile: it is missing, or no such file.
    """
    with reading(path):
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)


def refuse_values(column: str, values: NDArray[Any], wrong: Bools, allowed: str) -> None:
    """Refuse a column of a file; to be called within `reading`, which names the file.

    Args:
        values: (N,). wrong: bool (N,), where a value is impossible. allowed: what it may be, for the error.

    Raises:
        ValueError: the sentence names the first row that is wrong.
    """
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(f"row {row}: {column} is {values[row]}; allowed: {allowed}")


#: Rows that `check_rows` looks at together: some MB.
_CHECKED = 4096
#: How far the length of a row may be from 1; rows that were computed in half precision have 1e-4.
LENGTH_ERROR = 1e-2


def check_rows(rows: Float32, name: str) -> None:
    """Check that every row of an embedding is of length 1, or zero: of finite numbers, in one pass.

    Args:
        rows: (N, d); (0, 0) and (N, 0) pass. name: of the file or the channel, for the error.

    Raises:
        DamagedFile: the sentence names the first row that is not.
    """
    if rows.ndim != 2 or rows.dtype != np.float32:
        raise DamagedFile(
            f"{name} has shape {rows.shape} and type {rows.dtype}; allowed: (N, columns) of float32"
        )
    for start in range(0, len(rows) if rows.shape[1] else 0, _CHECKED):
        block = rows[start : start + _CHECKED]
        square = np.einsum("nd,nd->n", block, block)  # NaN or infinity where one of its numbers is
        with np.errstate(invalid="ignore"):
            wrong = ~((np.abs(square - 1) <= LENGTH_ERROR) | (square == 0))
        if wrong.any():
            row = int(wrong.argmax())
            length = float(np.sqrt(square[row]))
            what = f"length {length:.4g}" if np.isfinite(length) else "NaN or infinity in it"
            raise DamagedFile(f"{name}: row {start + row} has {what}; allowed: length 1, or zero")
