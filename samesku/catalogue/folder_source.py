"""A catalogue in a folder of this machine."""

import os
import re
import stat
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Self

from samesku.catalogue import quarantine as q
from samesku.catalogue.quarantine import Fault
from samesku.catalogue.source import Source, check_size, check_table, inside_path, instead, is_table
from samesku.errors import InputError


class FolderSource(Source):
    path: Path

    def checked(self) -> Self:
        super().checked()
        if not (self.root.is_relative_to(self.path.resolve()) or _is_in_dvc_cache(self.root)):
            raise InputError(
                f"data.images: {self.images} leads out of {self.path}, where DVC sees no change; allowed: a folder in "
                "it; name the folder that holds both the table and the pictures in data.source"
            )
        return self

    def has_folder(self) -> bool:
        return os.path.isdir(self.path / (self.images or ""))

    def folders(self) -> Iterable[str]:
        return (path.name for path in self.path.iterdir() if path.is_dir())

    def names(self) -> Iterable[str]:
        for folder, _, files in os.walk(self.root):
            below = Path(folder).relative_to(self.root)
            yield from ((below / file).as_posix() for file in files)

    @property
    def root_path(self) -> PurePosixPath:
        return PurePosixPath(self.root.as_posix())

    def table(self) -> bytes:
        if not os.path.exists(self.path / self.csv):
            tables = (path.name for path in self.path.iterdir() if is_table(path.name))
            raise InputError(f"data.csv: there is no {self.path / self.csv}{instead(tables, self.csv)}")
        return read_table_file(self.path / self.csv, self.path)

    @cached_property
    def root(self) -> Path:
        """The picture folder, links followed: what a picture's own path must lie in."""
        return (self.path / (self.images or "")).resolve()

    def read_picture(self, name: str) -> bytes:
        path = self.root.joinpath(*inside_path(name).parts)
        try:
            real = path.resolve()
            if not real.is_relative_to(self.root) and not _is_in_dvc_cache(real):
                raise Fault(q.IMAGE_LINK if path.is_symlink() else q.IMAGE_OUTSIDE)
            status = real.stat()
            if not stat.S_ISREG(status.st_mode):  # a pipe or a device would hang
                raise Fault(q.IMAGE_NO_FILE)
            check_size(status.st_size)
            return real.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise Fault(q.IMAGE_MISSING) from None
        except (OSError, RuntimeError):  # no right to read it, a name too long, a loop of links
            raise Fault(q.IMAGE_UNREADABLE) from None


def read_table_file(table: Path, inside: Path | None = None) -> bytes:
    """The bytes of a table on this machine.

    Args:
        inside: the folder of a catalogue. Whoever packed it must not name a file of this machine by a link.

    Raises:
        InputError: there is no such plain file, it cannot be read, it is too large, or it is a link to outside.
    """
    try:
        status = table.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe or a device would hang
            raise InputError(f"data.csv: {table} is not a plain file; allowed: a file, or a link to one")
        real = table.resolve()
        if inside is not None and not (real.is_relative_to(inside.resolve()) or _is_in_dvc_cache(real)):
            raise InputError(
                f"data.csv: {table} leads out of {inside}; allowed: a file in it; copy the table there, or name its "
                "own folder in data.source"
            )
        check_table(table, status.st_size)
        return table.read_bytes()
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"data.csv: {table} cannot be read ({getattr(error, 'strerror', None) or error})"
        ) from None


def _is_in_dvc_cache(path: Path) -> bool:
    """Whether DVC keeps the file: with cache.type symlink, a folder of `dvc add` holds links to such files."""
    return re.search(r"/files/md5/([0-9a-f]{2}/)?[0-9a-f]+$", path.as_posix()) is not None
