"""Where a catalogue lies: a .zip, read in place, or a folder; here, or at a URL (remote.py).

Nothing outside the picture folder can be read.

A source is small and picklable: each worker process opens the archive for itself.
"""

from __future__ import annotations

import os
import re
import stat
import zipfile
import zlib
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Self

from samesku.catalogue.quarantine import (
    IMAGE_BYTES,
    IMAGE_DAMAGED,
    IMAGE_EMPTY,
    IMAGE_LINK,
    IMAGE_MISSING,
    IMAGE_NAME,
    IMAGE_NO_FILE,
    IMAGE_OUTSIDE,
    IMAGE_UNREADABLE,
    Fault,
)
from samesku.errors import InputError

#: A larger picture file is refused unread; a listing's picture has some 0.1 MB.
MAX_BYTES = 64_000_000
#: A larger table is refused unread; that of a million listings has some 200 MB, and takes several times that.
MAX_TABLE = 1_000_000_000


class Source(ABC):
    """A catalogue: its table, and its pictures by name.

    Attributes:
        everywhere: whether other machines can read it too.
    """

    everywhere = False

    def __init__(self, path: Path | str, csv: str, images: str | None) -> None:
        self.path, self.csv, self.images = path, csv, images

    def __reduce__(self) -> tuple[type[Source], tuple[Path | str, str, str | None]]:
        return type(self), (self.path, self.csv, self.images)

    @abstractmethod
    def table(self) -> bytes:
        """The bytes of the table. Raises InputError where it cannot be read."""

    @abstractmethod
    def picture(self, name: str) -> bytes:
        """The bytes of one picture. Raises Fault with the reason where there is no such plain file inside."""


def no_folder(path: object, images: str | None) -> InputError:
    return InputError(
        f"data.images: {path} has no folder {images}; allowed: one in it, or null for no pictures"
    )


def is_in_dvc_cache(path: Path) -> bool:
    """Whether a file is one that DVC keeps: with cache.type symlink, a folder of `dvc add` holds links to those."""
    return re.search(r"/files/md5/([0-9a-f]{2}/)?[0-9a-f]+$", path.as_posix()) is not None


class FolderSource(Source):
    path: Path

    def table(self) -> bytes:
        table = self.path / self.csv
        try:
            check_table(table, table.stat().st_size)
            return table.read_bytes()
        except OSError as error:
            raise InputError(f"data.csv: {table} cannot be read ({error.strerror})") from None

    @cached_property
    def root(self) -> Path:
        """The picture folder, links followed: what a picture's own path must lie in."""
        return (self.path / (self.images or "")).resolve()

    def picture(self, name: str) -> bytes:
        path = self.root.joinpath(*inside(name).parts)
        try:
            real = path.resolve()
            if not real.is_relative_to(self.root) and not is_in_dvc_cache(real):
                raise Fault(IMAGE_LINK if path.is_symlink() else IMAGE_OUTSIDE)
            status = real.stat()
            if not stat.S_ISREG(status.st_mode):  # a pipe or a device would hang
                raise Fault(IMAGE_NO_FILE)
            check_size(status.st_size)
            return real.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise Fault(IMAGE_MISSING) from None
        except (OSError, RuntimeError):  # no right to read it, a name too long, a loop of links
            raise Fault(IMAGE_UNREADABLE) from None


class ZipSource(Source):
    def opened(self) -> Any:
        """What zipfile reads: a path, or an open file."""
        return self.path

    def checked(self) -> Self:
        if self.images is not None and not any(name.startswith(self.prefix) for name in self.zip.namelist()):
            raise no_folder(self.path, self.images)
        return self

    @cached_property
    def zip(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.opened())
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(
                f"data.source: {self.path} is no readable .zip ({error}); allowed: a .zip or a folder"
            ) from None

    @cached_property
    def prefix(self) -> str:
        folder = PurePosixPath(self.images or "").as_posix().strip("/")
        return "" if folder in ("", ".") else f"{folder}/"

    def table(self) -> bytes:
        try:
            info = self.zip.getinfo(PurePosixPath(self.csv).as_posix())
        except KeyError:
            raise InputError(f"data.csv: {self.path} has no member {self.csv}") from None
        check_table(f"{self.csv} in {self.path}", info.file_size)
        try:
            return self._read(info)
        except InputError:
            raise
        except _DAMAGE as error:
            raise InputError(f"data.csv: {self.csv} in {self.path} cannot be read ({error})") from None

    def picture(self, name: str) -> bytes:
        try:
            info = self.zip.getinfo(self.prefix + inside(name).as_posix())
        except KeyError:
            raise Fault(IMAGE_MISSING) from None
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Fault(IMAGE_LINK)
        check_size(info.file_size)
        try:
            return self._read(info)
        except InputError:  # a remote archive that is gone
            raise
        except _DAMAGE:
            raise Fault(IMAGE_DAMAGED) from None

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        """A member, never more of it than its size says: compressed, it may hold a thousand times that."""
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotImplementedError("compressed by a method that cannot be stopped at a size")
        with self.zip.open(info) as member:
            return member.read(info.file_size)


#: What zipfile raises for a damaged, encrypted or unknown kind of member.
_DAMAGE = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError, ValueError)


def inside(name: str) -> PurePosixPath:
    """The name as a path below the picture folder; Fault where it is absolute, climbs, or is no file's."""
    path = PurePosixPath(name)
    if "\0" in name or not path.parts or _stray_bytes(name):
        raise Fault(IMAGE_NAME)
    if path.is_absolute() or ".." in path.parts or (os.name == "nt" and Path(name).anchor):
        raise Fault(IMAGE_OUTSIDE)
    return path


def _stray_bytes(text: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in text)


def check_table(table: object, size: int) -> None:
    if size > MAX_TABLE:
        raise InputError(f"data.csv: {table} has {size:,} bytes; allowed: up to {MAX_TABLE:,}")


def check_size(size: int) -> None:
    if size == 0:
        raise Fault(IMAGE_EMPTY)
    if size > MAX_BYTES:
        raise Fault(IMAGE_BYTES)
