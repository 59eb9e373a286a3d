"""Embedded rows, kept on disk as they come: a run that is killed goes on from them."""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
#: Rows of a shard, which a kill loses at most, beside the batches at hand: some seconds' work of a processor.
ROWS = 2048


class Shards:
    """The rows of one array that are done, in a folder that belongs to it alone.

    A shard is one file of row numbers and vectors, written beside and renamed; which rows it holds is of no
    matter, so threads may add batches in any order.
    """

    def __init__(self, folder: Path, rows: int = ROWS) -> None:
        self.folder, self.rows = folder, rows
        self._waiting: list[tuple[Sequence[int], Floats]] = []
        self._lock = threading.Lock()

    def load(self, out: Floats) -> NDArray[np.bool_]:
        """Put the rows that are kept into `out`, float32 (N, dim); which they are, bool (N,).

        What is no whole shard of such rows is removed.
        """
        done = np.zeros(len(out), bool)
        for file in sorted(self.folder.glob("*.npz")):
            try:
                with np.load(file, allow_pickle=False) as kept:
                    rows, vectors = kept["rows"], kept["vectors"]
                out[rows] = vectors
            except (ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile):
                file.unlink()
                continue
            done[rows] = True
        out[~done] = 0
        return done

    def add(self, rows: Sequence[int], vectors: Floats) -> None:
        """Keep a batch: its row numbers, and float32 (B, dim)."""
        with self._lock:
            self._waiting.append((rows, vectors))
            if sum(len(rows) for rows, _ in self._waiting) >= self.rows:
                self._write()

    def flush(self) -> None:
        """Write what waits for its shard to be full."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        rows = np.concatenate([np.asarray(rows, np.int64) for rows, _ in self._waiting])
        vectors = np.concatenate([vectors for _, vectors in self._waiting])
        self._waiting = []
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = self.folder / ".partial"
        try:
            with beside.open("wb") as file:
                np.savez(file, rows=rows, vectors=vectors)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self.folder / f"{rows.min():08d}.npz")
        finally:
            beside.unlink(missing_ok=True)
