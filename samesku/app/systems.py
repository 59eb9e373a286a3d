"""Which systems have figures of this run: those of params.yaml, measured on the sample that is here."""

from __future__ import annotations

from collections.abc import Sequence

from samesku import artefacts
from samesku.params import Params, list_systems
from samesku.training.epochs import KEPT_THOUGH_WORSE, has_fallen

#: The system that writes the figures of a row which has no predictions.
WRITTEN_BY = {"self_only": "samesku"}


def split_systems(params: Params) -> tuple[list[str], list[str]]:
    """The systems of params.yaml that have figures of this sample, and those that have not.

    A clone without data has the figures of its commit: all of them count.
    """
    systems = list_systems(params)
    if not artefacts.LISTINGS.is_file():
        return systems, []
    sample = artefacts.fingerprint(None, [artefacts.LISTINGS])
    current = [system for system in systems if _is_of(WRITTEN_BY.get(system, system), sample)]
    return current, [system for system in systems if system not in current]


def describe_missing(systems: Sequence[str]) -> str:
    """Why systems are left out, and what brings them back."""
    return f"left out, since they were not run on this sample: {', '.join(systems)}; `dvc repro` runs them"


def describe_fallen(params: Params, systems: Sequence[str]) -> str:
    """Which rows of `compare` show a run with `keep: last` that training has made worse on val; "" without any.

    A clone without data has no epochs to tell it from.
    """
    fallen = []
    for system in systems:
        spec = params.compare.get(system)
        weights = {**spec.image, **spec.title} if spec else {}
        for name, run in params.train.items():
            file = artefacts.MODELS / name / "epochs.json"
            weighed = any(weights.get(f"{name}_{side}", 0) > 0 for side in run.towers)
            if weighed and run.keep == "last" and file.is_file() and has_fallen(artefacts.read_json(file)):
                fallen.append(system)
    return f"{', '.join(fallen)}: {KEPT_THOUGH_WORSE}" if fallen else ""


def _is_of(system: str, sample: str) -> bool:
    """Whether a system was run on this sample; one that was skipped has an empty folder."""
    folder = artefacts.PREDICTIONS / system
    metrics = folder / "metrics.json"
    if metrics.is_file():
        return bool(artefacts.read_json(metrics).get("sample") == sample)
    return folder.is_dir() and not any(folder.iterdir())
