"""The pairs that a system leaves to people: review.parquet of its folder in data/predictions."""

from pathlib import Path

import numpy as np

from samesku import artefacts
from samesku.arrays import Float64
from samesku.reading import reading, refuse_values


def read_review_pairs(path: Path) -> tuple[list[str], list[str], Float64]:
    """The ids of both listings of each pair, and the probability that they are the same product, (P,).

    Raises:
        DamagedFile: the file is missing or damaged, or holds a probability outside 0 to 1.
    """
    with reading(path):
        table = artefacts.read_columns(path, ["left", "right", "probability"])
        probability = artefacts.to_numpy(table["probability"]).astype(np.float64)
        refuse_values("probability", probability, ~((probability >= 0) & (probability <= 1)), "0 to 1")
    return table["left"].to_pylist(), table["right"].to_pylist(), probability
