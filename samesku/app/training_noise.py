"""How much F1 changes with the seed of training: metrics/seeds.json, which `python -m benchmarks.seeds` writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from samesku import artefacts
from samesku.evaluation.differences import Difference
from samesku.params import Params, load_params

SEEDS = artefacts.METRICS / "seeds.json"
#: (split, gallery) -> its name in the metrics files.
SPLITS = {("val", "split"): "val", ("test", "split"): "test", ("test", "full"): "test_full"}


def train_fingerprint(params: Params) -> str:
    """16 hex digits of the training runs but for their seeds."""
    runs = {
        name: run.model_dump(exclude={"seed"}, exclude_defaults=True) for name, run in params.train.items()
    }
    return artefacts.fingerprint(runs, [])


def noise_lines(a: str, b: str, rows: Sequence[Difference]) -> list[str]:
    """Whether the gain of system b on system a is more than training noise, a line for each split and gallery.

    Two runs with seeds of their own differ by chance, and the difference of two independent figures has the
    standard deviation √(sd_a² + sd_b²). A gain within two of them may come from the seeds alone. Systems that share a
    trained channel are not independent: most often, their difference then varies less.

    Returns:
        No line where metrics/seeds.json is missing, is of another sample or of other training runs, or does not
        list both systems.
    """
    measured = _read_seeds()
    if measured is None or not {a, b} <= measured["systems"].keys():
        return []
    sds = [measured["systems"][system] for system in (a, b)]
    n_seeds = len(measured["seeds"])
    lines = []
    for row in rows:
        split = SPLITS.get((row.split, row.gallery))
        if split is None or not all(split in sd for sd in sds):
            continue
        two_sd = 2 * math.hypot(*(sd[split]["sd"] for sd in sds))
        place = "within" if abs(row.gain) <= two_sd else "outside"
        lines.append(
            f"{split}: {row.gain:+.4f} lies {place} the noise of training (2 sd = {two_sd:.4f} over {n_seeds} seeds)"
        )
    return lines


def _read_seeds() -> dict[str, Any] | None:
    """metrics/seeds.json; None where it is not of this sample and these training runs."""
    if not SEEDS.is_file() or not artefacts.LISTINGS.is_file():
        return None
    measured: dict[str, Any] = artefacts.read_json(SEEDS)
    if measured["sample"] != artefacts.fingerprint(None, [artefacts.LISTINGS]):
        return None
    return measured if measured["train"] == train_fingerprint(load_params()) else None
