"""What `samesku match` and `samesku search` ask: a server that runs in this folder, or the catalogue itself.

A server has the networks in memory; without one, the command loads them first.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samesku.app.running_server import ask_server
from samesku.catalogue.source import MAX_BYTES
from samesku.errors import InputError


def ask_match(
    images: Sequence[str], titles: Sequence[str], system: str | None
) -> tuple[dict[str, Any], list[str]]:
    """The answer of `match_listings` about two listings, and their normalised titles.

    Args:
        images, titles: of the left and the right listing; "" for none.

    Raises:
        InputError: a picture cannot be read or used, or no system can be asked.
    """
    pictures = [read_picture_file(path) for path in images]
    if served := ask_server("match", titles, pictures, system):
        _say_served(served["answer"])
        return served["answer"], served["titles"]
    from samesku.app.answers import match_listings
    from samesku.app.open_index import open_index
    from samesku.app.query_listing import read_query_listing
    from samesku.params import load_params

    index = open_index(load_params(), system=system)
    left, right = (
        read_query_listing(title, picture, index.params.data, f"--image {path}")
        for title, picture, path in zip(titles, pictures, images, strict=True)
    )
    return match_listings(index, left, right), [left.title, right.title]


def ask_search(
    image: str, title: str, system: str | None, source: str, attributes: Mapping[str, str], k: int
) -> dict[str, Any]:
    """The answer of `search_catalogue` about a listing.

    Raises:
        InputError: the picture cannot be read or used, or no system can be asked.
    """
    picture = read_picture_file(image)
    if served := ask_server("search", [title], [picture], system, source, attributes, k):
        _say_served(served["answer"])
        return served["answer"]
    from samesku.app.answers import search_catalogue
    from samesku.app.open_index import open_index
    from samesku.app.query_listing import read_query_listing
    from samesku.params import load_params

    index = open_index(load_params(), system=system)
    query = read_query_listing(title, picture, index.params.data, f"--image {image}", attributes, source)
    return search_catalogue(index, query, k)


def _say_served(answer: Mapping[str, Any]) -> None:
    print(f"samesku: {answer['system']} answers, by the `samesku serve` of this folder", file=sys.stderr)


def read_picture_file(path: str, option: str = "--image") -> bytes | None:
    """The bytes of a picture file; None for "", which stands for no picture.

    Raises:
        InputError: there is no such plain file, or it is too large.
    """
    if not path:
        return None
    file = Path(path)
    try:
        if not file.is_file():
            fault = "no plain file; allowed: a picture file" if file.exists() else "there is no such file"
            raise InputError(f"{option} {path}: {'a folder, ' if file.is_dir() else ''}{fault}")
        if file.stat().st_size > MAX_BYTES:
            raise InputError(f"{option} {path}: a file above {MAX_BYTES // 1_000_000} MB")
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{option} {path}: cannot be read ({error.strerror})") from None
