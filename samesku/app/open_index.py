"""Which system answers about new listings, and its index of the catalogue."""

import sys
from pathlib import Path

from samesku import artefacts
from samesku.app.catalogue_index import CatalogueIndex
from samesku.app.system_index import SystemIndex
from samesku.app.systems import is_of_sample
from samesku.errors import InputError
from samesku.params import Params
from samesku.params.schema import ASKED_SYSTEMS
from samesku.reading import reading


def open_index(params: Params, root: Path = Path(), system: str | None = None) -> SystemIndex:
    """The index of the system that answers; one line on standard error says which and why.

    It is `system`, else app.system of params.yaml, else the one with the highest val f1 in the full gallery, as far as
    val has labels. One that params.yaml asks for, and that cannot be asked, gives way to the next best.

    Args:
        root: the folder of params.yaml. system: one of ASKED_SYSTEMS.

    Raises:
        InputError: there is no such system, `system` cannot be asked, or the pipeline has not run.
    """
    if system is not None:
        return _open(system, params, root)
    order = rank_systems(root)
    if (wanted := params.app.system) is not None:
        order = {wanted: "by app.system"} | {name: why for name, why in order.items() if name != wanted}
    faults: dict[str, InputError] = {}
    for name, reason in order.items():
        try:
            index = _open(name, params, root)
        except InputError as error:
            faults[name] = error
            continue
        parts = [f"{name} answers", reason, *(f"not {other}: {error}" for other, error in faults.items())]
        if len(order) > 1:
            print(f"samesku: {'; '.join(filter(None, parts))}", file=sys.stderr)
        return index
    raise next(reversed(faults.values()))


def rank_systems(root: Path = Path()) -> dict[str, str]:
    """The systems that can be asked, each with the line that explains the choice, the best on val first.

    The order is that of val f1 in the full gallery. Where samesku alone can be asked, its line is empty.
    """
    f1 = {}
    for name in ASKED_SYSTEMS:
        file = root / artefacts.PREDICTIONS / name / "metrics.json"
        if file.is_file() and _is_current(name, root):
            metrics = artefacts.read_json(file)
            with reading(file):
                if "val_full" in metrics:
                    f1[name] = float(metrics["val_full"]["f1"])
    if f1.keys() <= {"samesku"} or "samesku" not in f1:
        return {"samesku": ""}
    best = sorted(f1, key=lambda name: -f1[name])
    return {
        name: f"val f1 {f1[name]:.4f} in the full gallery, the highest of {len(best)}" for name in best[:1]
    } | {name: f"val f1 {f1[name]:.4f} in the full gallery" for name in best[1:]}


def _is_current(system: str, root: Path) -> bool:
    listings = root / artefacts.LISTINGS
    if not listings.is_file():
        return False
    sample = artefacts.fingerprint(None, [listings])
    return _has_run(system, root) and is_of_sample(root / artefacts.PREDICTIONS / system, sample)


def _has_run(system: str, root: Path) -> bool:
    return (root / artefacts.PREDICTIONS / system / "metrics.json").is_file()


def _open(system: str, params: Params, root: Path) -> SystemIndex:
    """The index of a system; raises InputError where there is none, or it cannot be asked."""
    if system not in ASKED_SYSTEMS:
        raise InputError(f"system is {system!r}; allowed: {', '.join(ASKED_SYSTEMS)}")
    if not _is_current(system, root) and (system != "samesku" or _has_run(system, root)):
        stage = {"samesku": "", "tuned": " tune"}.get(system, f" {system}")
        skipped = root / artefacts.PREDICTIONS / system / artefacts.SKIPPED
        if skipped.is_file() and is_of_sample(
            skipped.parent, artefacts.fingerprint(None, [root / artefacts.LISTINGS])
        ):
            raise InputError(f"{system} was skipped: {artefacts.read_json(skipped)['skipped']}")
        raise InputError(f"{system} was not run on this sample; run `dvc repro{stage}`")
    if system != "rerank":
        return CatalogueIndex(params, root, system)
    from samesku.app.pair_model_index import PairModelIndex  # here, for lightgbm takes a second

    return PairModelIndex(params, root)
