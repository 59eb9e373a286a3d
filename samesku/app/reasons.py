"""The reasons of the pair model for a pair of listings, as people and programs see them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from samesku.app.query_listing import QueryListing
from samesku.catalogue.reader import ATTRIBUTES
from samesku.params import Params, find_modalities

#: Where the log-odds stand before any evidence.
BASE = "base"
#: The reason that joins all families which compare what one of the two listings lacks.
MISSING = "missing"
#: Families that compare titles, beside the channels of titles.
OF_TITLES = ("words", "numbers", "quantities", "codes", "length")


def rank_reasons(
    moves: Mapping[str, float],
    cosines: Mapping[str, float],
    left: QueryListing,
    right: QueryListing,
    params: Params,
) -> list[list[Any]]:
    """[family of features, how far it moved the log-odds]: BASE first, then the families, strongest first.

    They sum to the log-odds of the pair before calibration, but for rounding.

    A tree also splits on what is not there. A family that compares what one of the two lacks is part of `missing`: no
    reason names a picture where there is none.

    Args:
        moves: family -> how far it moved the log-odds; empty for a system without a pair model.
        cosines: the similarity of each channel, NaN where one of the two lacks it.
    """
    lacked = _lacked_families(cosines, left, right, params)
    named: dict[str, float] = {}
    for family, move in moves.items():
        name = MISSING if family in lacked else family
        named[name] = named.get(name, 0.0) + move
    ranked = sorted(named.items(), key=lambda item: (item[0] != BASE, -abs(item[1])))
    return [[family, round(move, 2)] for family, move in ranked if move]


def _lacked_families(
    cosines: Mapping[str, float], left: QueryListing, right: QueryListing, params: Params
) -> set[str]:
    """The families that compare what one of the two lacks."""
    lacked = {name for name, cosine in cosines.items() if np.isnan(cosine)}
    of_pictures = {name for name, modality in find_modalities(params).items() if modality == "image"}
    compared = of_pictures & cosines.keys()
    if compared and compared <= lacked:
        lacked.add("picture")
    if not (left.title and right.title):
        lacked.update(OF_TITLES)
    for name in ATTRIBUTES:
        cells = [listing.attributes.get(name, "") for listing in (left, right)]
        # The part number of one may stand in the title of the other.
        if not (any(cells) if name == "mpn" else all(cells)):
            lacked.add(name)
    return lacked
