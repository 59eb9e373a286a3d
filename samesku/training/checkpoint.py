"""What a killed run needs to go on: one file, written beside and renamed, read as tensors and values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from samesku.errors import InputError

FILE = "last.pt"


def save(folder: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint in `folder` by `state`, a tree of tensors, numbers, strings, lists and dicts.

    A kill at any moment leaves the last checkpoint or this one, whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{FILE}.partial"
    try:
        with beside.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, folder / FILE)
    finally:
        beside.unlink(missing_ok=True)


def load(folder: Path) -> dict[str, Any] | None:
    """What `save` wrote last, on the CPU; None where there is nothing.

    Raises:
        InputError: the file holds something else.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"{file} cannot be read as a checkpoint; remove it, and the run starts anew"
        ) from error
