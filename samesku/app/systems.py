"""Which systems have figures of this run: those of params.yaml, measured on the sample that is here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from samesku import artefacts
from samesku.errors import InputError
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
    current = [
        system
        for system in systems
        if is_of_sample(artefacts.predictions_folder(WRITTEN_BY.get(system, system)), sample)
    ]
    return current, [system for system in systems if system not in current]


def describe_missing(systems: Sequence[str]) -> str:
    """Why systems are left out, and what brings them back."""
    return f"left out, since they were not run on this sample: {', '.join(systems)}; `dvc repro` runs them"


def describe_other_catalogue(params: Params) -> str:
    """That the figures are those of another catalogue than the one of params.yaml; "" where they are not."""
    source = artefacts.SOURCE.read_text("utf-8").strip() if artefacts.SOURCE.is_file() else params.data.source
    if source == params.data.source:
        return ""
    return f"these figures are of {source}; params.yaml has {params.data.source} now: run `dvc repro`"


def read_figures(metrics: Path, systems: Collection[str]) -> dict[str, dict[str, Any]]:
    """What the metrics files of these systems say, by name; those that have one."""
    files = {system: artefacts.metrics_file(system, metrics) for system in systems}
    return {system: artefacts.read_json(file) for system, file in files.items() if file.is_file()}


def has_figures(row: Mapping[str, Any]) -> bool:
    """Whether a metrics file has any F1; not where the system was skipped, or no listing has a label."""
    return any("f1" in row.get(split, {}) for split in ("val", "test", "test_full"))


def describe_without_figures(metrics: Path, systems: Collection[str]) -> str:
    """Which systems have no row in the table, and why; "" where each has one."""
    rows = {name: row for name, row in read_figures(metrics, systems).items() if not has_figures(row)}
    skipped = [name for name, row in rows.items() if "skipped" in row]
    unlabelled = [name for name in rows if name not in skipped]
    lines = []
    if skipped:
        lines.append(
            f"skipped, since the catalogue lacks the labels or the channels that they need: {', '.join(skipped)}"
        )
    if unlabelled:
        lines.append(f"without figures, since no listing of val or test has a label: {', '.join(unlabelled)}")
    return "\n".join(lines)


def check_comparable(system: str) -> None:
    """Check that a system has results for single queries.

    Raises:
        InputError: it has none; the sentence says why.
    """
    folder = artefacts.predictions_folder(system)
    if system == "self_only":
        raise InputError(
            "self_only is the F1 of every listing matched with itself alone, and has no queries to compare; "
            "`samesku table` shows the gain of each system over it"
        )
    if (file := folder / artefacts.SKIPPED).is_file():
        reason = artefacts.read_json(file)["skipped"]
        raise InputError(f"{system} was skipped in the last run, so there is nothing to compare: {reason}")


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


def is_of_sample(predictions: Path, sample: str) -> bool:
    """Whether a system was run on this sample, or was skipped there."""
    files = (predictions / name for name in ("metrics.json", artefacts.SKIPPED))
    return any(file.is_file() and artefacts.read_json(file).get("sample") == sample for file in files)
