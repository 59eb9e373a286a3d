"""What a training run reads of data/sample/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from samesku.annotations import links
from samesku.annotations.products import joined
from samesku.catalogue.images import PackedImages
from samesku.params.train import TrainRun


@dataclass(frozen=True)
class Sample:
    """What training needs of data/sample/.

    Attributes:
        posting_id, title, split: (N,). product: int (N,), −1 where unlabelled.
        present: by side, bool (N,), the listings that have it. images: N pictures, or none at all.
    """

    posting_id: list[str]
    title: list[str]
    split: NDArray[np.str_]
    product: NDArray[np.int64]
    present: Mapping[str, NDArray[np.bool_]]
    images: PackedImages

    def __len__(self) -> int:
        return len(self.posting_id)

    @classmethod
    def read(cls, listings: Path, images: Path, said: Path | None = None) -> Sample:
        """Read the sample; `said` are links within train, which join and part its products."""
        table = pd.read_parquet(
            listings, columns=["posting_id", "title", "label_group", "split", "has_image"]
        )
        product = pd.factorize(table["label_group"])[0].astype(np.int64)
        split = table["split"].to_numpy(str)
        train = split == "train"
        if said is not None:
            own = links.read(said).within(train)
            product = np.where(train, joined(product, own.same, own.different), product)
        return cls(
            posting_id=table["posting_id"].tolist(),
            title=table["title"].tolist(),
            split=split,
            product=product,
            present={
                "image": table["has_image"].to_numpy(bool),
                "title": (table["title"] != "").to_numpy(bool),
            },
            images=PackedImages(images),
        )

    def rows(self, run: TrainRun) -> NDArray[np.int64]:
        """The rows to train on: labelled, in train, with all that the towers need."""
        chosen = (self.split == "train") & (self.product >= 0)
        for side in run.towers:
            chosen &= self.present[side]
        return np.flatnonzero(chosen)

    def lacks(self, run: TrainRun) -> str | None:
        """Why the run does not apply to this catalogue; None where it does."""
        if (self.product < 0).all():
            return "no listing has a label_group"
        missing = [side for side in run.towers if not self.present[side].any()]
        return f"no listing has {' and '.join(missing)}" if missing else None
