"""What a training run is given to run on."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from samesku.training.processes import ALONE, Processes


@dataclass(frozen=True)
class Machine:
    """Where and how fast: nothing of it but the precision moves a result, and that in the third decimal."""

    device: torch.device
    precision: str
    batch_size: int = 64
    workers: int = 0
    processes: Processes = ALONE
