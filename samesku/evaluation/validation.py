"""What may be known before test is scored, and the threshold that val's labels choose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samesku.catalogue.listings import Listings
from samesku.evaluation import relevance as truth
from samesku.evaluation import threshold_sweep as sweep
from samesku.evaluation.threshold_sweep import Curve
from samesku.search.neighbours import Neighbours

NOT_TOLD = -2  # the product of a labelled test listing, to all that learns or tunes


def known(listings: Listings) -> NDArray[np.int32]:
    """The product of each listing, int32 (N,): NOT_TOLD in test, −1 where there is no label at all."""
    hidden = (listings.split == "test") & (listings.product >= 0)
    return np.where(hidden, np.int32(NOT_TOLD), listings.product)


def labelled(listings: Listings) -> NDArray[np.bool_]:
    """The listings that choose and teach: those of val that have a label."""
    return (listings.split == "val") & (listings.product >= 0)


def curve(neighbours: Neighbours, listings: Listings, gallery: NDArray[np.int32]) -> Curve:
    """F1 of the labelled val queries among these neighbours, at every static threshold.

    Args:
        gallery: int32 (G,) rows, in which the neighbours were sought.
    """
    product, at = known(listings), labelled(listings)[neighbours.query]
    query, neighbour = neighbours.query[at], neighbours.neighbour[at]
    score = neighbours.score[at].astype(np.float64).round(sweep.DECIMALS)
    relevant = truth.relevant(product, query, neighbour)
    return sweep.f1_curve(score, relevant, truth.n_relevant(product, query, gallery))


def best_threshold(neighbours: Neighbours, listings: Listings, gallery: NDArray[np.int32]) -> float:
    """The static threshold of highest F1 on val."""
    return sweep.best_threshold(curve(neighbours, listings, gallery))
