"""A catalogue at a URL that fsspec knows (s3, gs, …), a .zip or a folder: read there, by each worker itself.

Nothing of a remote folder's name leaves it, as of a local one's. What fails for the network's sake stops the
stage; it is no fault of a picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any

import fsspec
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from samesku.catalogue.quarantine import (
    IMAGE_LINK,
    IMAGE_MISSING,
    IMAGE_NO_FILE,
    IMAGE_UNREADABLE,
    Fault,
)
from samesku.catalogue.source import (
    Source,
    ZipSource,
    check_size,
    check_table,
    inside,
    no_folder,
)
from samesku.errors import InputError

BLOCK = 2**18  # bytes read at once: a picture, most often


def local_path(url: str) -> Path | None:
    """The path of a URL that names a file of this machine, such as file:///shop.zip; None for any other."""
    with reaching(url):
        files, path = url_to_fs(url)
    return Path(path) if isinstance(files, LocalFileSystem) else None


def open_url(url: str, csv: str, images: str | None) -> Source:
    """Open a catalogue at a URL.

    Raises:
        InputError: also where the package for the URL's protocol is not installed, or nothing answers.
    """
    with reaching(url):
        files, path = url_to_fs(url)
        if files.isdir(path):
            folder = UrlFolder(url, csv, images)
            if not files.isdir(folder.root):
                raise no_folder(url, images)
            return folder
        if not files.exists(path):
            raise InputError(f"data.source: {url} does not exist; allowed: a .zip or a folder")
        return UrlZip(url, csv, images).checked()


@contextmanager
def reaching(url: object) -> Iterator[None]:
    """Anything that a file system's library raises becomes one sentence."""
    try:
        yield
    except (Fault, InputError):
        raise
    except Exception as error:
        message = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"data.source: {url} cannot be read ({message}); ways out: the package and the credentials for it, "
            "or a .zip or a folder on this machine"
        ) from error


class UrlZip(ZipSource):
    everywhere = True

    def opened(self) -> Any:
        with reaching(self.path):
            files, path = url_to_fs(str(self.path))
            return _Reader(self.path, files.open(path, "rb", block_size=BLOCK))


class _Reader:
    """An open file whose failures are the network's, and so not the archive's."""

    def __init__(self, url: object, file: IO[bytes]) -> None:
        self.url, self.file = url, file

    def read(self, size: int = -1) -> bytes:
        with reaching(self.url):
            return self.file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class UrlFolder(Source):
    everywhere = True

    @cached_property
    def files(self) -> fsspec.AbstractFileSystem:
        with reaching(self.path):
            return url_to_fs(str(self.path))[0]

    def place(self, *parts: str) -> str:
        """A path below the folder, as `files` takes it."""
        return "/".join([url_to_fs(str(self.path))[1].rstrip("/"), *filter(None, parts)])

    @cached_property
    def root(self) -> str:
        folder = PurePosixPath(self.images or "").as_posix().strip("/")
        return self.place("" if folder == "." else folder)

    def table(self) -> bytes:
        table = self.place(PurePosixPath(self.csv).as_posix())
        with reaching(f"{self.path}, its {self.csv}"):
            check_table(table, self.files.info(table)["size"])
            return self.files.cat_file(table)

    def picture(self, name: str) -> bytes:
        path = f"{self.root}/{inside(name).as_posix()}"
        try:
            about = self.files.info(path)
            if about["type"] != "file":
                raise Fault(IMAGE_LINK if about["type"] == "link" else IMAGE_NO_FILE)
            check_size(about["size"])
            return self.files.cat_file(path)
        except (FileNotFoundError, NotADirectoryError):
            raise Fault(IMAGE_MISSING) from None
        except Fault:
            raise
        except Exception:  # a name that the store cannot have, or the store is gone: does it have the table?
            with reaching(self.path):
                self.files.invalidate_cache()
                self.files.info(self.place(PurePosixPath(self.csv).as_posix()))
            raise Fault(IMAGE_UNREADABLE) from None
