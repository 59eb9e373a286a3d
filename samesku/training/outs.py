"""What a training run leaves: its arrays, its towers, its epochs and its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch.nn import Module

from samesku import artefacts
from samesku.arrays import Float32
from samesku.embedding.network import NetworkEncoder
from samesku.embedding.weights import save_towers
from samesku.reading import check_rows
from samesku.training.dual_encoder import is_dual_encoder, save_dual_encoder
from samesku.training.epochs import Epoch
from samesku.training.losses import ImageText
from samesku.training.reuse import KeptRun


def write_arrays(folder: Path, name: str, n: int, embeddings: Mapping[str, Float32]) -> None:
    """Write <name>_image.npy and <name>_title.npy; without its tower, an array has n rows and no columns."""
    for modality in ("image", "title"):
        rows = embeddings.get(modality, np.zeros((n, 0), np.float32))
        check_rows(rows, f"channel {name}_{modality}")
        artefacts.write_array(folder / f"{name}_{modality}.npy", rows)


def write_towers(
    models: Path,
    name: str,
    encoders: Mapping[str, NetworkEncoder],
    history: list[Epoch],
    loss: Module | None = None,
) -> None:
    """Write <name>.safetensors, and <name>/ with epochs.json and, where the towers make one, an open_clip model."""
    with artefacts.replace_out(models / f"{name}.safetensors") as path:
        save_towers(path, encoders)
    with artefacts.replace_out(models / name) as folder:
        folder.mkdir()
        artefacts.write_json(folder / "epochs.json", history)
        if isinstance(loss, ImageText) and is_dual_encoder(encoders):
            save_dual_encoder(folder, encoders, loss.logit_scale)


def run_metrics(
    measured: Mapping[str, float] | None, history: list[Epoch], kept: KeptRun | None
) -> dict[str, Any]:
    """metrics/train/<run>.json: val's F1 by the towers, and whether an earlier run trained them.

    Args:
        measured: val's F1 by towers of an earlier run; None where this run trained them.
    """
    f1 = measured["f1"] if measured else next(epoch["val_f1"] for epoch in history if epoch["kept"])
    metrics: dict[str, Any] = {"val": {"f1": f1}} if f1 is not None else {}
    new = {"new_listings": kept.new / kept.total} if kept else {}
    return artefacts.round_floats(metrics | {"reused": float(kept is not None)} | new)
