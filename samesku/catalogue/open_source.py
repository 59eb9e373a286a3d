"""From data.source to a source that can be read: a folder, a .zip, or either of them at a URL."""

from __future__ import annotations

from pathlib import Path

from samesku.catalogue.source import FolderSource, Source, ZipSource, no_folder
from samesku.errors import InputError


def open_source(path: Path | str, csv: str, images: str | None) -> Source:
    """Open data.source, a path or a URL.

    Raises:
        InputError: there is no such file or folder, it is no .zip, or `csv` or `images` is not in it.
    """
    if isinstance(path, str) and "://" in path:
        from samesku.catalogue.remote import local_path, open_url  # fsspec is for URLs alone

        if (local := local_path(path)) is None:
            return open_url(path, csv, images)
        path = local
    path = Path(path)
    if path.is_dir():
        if images is not None and not (path / images).is_dir():
            raise no_folder(path, images)
        return FolderSource(path, csv, images)
    if not path.exists():
        raise InputError(f"data.source: {path} does not exist; allowed: a .zip or a folder")
    return ZipSource(path, csv, images).checked()
