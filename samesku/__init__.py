"""Find the listings of one product in a catalogue of pictures and titles.

    samesku.match_catalogue(table, images="photos/")   match a table in memory, without a repository
    samesku.load("path/to/repository")                 ask what the pipeline has left there

Importing samesku alone imports no other library; the first use does.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samesku.app.api import CatalogueMatches, Index, load, match_catalogue

__all__ = ["CatalogueMatches", "Index", "load", "match_catalogue"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'samesku' has no attribute {name!r}")
    from samesku.app import api

    return getattr(api, name)
