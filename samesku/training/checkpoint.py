"""What a killed run needs to go on: one file, in a folder named after everything that decides the result."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from samesku.artefacts import fingerprint, replace_out
from samesku.embedding import device as devices
from samesku.errors import InputError
from samesku.params import Channel, TrainRun
from samesku.training.processes import ComputeConfig

FILE = "last.pt"
#: The folders of code that decide a result, beside the stage script.
CODE = (Path(__file__).parent, Path(devices.__file__).parent)


def checkpoint_folder(
    root: Path,
    name: str,
    run: TrainRun,
    channels: Mapping[str, Channel],
    compute: ComputeConfig,
    files: Iterable[Path],
) -> Path:
    """The folder of a run's checkpoints. files: as of `checkpoint_key`; those that do not exist do not count."""
    key = checkpoint_key(run, channels, compute, [file for file in files if file.is_file()])
    return root / f"{name}-{key}"


def remove_checkpoints(root: Path, name: str) -> None:
    """Remove the checkpoints of a run, also those of other params."""
    for folder in root.glob(f"{name}-*"):
        shutil.rmtree(folder)


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint in `folder` by `state`, a tree of tensors, numbers, strings, lists and dicts.

    A kill at any moment leaves the last checkpoint or this one, whole.
    """
    with replace_out(folder / FILE) as partial, partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """What `save_checkpoint` wrote last, on the CPU; None where there is none; InputError if it cannot be read."""
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"{file} cannot be read as a checkpoint; remove it, and the run starts anew"
        ) from error


def checkpoint_key(
    run: TrainRun, channels: Mapping[str, Channel], compute: ComputeConfig, paths: Iterable[Path]
) -> str:
    """A name for what decides a run's result: its params, the weights it starts from, data and code (`paths` too)."""
    starts = {modality: channels[getattr(run, modality)].model_dump() for modality in run.towers}
    values = [run.model_dump(), starts, compute.device.type, compute.precision, compute.batch_size]
    values += [torch.__version__, compute.processes.count]
    weights = [Path(start["weights"]) for start in starts.values() if start["weights"]]
    return fingerprint(values, [*paths, *CODE, *(file for file in weights if file.is_file())])
