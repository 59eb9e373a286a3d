"""data.source -> the catalogue there: a .zip or a folder, on this machine or at a URL."""

import os
from pathlib import Path

from samesku.catalogue.folder_source import FolderSource
from samesku.catalogue.source import Source
from samesku.catalogue.url_source import UrlFolder, locate, reaching
from samesku.catalogue.zip_source import ZipSource
from samesku.errors import InputError


def open_source(path: Path | str, csv: str, images: str | None) -> Source:
    """Open data.source, a path or a URL.

    Raises:
        InputError: there is no such file or folder, it is no .zip, or `images` is not in it; of a URL also
            where the package for its protocol is not installed, or nothing answers.
    """
    if isinstance(path, str) and "://" in path:
        from fsspec.implementations.local import LocalFileSystem

        files, place = locate(path)
        if not isinstance(files, LocalFileSystem):
            with reaching(path):
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
