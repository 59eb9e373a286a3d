"""Trained towers that later runs take over, kept in the store beside the listings that taught them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from samesku.arrays import Int64, Ints
from samesku.embedding.identity import library_versions
from samesku.params import Channel, TrainRun
from samesku.processor import are_capped
from samesku.store import Store, content_key
from samesku.training.checkpoint import checkpoint_key
from samesku.training.epochs import Epoch
from samesku.training.losses import ImageText
from samesku.training.processes import ComputeConfig
from samesku.training.run import TrainingSet
from samesku.training.trainer import Trainer

_KEY = 16  # bytes of a content key


@dataclass(frozen=True)
class TrainingContent:
    """What a run learns from, as content keys.

    Attributes:
        taught: of each training listing: its title and pictures, as far as a tower reads them, and its product.
        products: of the products that they belong to. held_back: of the products of val and test.
    """

    taught: frozenset[bytes]
    products: frozenset[bytes]
    held_back: frozenset[bytes]

    @classmethod
    def of(cls, training_set: TrainingSet, rows: Int64, towers: Sequence[str]) -> TrainingContent:
        """The content of the training listings `rows`, int64 (n,), for these towers."""
        listings, content = training_set.listings, training_set.content
        ids = listings.posting_id.tolist()
        names = name_products(training_set.product, listings.attribute("label_group"), ids)
        taught = []
        for row in rows.tolist():
            title = content.title[row].encode("utf-8", "surrogatepass") if "title" in towers else b""
            image: Any = content.image
            picture = (image.jpeg(row) or b"") if "image" in towers else b""
            taught.append(content_key(title, picture, names[row]))
        others = np.flatnonzero(np.isin(listings.split, ("val", "test"))).tolist()
        return cls(
            frozenset(taught),
            frozenset(names[row] for row in rows.tolist()),
            frozenset(names[row] for row in others),
        )


def name_products(product: Ints, labels: Sequence[str | None], ids: Sequence[str]) -> list[bytes]:
    """A name for the product of each of N listings that other listings do not change, as N content keys.

    It is the lowest label of the product, or of a product without labels the lowest posting_id; a listing without a
    product is named by its posting_id.

    Args:
        product: int (N,), −1 for none. labels: None or "" where there is none.
    """
    names = [(0, label) if label else (1, posting_id) for label, posting_id in zip(labels, ids, strict=True)]
    lowest: dict[int, tuple[int, str]] = {}
    for number, name in zip(product.tolist(), names, strict=True):
        lowest[number] = min(lowest.get(number, name), name)
    chosen = [
        lowest[number] if number >= 0 else (1, posting_id)
        for number, posting_id in zip(product.tolist(), ids, strict=True)
    ]
    return [content_key(bytes([kind]), name.encode("utf-8", "surrogatepass")) for kind, name in chosen]


@dataclass(frozen=True)
class KeptRun:
    """A finished training run that serves the catalogue as it is now.

    Attributes:
        new: the training listings that did not teach it. total: all training listings.
        history: its epochs. state: what `Trainer.tower_states` gave, and the state of a loss that is written.
    """

    new: int
    total: int
    history: list[Epoch]
    state: dict[str, Any]

    def restore(self, trainer: Trainer) -> None:
        """Leave the towers, and the loss, as this run left them."""
        trainer.load_tower_states(self.state["towers"])
        if "loss" in self.state:
            trainer.loss.load_state_dict(self.state["loss"])


class KeptRuns:
    """The finished runs in a store that have these params, weights, libraries and this code."""

    def __init__(
        self,
        root: Path | None,
        run: TrainRun,
        channels: Mapping[str, Channel],
        compute: ComputeConfig,
        training_set: TrainingSet,
        rows: Int64,
        code: Sequence[Path],
    ) -> None:
        """
        Args:
            root: the folder of the store; None: nothing is kept. run: as params.yaml has it; without `reuse` no run is
                kept or taken.
            rows: int64 (n,), the training listings.
            code: files that decide a result, beside those of `checkpoint_key`.
        """
        self.run, self.reason = run, "machine.store is null"
        self._taught: Store | None = None
        if run.reuse == "none" or root is None:
            return
        asked = run.model_copy(update={"reuse": "none", "reuse_share": 0.0})
        versions = json.dumps([library_versions(), are_capped()], sort_keys=True)
        key = content_key(checkpoint_key(asked, channels, compute, code).encode(), versions.encode()).hex()
        self.content = TrainingContent.of(training_set, rows, run.towers)
        self._taught, self._states = Store(root / f"taught-{key}"), Store(root / f"towers-{key}")

    def find(self) -> KeptRun | None:
        """The run with the fewest new listings, if their share is at most `reuse_share`.

        `reason` says why there is none. A run does not serve where a product that taught it, and would not teach now,
        is in val or test.
        """
        if self._taught is None:
            return None
        content, self.reason = self.content, "no run of these params is kept"
        total = len(content.taught)
        values = [(key, self._taught.get(key)) for key in self._taught]
        kept = [(key, *_unpack_lesson(value)) for key, value in values if value is not None]
        for key, taught, products in sorted(kept, key=lambda run: (len(content.taught - run[1]), run[0])):
            new, moved = len(content.taught - taught), len((products - content.products) & content.held_back)
            if new > self.run.reuse_share * total:
                self.reason = f"{new:,} of {total:,} training listings ({new / total:.2%}) are new"
                return None
            if moved:
                self.reason = f"{moved:,} products that taught the kept towers are now in val or test"
            elif state := self._states.get(key):
                saved = torch.load(io.BytesIO(state), map_location="cpu", weights_only=True)
                return KeptRun(new, total, saved.pop("history"), saved)
            else:
                self.reason = "the kept towers are damaged or gone"
        return None

    def add(self, history: list[Epoch], trainer: Trainer) -> None:
        """Keep a run that has ended."""
        if self._taught is None:
            return
        state: dict[str, Any] = {"history": history, "towers": trainer.tower_states()}
        if isinstance(
            trainer.loss, ImageText
        ):  # written with the towers; other losses depend on the listings
            state["loss"] = trainer.loss.state_dict()
        file = io.BytesIO()
        torch.save(state, file)
        parts = [b"".join(sorted(keys)) for keys in (self.content.taught, self.content.products)]
        key = content_key(*parts)
        self._states.add(key, file.getvalue())
        self._states.flush()  # the towers first: what taught them is no use without them
        self._taught.add(key, len(parts[0]).to_bytes(8, "little") + b"".join(parts))
        self._taught.flush()

    def describe(self, kept: KeptRun | None) -> str:
        """Whether the towers were reused, or why not, for the end of a summary; "" where that was not asked for."""
        if self.run.reuse == "none":
            return ""
        if kept is None:
            return f", reused: 0.0 of the weights ({self.reason})"
        share = f"{kept.new:,} of {kept.total:,} training listings ({kept.new / kept.total:.2%}) are new"
        return f", reused: 1.0 of the weights ({share})"


def _unpack_lesson(value: bytes) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """What taught a run, and their products, as of `TrainingContent`."""
    length, keys = int.from_bytes(value[:8], "little"), value[8:]
    taught, products = keys[:length], keys[length:]
    return _split_keys(taught), _split_keys(products)


def _split_keys(keys: bytes) -> frozenset[bytes]:
    return frozenset(keys[start : start + _KEY] for start in range(0, len(keys), _KEY))
