"""Embedded rows on disk, written as they come: a run that is killed goes on from them."""

import os
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from samesku.arrays import Bools, Float32

#: Rows of a shard. A kill loses at most these and the batches that are computed: seconds of work.
ROWS = 2048


class Shards:
    """The rows of one array that are embedded, in a folder of their own.

    A shard is one file of row numbers and vectors, written under another name and renamed. Any rows can form
    a shard, so threads may add batches in any order.
    """

    def __init__(self, folder: Path, rows: int = ROWS) -> None:
        self.folder, self.rows = folder, rows
        self._waiting: list[tuple[Sequence[int], Float32]] = []
        self._lock = threading.Lock()

    def load(self, out: Float32) -> Bools:
        """Read the rows of all shards into `out`, float32 (N, dim).

        A file that is no whole shard, or has rows of another width, is removed.

        Returns:
            bool (N,): the rows that were read; the rest of `out` is set to zero.
        """
        done = np.zeros(len(out), bool)
        for file in sorted(self.folder.glob("*.npz")):
            try:
                with np.load(file, allow_pickle=False) as shard:
                    rows, vectors = shard["rows"], shard["vectors"]
                out[rows] = vectors
            except (ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile):
                file.unlink()
                continue
            done[rows] = True
        out[~done] = 0
        return done

    def add(self, rows: Sequence[int], vectors: Float32) -> None:
        """Add a batch: its row numbers, and float32 (B, dim); written when the shard is full."""
        with self._lock:
            self._waiting.append((rows, vectors))
            if sum(len(rows) for rows, _ in self._waiting) >= self.rows:
                self._write()

    def flush(self) -> None:
        """Write the batches that wait for their shard to be full."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        rows = np.concatenate([np.asarray(rows, np.int64) for rows, _ in self._waiting])
        vectors = np.concatenate([vectors for _, vectors in self._waiting])
        self._waiting = []
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / ".partial"
        try:
            with partial.open("wb") as file:
                np.savez(file, rows=rows, vectors=vectors)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self.folder / f"{rows.min():08d}.npz")
        finally:
            partial.unlink(missing_ok=True)
