"""A catalogue where it lies: its table and its pictures, of which nothing outside the picture folder can be read.

A source is small and picklable: each worker process opens it for itself. What fails at a URL for the network's sake
stops the stage; it is no fault of a picture.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Self
from urllib.parse import unquote

from samesku.catalogue import quarantine as q
from samesku.catalogue.columns import show_names
from samesku.catalogue.picture_names import index_names, other_names
from samesku.catalogue.quarantine import Fault
from samesku.errors import InputError

#: A larger picture file is refused unread; a listing's picture has some 0.1 MB.
MAX_BYTES = 64_000_000
#: A larger table is refused unread; that of a million listings has some 200 MB, and takes several times that.
MAX_TABLE = 1_000_000_000
_TABLES = frozenset({".csv", ".tsv", ".txt", ".parquet", ".jsonl", ".ndjson", ".json", ".xlsx"})


class Source(ABC):
    """A catalogue: its table `csv`, and its pictures by name; `path` is a Path here, or a URL."""

    def __init__(self, path: Path | str, csv: str, images: str | None) -> None:
        self.path, self.csv, self.images = path, csv, images

    def __reduce__(self) -> tuple[type[Source], tuple[Path | str, str, str | None]]:
        return type(self), (self.path, self.csv, self.images)

    @property
    def everywhere(self) -> bool:
        """Whether other machines can read it too."""
        return isinstance(self.path, str)

    @property
    def folder(self) -> str:
        """The picture folder below `path`, "" for `path` itself."""
        folder = PurePosixPath(self.images or "").as_posix().strip("/")
        return "" if folder == "." else folder

    def checked(self) -> Self:
        for key, name in ("csv", self.csv), ("images", self.images):
            if name is not None and _climbs(name):
                raise InputError(f"data.{key}: {name} leads out of {self.path}; allowed: a name in it")
        if self.images is not None and not self.has_folder():
            raise InputError(
                f"data.images: {self.path} has no folder {self.images}{instead(self.folders(), self.images)}; "
                "allowed: one in it, or null for no pictures"
            )
        return self

    def picture(self, name: str) -> bytes:
        """The bytes of one picture, by its name or by what it can only mean (`other_names`).

        Raises:
            Fault: there is no such plain file inside; with the reason.
        """
        try:
            return self.read_picture(name)
        except Fault as fault:
            if fault.reason not in (q.IMAGE_MISSING, q.IMAGE_OUTSIDE):
                raise
            first = fault
        for other in other_names(name, self.root_path, lambda: self.index):
            try:
                return self.read_picture(other)
            except Fault as fault:
                if fault.reason not in (q.IMAGE_MISSING, q.IMAGE_OUTSIDE):
                    raise
        raise Fault(q.IMAGE_ADDRESS) if name.strip().startswith(("http://", "https://")) else first

    @cached_property
    def index(self) -> dict[str, str]:
        """The pictures by `index_names`."""
        return index_names(self.names())

    @property
    def root_path(self) -> PurePosixPath:
        """The path of the picture folder, as far as it is known."""
        return PurePosixPath(self.folder)

    def folders(self) -> Iterable[str]:
        """Folders that people may mean by data.images."""
        return ()

    def names(self) -> Iterable[str]:
        """The names of all pictures, where they can be listed at once."""
        return ()

    @abstractmethod
    def has_folder(self) -> bool:
        """Whether the picture folder is there."""

    @abstractmethod
    def table(self) -> bytes:
        """The bytes of the table. Raises InputError where it cannot be read."""

    @abstractmethod
    def read_picture(self, name: str) -> bytes:
        """The bytes of the picture of just this name. Raises Fault where there is no such plain file inside."""


def instead(names: Iterable[str], wanted: str) -> str:
    """« (it has shop/images)»: of `names` those that end like what is wanted, or else the first few; "" for none."""
    names = sorted(name for name in names if not name.startswith(("__MACOSX", ".")))
    names = [name for name in names if PurePosixPath(name).name == PurePosixPath(wanted).name] or names
    return f" (it has {show_names(names[:5])})" if names else ""


def is_table(name: str) -> bool:
    return PurePosixPath(name.lower().removesuffix(".gz")).suffix in _TABLES


def inside_path(name: str) -> PurePosixPath:
    """The name as a path below the picture folder; Fault where it is absolute, climbs, or is no file's."""
    path = PurePosixPath(name)
    if "\0" in name or not path.parts or any("\ud800" <= c <= "\udfff" for c in name):
        raise Fault(q.IMAGE_NAME)
    if path.is_absolute() or ".." in path.parts or (os.name == "nt" and Path(name).anchor):
        raise Fault(q.IMAGE_OUTSIDE)
    return path


def _climbs(name: str) -> bool:
    """Whether a name of params.yaml has `..`, also once a server has decoded it."""
    for _ in range(8):
        if ".." in PurePosixPath(name.replace("\\", "/")).parts:
            return True
        name = unquote(name)
    return False


def check_table(table: object, size: int) -> None:
    if size > MAX_TABLE:
        raise InputError(f"data.csv: {table} has {size:,} bytes; allowed: up to {MAX_TABLE:,}")


def check_size(size: int) -> None:
    if size == 0:
        raise Fault(q.IMAGE_EMPTY)
    if size > MAX_BYTES:
        raise Fault(q.IMAGE_BYTES)
