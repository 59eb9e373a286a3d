"""A catalogue in a folder at a URL that fsspec knows, and an open file at such a URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from samesku.catalogue import quarantine as q
from samesku.catalogue.quarantine import Fault
from samesku.catalogue.source import Source, check_size, check_table, inside_path
from samesku.errors import InputError

BLOCK = 2**18  # bytes read at once from an archive: a picture, most often


class UrlFolder(Source):
    path: str

    @cached_property
    def files(self) -> Any:
        """The file system of the URL."""
        return locate(self.path)[0]

    def place(self, *parts: str) -> str:
        """A path below the folder, as `files` takes it."""
        return "/".join([locate(self.path)[1].rstrip("/"), *filter(None, parts)])

    @property
    def table_place(self) -> str:
        return self.place(PurePosixPath(self.csv).as_posix())

    @cached_property
    def root(self) -> str:
        return self.place(self.folder)

    def has_folder(self) -> bool:
        return self.files.isdir(self.root)

    def table(self) -> bytes:
        with reaching(f"{self.path}, its {self.csv}"):
            check_table(self.table_place, self.files.info(self.table_place)["size"])
            return self.files.cat_file(self.table_place)

    def read_picture(self, name: str) -> bytes:
        path = f"{self.root}/{inside_path(name).as_posix()}"
        _check_decoded(name)
        try:
            about = self.files.info(path)
            if about["type"] != "file":
                raise Fault(q.IMAGE_LINK if about["type"] == "link" else q.IMAGE_NO_FILE)
            check_size(about["size"])
            return self.files.cat_file(path)
        except (FileNotFoundError, NotADirectoryError):
            raise Fault(q.IMAGE_MISSING) from None
        except Fault:
            raise
        except Exception:  # a name that the store cannot have, or the store is gone: does it have the table?
            with reaching(self.path):
                self.files.invalidate_cache()
                self.files.info(self.table_place)
            raise Fault(q.IMAGE_UNREADABLE) from None


def locate(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    from fsspec.core import url_to_fs  # here, since most catalogues lie on this machine

    with reaching(url):
        if not url.startswith(("http://", "https://")):
            return url_to_fs(url)
        from samesku.catalogue.redirects import client_options  # with aiohttp

        return url_to_fs(url, client_kwargs=client_options())


@contextmanager
def reaching(url: str) -> Iterator[None]:
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


class UrlFile:
    """An open file at a URL whose failures are the network's, and so not the archive's."""

    def __init__(self, url: str) -> None:
        self.url = url
        files, path = locate(url)
        with reaching(url):
            self.file = files.open(path, "rb", block_size=BLOCK)

    def read(self, size: int = -1) -> bytes:
        with reaching(self.url):
            return self.file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def _check_decoded(name: str) -> None:
    """Fault where a name climbs once a server has decoded it: %2e%2e/ is ../, also where it is encoded twice."""
    for _ in range(8):
        decoded = unquote(name).replace("\\", "/")
        if decoded == name:
            return
        inside_path(name := decoded)
    raise Fault(q.IMAGE_NAME)
