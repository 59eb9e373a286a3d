"""Results kept on disk by the content that they were computed from, in shards that are written once.

A store is a folder; each of its folders holds the values of one computation (an encoder, say), whose name stands for
all that decides them. A shard is written under another name and renamed, and never changed. Therefore runs at the same
time need no lock, and a kill at any moment loses only what no shard holds yet.

A shard is its values one after the other, an index of them (a NumPy array of _ENTRY), and an end: 16 bytes that are a
digest of the index, and its length. The index has a digest of each key and value, so that nothing is read from a
damaged place: what does not fit is missing, and is computed again. A store changes no result. (Arrow's files hold no
digests; with one flipped byte its reader may end the process.)
"""

import mmap
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import numpy as np

_ENTRY = np.dtype([("key", "V16"), ("check", "V16"), ("start", "<i8"), ("size", "<i8")])
_LENGTH = 8  # bytes of the index's length
SUFFIX, PARTIAL = ".shard", ".shard-partial"
#: A shard is written when its values have this many bytes, or after this many seconds: what a kill loses at most.
SHARD_BYTES, SHARD_SECONDS = 16_000_000, 30.0
_ABANDONED = 86_400  # seconds after which half a shard is one that a kill has left


def content_key(*parts: bytes) -> bytes:
    """16 bytes that stand for a content of one or several parts."""
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


class Store:
    """The values of one computation by their keys of 16 bytes; several threads may add at the same time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shards: dict[Path, mmap.mmap] = {}
        self._places: dict[bytes, tuple[Path, bytes, int, int]] = {}
        self._waiting: dict[bytes, bytes] = {}
        self._size = 0  # of what waits
        self._since = time.monotonic()
        self._lock = threading.Lock()
        self._is_writable = True
        for file in sorted(folder.glob(f"*{SUFFIX}")):
            self._open(file)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[bytes]:
        """The keys on disk; `get` says whether a value is whole."""
        return iter(list(self._places))

    def get(self, key: bytes) -> bytes | None:
        """The value of a key; None where no shard has it whole."""
        place = self._places.get(key)
        if place is None:
            return None
        file, check, start, size = place
        value = self._shards[file][start : start + size]
        if content_key(key, value) == check:
            return value
        self._drop(file)
        return None

    def add(self, key: bytes, value: bytes) -> None:
        """Keep a value; it is on disk once its shard is full, or after `flush`."""
        with self._lock:
            if not self._is_writable:
                return
            self._waiting[key] = value
            self._size += len(value)
            if self._size >= SHARD_BYTES or time.monotonic() - self._since > SHARD_SECONDS:
                self._write()

    def flush(self) -> None:
        """Write what waits for its shard to be full, and note which shards were used, for `prune`."""
        with self._lock:
            self._write()
        for file in self._shards:
            with suppress(OSError):
                os.utime(file)

    def _open(self, file: Path) -> None:
        """Take a shard's index; a file that has no whole one is removed."""
        try:
            with file.open("rb") as opened:
                shard = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # an empty file
            _remove(file)
            return
        except OSError:  # another run has removed it, say
            return
        end = len(shard) - 16 - _LENGTH
        begin = end - int.from_bytes(shard[-_LENGTH:], "little")
        if not 0 <= begin <= end or blake2b(shard[begin:end], digest_size=16).digest() != shard[end:-_LENGTH]:
            _remove(file)
            return
        entries = np.frombuffer(shard[begin:end], _ENTRY)
        self._shards[file] = shard
        for key, check, start, size in entries.tolist():
            self._places[key] = file, check, start, size

    def _drop(self, file: Path) -> None:
        self._places = {key: place for key, place in self._places.items() if place[0] != file}
        del self._shards[file]
        _remove(file)

    def _write(self) -> None:
        self._since, self._size = time.monotonic(), 0
        if not self._waiting:
            return
        values, self._waiting = self._waiting, {}
        name = uuid.uuid4().hex
        partial = self.folder / f".{name}{PARTIAL}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as out:
                start, entries = 0, []
                for key, value in values.items():
                    entries.append((key, content_key(key, value), start, len(value)))
                    start += out.write(value)
                index = np.array(entries, _ENTRY).tobytes()
                out.write(
                    index + blake2b(index, digest_size=16).digest() + len(index).to_bytes(_LENGTH, "little")
                )
            os.replace(partial, self.folder / f"{name}{SUFFIX}")
        except OSError as error:  # a full disk, say: the run itself may still end well
            self._is_writable = False
            reason = error.strerror or error
            print(
                f"{self.folder} cannot be written ({reason}): what is computed is not kept for later runs",
                file=sys.stderr,
            )
        finally:
            _remove(partial)


def prune(root: Path | None, limit: int) -> tuple[int, int]:
    """Remove the shards of a store that were not used for the longest time, until it has at most `limit` bytes.

    Other runs may read and write at the same time: they compute again what is gone.

    Returns:
        the number of shards that were removed, and the bytes that are left.
    """
    if root is None:
        return 0, 0
    files = []
    for file in _files(root):
        with suppress(OSError):
            status = file.stat()
            if file.suffix == PARTIAL and time.time() - status.st_mtime > _ABANDONED:
                file.unlink()
            elif file.suffix == SUFFIX:
                files.append((status.st_mtime, file, status.st_size))
    total, removed = sum(size for _, _, size in files), 0
    for _, file, size in sorted(files):
        if total <= limit:
            break
        _remove(file)
        if not file.exists():  # it stays in a folder that is read-only
            total, removed = total - size, removed + 1
    return removed, total


def folder_size(folder: Path) -> int:
    """The bytes of a folder of a store; other runs may write and remove files at the same time."""
    total = 0
    for file in folder.iterdir():
        with suppress(OSError):
            total += file.stat().st_size
    return total


def _files(root: Path) -> Iterator[Path]:
    yield from root.glob(f"*/*{SUFFIX}")
    yield from root.glob(f"*/.*{PARTIAL}")


def _remove(file: Path) -> None:
    with suppress(OSError):  # it is gone, or this user may not
        file.unlink()
