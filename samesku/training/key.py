"""What decides the result of a run, as a name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from samesku.params import Channel
from samesku.params.train import TrainRun
from samesku.training.machine import Machine

CODE = (
    "stages/train_pxk.py",
    "samesku/training",
    "samesku/training",
    "samesku/embedding",
    "samesku/embedding/encoders",
)


def checkpoint_key(
    run: TrainRun, channels: Mapping[str, Channel], machine: Machine, data: Iterable[Path]
) -> str:
    """A name for what decides a run's result: its params, the files of `data`, the weights, and the code."""
    digest = hashlib.sha256()
    starts = {side: channels[getattr(run, side)].model_dump() for side in run.towers}
    settled = [run.model_dump(), starts, machine.device.type, machine.precision, machine.batch_size]
    settled.append(torch.__version__)
    settled += [machine.processes.count] if machine.processes.count > 1 else []
    digest.update(json.dumps(settled, sort_keys=True).encode())
    code = [file for path in map(Path, CODE) for file in ([path] if path.is_file() else path.rglob("*.py"))]
    local = [Path(start["weights"]) for start in starts.values() if Path(start["weights"] or "").is_file()]
    for path in (*data, *local, *sorted(code)):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
