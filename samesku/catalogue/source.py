"""Where a catalogue lies: a .zip, read in place, or a folder; on this machine, or at a URL that fsspec knows.

Nothing outside the picture folder can be read. A source is small and picklable: each worker process opens the
archive for itself. What fails at a URL for the network's sake stops the stage; it is no fault of a picture.
"""

from __future__ import annotations

import os
import re
import stat
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Self
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
_ENCRYPTED, _UTF8 = 0x1, 0x800  # flags of a member of a .zip
BLOCK = 2**18  # bytes read at once from an archive at a URL: a picture, most often


def open_source(path: Path | str, csv: str, images: str | None) -> Source:
    """Open data.source, a path or a URL.

    Raises:
        InputError: there is no such file or folder, it is no .zip, or `images` is not in it; of a URL also
            where the package for its protocol is not installed, or nothing answers.
    """
    if isinstance(path, str) and "://" in path:
        from fsspec.implementations.local import LocalFileSystem

        files, place = _locate(path)
        if not isinstance(files, LocalFileSystem):
            with _reaching(path):
                if files.isdir(place):
                    return UrlFolder(path, csv, images).checked()
                if files.exists(place):
                    return ZipSource(path, csv, images).checked()
                raise InputError(f"data.source: {path} does not exist; allowed: a .zip or a folder")
        path = place
    path = Path(path)
    if path.parts[:1] == ("~",) and not path.exists():
        raise InputError(
            f"data.source: {path} begins with ~, which DVC does not know; allowed: an absolute path"
        )
    if os.path.isdir(path):  # unlike Path.is_dir, it takes a name that no file can have
        return FolderSource(path, csv, images).checked()
    if not os.path.isfile(path):  # a device or a pipe has no end
        fault = "is not a plain file" if os.path.exists(path) else "does not exist"
        raise InputError(f"data.source: {path} {fault}; allowed: a .zip or a folder")
    return ZipSource(path, csv, images).checked()


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
                f"data.images: {self.path} has no folder {self.images}{_instead(self.folders(), self.images)}; "
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
        _check_table(table, status.st_size)
        return table.read_bytes()
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"data.csv: {table} cannot be read ({getattr(error, 'strerror', None) or error})"
        ) from None


def _instead(names: Iterable[str], wanted: str) -> str:
    """« (it has shop/images)»: of `names` those that end like what is wanted, or else the first few; "" for none."""
    names = sorted(name for name in names if not name.startswith(("__MACOSX", ".")))
    names = [name for name in names if PurePosixPath(name).name == PurePosixPath(wanted).name] or names
    return f" (it has {show_names(names[:5])})" if names else ""


def _is_table(name: str) -> bool:
    return PurePosixPath(name.lower().removesuffix(".gz")).suffix in _TABLES


def _is_in_dvc_cache(path: Path) -> bool:
    """Whether DVC keeps the file: with cache.type symlink, a folder of `dvc add` holds links to such files."""
    return re.search(r"/files/md5/([0-9a-f]{2}/)?[0-9a-f]+$", path.as_posix()) is not None


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
            tables = (path.name for path in self.path.iterdir() if _is_table(path.name))
            raise InputError(f"data.csv: there is no {self.path / self.csv}{_instead(tables, self.csv)}")
        return read_table_file(self.path / self.csv, self.path)

    @cached_property
    def root(self) -> Path:
        """The picture folder, links followed: what a picture's own path must lie in."""
        return (self.path / (self.images or "")).resolve()

    def read_picture(self, name: str) -> bytes:
        path = self.root.joinpath(*_inside(name).parts)
        try:
            real = path.resolve()
            if not real.is_relative_to(self.root) and not _is_in_dvc_cache(real):
                raise Fault(q.IMAGE_LINK if path.is_symlink() else q.IMAGE_OUTSIDE)
            status = real.stat()
            if not stat.S_ISREG(status.st_mode):  # a pipe or a device would hang
                raise Fault(q.IMAGE_NO_FILE)
            _check_size(status.st_size)
            return real.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise Fault(q.IMAGE_MISSING) from None
        except (OSError, RuntimeError):  # no right to read it, a name too long, a loop of links
            raise Fault(q.IMAGE_UNREADABLE) from None


#: What zipfile raises for a damaged, encrypted or unknown kind of member.
_DAMAGE = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError, ValueError)


class ZipSource(Source):
    def has_folder(self) -> bool:
        return any(name.startswith(self.prefix) for name in self.members)

    def folders(self) -> Iterable[str]:
        return {PurePosixPath(name).parent.as_posix() for name in self.members} - {"."}

    def names(self) -> Iterable[str]:
        return (name.removeprefix(self.prefix) for name in self.members if name.startswith(self.prefix))

    @cached_property
    def members(self) -> dict[str, zipfile.ZipInfo]:
        """The members by the names that they had where they were packed."""
        return {_member_name(info): info for info in self.zip.infolist()}

    @cached_property
    def zip(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(_UrlFile(self.path) if isinstance(self.path, str) else self.path)
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(
                f"data.source: {self.path} is no readable .zip ({error}); allowed: a .zip or a folder"
            ) from None

    @property
    def prefix(self) -> str:
        return f"{self.folder}/" if self.folder else ""

    def table(self) -> bytes:
        try:
            info = self.members[PurePosixPath(self.csv).as_posix()]
        except KeyError:
            tables = _instead(filter(_is_table, self.members), self.csv)
            raise InputError(f"data.csv: {self.path} has no member {self.csv}{tables}") from None
        _check_table(f"{self.csv} in {self.path}", info.file_size)
        try:
            return self._read(info)
        except InputError:
            raise
        except _DAMAGE as error:
            raise InputError(f"data.csv: {self.csv} in {self.path} cannot be read ({error})") from None

    def read_picture(self, name: str) -> bytes:
        try:
            info = self.members[self.prefix + _inside(name).as_posix()]
        except KeyError:
            raise Fault(q.IMAGE_MISSING) from None
        if info.flag_bits & _ENCRYPTED:
            raise Fault(q.IMAGE_ENCRYPTED)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Fault(q.IMAGE_LINK)
        _check_size(info.file_size)
        try:
            return self._read(info)
        except InputError:  # a remote archive that is gone
            raise
        except _DAMAGE:
            raise Fault(q.IMAGE_DAMAGED) from None

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        """A member, never more of it than its size says: compressed, it may hold a thousand times that."""
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotImplementedError("compressed by a method that cannot be stopped at a size")
        with self.zip.open(info) as member:
            return member.read(info.file_size)


def _member_name(info: zipfile.ZipInfo) -> str:
    """The name of a member: in UTF-8 also where macOS does not say so, and with / where .NET wrote a backslash."""
    name = info.filename
    if not info.flag_bits & _UTF8 and not name.isascii():
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name if "/" in name else name.replace("\\", "/")


class UrlFolder(Source):
    path: str

    @cached_property
    def files(self) -> Any:
        """The file system of the URL."""
        return _locate(self.path)[0]

    def place(self, *parts: str) -> str:
        """A path below the folder, as `files` takes it."""
        return "/".join([_locate(self.path)[1].rstrip("/"), *filter(None, parts)])

    @property
    def table_place(self) -> str:
        return self.place(PurePosixPath(self.csv).as_posix())

    @cached_property
    def root(self) -> str:
        return self.place(self.folder)

    def has_folder(self) -> bool:
        return self.files.isdir(self.root)

    def table(self) -> bytes:
        with _reaching(f"{self.path}, its {self.csv}"):
            _check_table(self.table_place, self.files.info(self.table_place)["size"])
            return self.files.cat_file(self.table_place)

    def read_picture(self, name: str) -> bytes:
        path = f"{self.root}/{_inside(name).as_posix()}"
        _check_decoded(name)
        try:
            about = self.files.info(path)
            if about["type"] != "file":
                raise Fault(q.IMAGE_LINK if about["type"] == "link" else q.IMAGE_NO_FILE)
            _check_size(about["size"])
            return self.files.cat_file(path)
        except (FileNotFoundError, NotADirectoryError):
            raise Fault(q.IMAGE_MISSING) from None
        except Fault:
            raise
        except Exception:  # a name that the store cannot have, or the store is gone: does it have the table?
            with _reaching(self.path):
                self.files.invalidate_cache()
                self.files.info(self.table_place)
            raise Fault(q.IMAGE_UNREADABLE) from None


def _locate(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    from fsspec.core import url_to_fs  # here, since most catalogues lie on this machine

    with _reaching(url):
        if not url.startswith(("http://", "https://")):
            return url_to_fs(url)
        from samesku.catalogue.redirects import client_options  # with aiohttp

        return url_to_fs(url, client_kwargs=client_options())


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Anything that a file system's library raises becomes one sentence."""
    try:
        yield
    except (Fault, InputError):
        raise
    except Exception as error:
        if isinstance(error.__cause__, InputError):  # a redirect, which fsspec takes for a missing file
            raise error.__cause__ from None
        message = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"data.source: {url} cannot be read ({message}); ways out: the package and the credentials for it, "
            "or a .zip or a folder on this machine"
        ) from error


class _UrlFile:
    """An open file at a URL whose failures are the network's, and so not the archive's."""

    def __init__(self, url: str) -> None:
        self.url = url
        files, path = _locate(url)
        with _reaching(url):
            self.file = files.open(path, "rb", block_size=BLOCK)

    def read(self, size: int = -1) -> bytes:
        with _reaching(self.url):
            return self.file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def _inside(name: str) -> PurePosixPath:
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


def _check_decoded(name: str) -> None:
    """Fault where a name climbs once a server has decoded it: %2e%2e/ is ../, also where it is encoded twice."""
    for _ in range(8):
        decoded = unquote(name).replace("\\", "/")
        if decoded == name:
            return
        _inside(name := decoded)
    raise Fault(q.IMAGE_NAME)


def _check_table(table: object, size: int) -> None:
    if size > MAX_TABLE:
        raise InputError(f"data.csv: {table} has {size:,} bytes; allowed: up to {MAX_TABLE:,}")


def _check_size(size: int) -> None:
    if size == 0:
        raise Fault(q.IMAGE_EMPTY)
    if size > MAX_BYTES:
        raise Fault(q.IMAGE_BYTES)
