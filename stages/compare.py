"""compare: baselines and variants with other channels, weights or decisions; a row of the table each.

Run as `python -m stages.compare`. Reads the arrays of their channels and listings.parquet; writes
metrics/compare/<system>.json and data/predictions/compare/<system>/ for every system of `compare` in params.yaml.
`samesku compare <system> samesku` gives the difference to the main system with its paired interval: what training
adds, say, or what a channel is worth.
"""

from functools import partial
from pathlib import Path

from samesku import artefacts
from samesku.catalogue.listings import Listings, can_tune, read_listings
from samesku.errors import InputError
from samesku.evaluation import predictions
from samesku.evaluation.decisions import decide, decide_galleries
from samesku.evaluation.rules import Rules, read_rules
from samesku.params import CompareSystem, Params, list_alphas, load_params
from samesku.replacing import replace_folders
from samesku.search.exact import search_neighbours
from samesku.search.fusion import Channels, Fused, Owner, fuse_channels, fusion_weights, load_channels
from samesku.search.galleries import search_galleries

PREDICTIONS, METRICS = artefacts.PREDICTIONS / "compare", artefacts.METRICS / "compare"


def fuse(system: CompareSystem, channels: Channels, alpha: float, owner: Owner) -> Fused:
    """The channels of a system as one row for each listing, or picture, at one of its alphas."""
    weights = fusion_weights(system.image, system.title, alpha, channels)
    return fuse_channels(channels, weights, system.method, owner)


def val_f1(fused: Fused, listings: Listings, system: CompareSystem, k: int, rules: Rules | None) -> float:
    """Mean F1 of val's listings among themselves, by the decision of a system."""
    neighbours = search_neighbours(fused, listings.gallery("val"), k, allowed=listings.allowed)
    decisions = decide(neighbours, listings, system.decision, "split", rules)
    return float(decisions.f1[decisions.split == "val"].mean())


def measure_system(params: Params, listings: Listings, name: str, folder: Path, metrics_file: Path) -> str:
    """Match, measure and write a row; one line of its result.

    Raises:
        InputError: this catalogue lacks what the row needs.
    """
    system, k = params.compare[name], params.index.k
    alphas = list_alphas(system)
    if (system.decision.value == "tune" or len(alphas) > 1) and not can_tune(listings):
        raise InputError("val has no two labelled listings of one product to tune on")
    channels = load_channels([*system.image, *system.title], artefacts.embedding_path, listings)
    if not any(rows.shape[1] for rows in channels.values()):
        raise InputError(f"no listing has a row of {', '.join(channels)}")
    rules = read_rules(listings, params.match, params.groups)
    f1_of_alpha = dict.fromkeys(alphas, 0.0)
    if len(alphas) > 1:
        f1_of_alpha = {
            a: val_f1(fuse(system, channels, a, listings.owner), listings, system, k, rules) for a in alphas
        }
    alpha = max(alphas, key=lambda a: f1_of_alpha[a])

    neighbours = search_galleries(fuse(system, channels, alpha, listings.owner), listings, k)
    decisions = decide_galleries(neighbours, listings, system.decision, rules)
    chosen, settings = "", {}
    if len(alphas) > 1:
        chosen = f"α {alpha:g} of {len(alphas)} on val, "
        settings = {"alpha": alpha, "by_alpha": {f"{a:g}": f1 for a, f1 in f1_of_alpha.items()}}
    return chosen + predictions.write_system(
        folder, metrics_file, decisions, listings, channels, params.groups, settings
    )


def main() -> str:
    params = load_params()
    listings = read_listings(artefacts.LISTINGS, params.match)
    with replace_folders(PREDICTIONS, METRICS) as (folder, metrics):
        measure = partial(measure_system, params, listings)
        summary = predictions.measure_systems(folder, metrics, params.compare, measure)
    return summary + (artefacts.describe_untracked(METRICS) if params.compare else "")


if __name__ == "__main__":
    artefacts.run_stage("compare", main)
