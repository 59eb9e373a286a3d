"""The file that a table means by a picture's name: in other case, without extension, by a path from elsewhere."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from samesku.catalogue.titles import normalise_unicode

#: The ends of names that are taken for the kind of a picture.
EXTENSIONS = frozenset(
    ("jpg", "jpeg", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "jp2", "tga")
)


def index_names(names: Iterable[str]) -> dict[str, str]:
    """Files by their names in one case and composition, and by those without extension; "" where two would be meant."""
    index: dict[str, str] = {}
    for name in names:
        folded = _fold(name)
        stem, _, extension = folded.rpartition(".")
        for key in (folded, f"{stem}.") if stem and extension in EXTENSIONS else (folded,):
            index[key] = name if index.get(key, name) == name else ""
    return index


def other_names(name: str, folder: PurePosixPath, index: Callable[[], Mapping[str, str]]) -> Iterator[str]:
    r"""Names by which a picture may lie in `folder` that is not there by `name`.

    The name without outer blanks, with / for \, and without the folders that lead to `folder` itself; of each, the file
    that differs in case alone, or has the one extension that there is.

    Args:
        index: gives `index_names` of the files in the folder; called where it is needed first.
    """
    path = PurePosixPath(name.strip().replace("\\", "/"))
    parts, root = path.parts, folder.parts
    for n in range(len(parts)):  # how many of them are the end of the folder's own path
        if n and parts[:n] != root[-n:]:
            continue
        rest = PurePosixPath(*parts[n:]).as_posix()
        yield rest
        folded = _fold(rest)
        keys = [folded] if folded.rpartition(".")[2] in EXTENSIONS else [folded, f"{folded}."]
        yield from filter(None, (index().get(key) for key in keys))


def _fold(name: str) -> str:
    return normalise_unicode("NFC", name).casefold()
