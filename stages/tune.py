"""tune: the channel weights and α that are best on val in the full gallery, and what each next step adds.

Beside the main road, which keeps the weights that params.yaml gives. The weights are sought over the
similarities of a union of each channel's neighbours, which are computed once. Writes data/tuned/
(weights.json, surface.csv) and three rows of the table, each with one step more: `tuned`, `tuned_blended` and
`tuned_blended_one` (at least one match). Labels of val choose everything; test is scored once.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping

import faiss
import numpy as np
from numpy.typing import NDArray

from samesku import artefacts
from samesku import params as settings
from samesku.catalogue import listings as catalogue
from samesku.catalogue.listings import Listings
from samesku.errors import InputError
from samesku.evaluation import evaluate as judge
from samesku.evaluation import galleries, predictions
from samesku.evaluation import validation as val
from samesku.params import Decision
from samesku.params.rerank import Tune
from samesku.search import augmentation as blending
from samesku.search import fused_files as mixing
from samesku.search import fusion, tuning
from samesku.search.neighbours import Neighbours
from samesku.search.tuning import Weights

TUNED = artefacts.Path("data/tuned")
ROWS = ("tuned", "tuned_blended", "tuned_blended_one")
ALPHAS = [step / 10 for step in range(11)]
SHARES = [step / 4 for step in range(5)]

Channels = Mapping[str, NDArray[np.float32]]


def objective(channels: Channels, listings: Listings, k: int, deep: int) -> Callable[[Weights], float]:
    """What is to be made large: val's F1 in the full gallery at its best static threshold, by weights.

    Args:
        k: neighbours of each channel that are united. deep: neighbours kept of the mix, as `index` keeps.
    """
    every = listings.gallery("full")
    pool = tuning.pool(channels, every[val.labelled(listings)], every, k)

    def f1(weights: Weights) -> float:
        found = pool.neighbours({name: weights.get(name, 0.0) for name in pool.names}, deep)
        return float(val.curve(found, listings, every).f1.max())

    return f1


def surface(f1: Callable[[Weights], float], best: Weights, spec: Tune) -> list[dict[str, float]]:
    """Rows {alpha, share_0 … share_100}: F1 by α and by the share of one channel within its side.

    That channel is the first title channel, or the first image channel where there is one of title; the
    others of its side keep their proportions, and so does the other side.
    """
    sides = [spec.image, spec.title]
    at = 1 if len(spec.title) > 1 else 0
    first, *rest = sides[at]
    rows = []
    for alpha in ALPHAS:
        row = {"alpha": alpha}
        for share in SHARES if rest else [1.0]:
            parts = [shares(best, side) for side in sides]
            parts[at] = {first: share} | {c: (1 - share) * s for c, s in shares(best, rest).items()}
            mix = {c: alpha * s for c, s in parts[0].items()} | {
                c: (1 - alpha) * s for c, s in parts[1].items()
            }
            row[f"share_{round(100 * share)}"] = f1(mix)
        rows.append(row)
    return rows


def shares(weights: Weights, side: list[str]) -> Weights:
    """The weights of a side's channels over their sum; equal where none has any."""
    total = sum(weights[name] for name in side)
    return {name: weights[name] / total if total else 1 / len(side) for name in side}


def searched(
    fused: fusion.Fused, listings: Listings, k: int, steps: int
) -> dict[str, tuple[dict[str, Neighbours], float]]:
    """Each gallery's neighbours, `plain` and `blended`, and the threshold of blending: from val."""
    found = {}
    for name, parts in catalogue.GALLERIES.items():
        plain: list[Neighbours] = []
        blended: list[Neighbours] = []
        for part in parts:
            rows = listings.gallery(part)
            plain.append(blending.search(fused, rows, k, 0, 1.0)[0])
            if part != "test":  # in `split`, val comes first
                threshold = val.best_threshold(plain[0], listings, rows)
            blended.append(blending.search(fused, rows, k, steps, threshold)[0])
        found[name] = (
            {"plain": galleries.stack(plain, k), "blended": galleries.stack(blended, k)},
            threshold,
        )
    return found


def adopted(best: Weights, spec: Tune) -> str:
    """The one line that puts the weights found into the main road, whose fusion lists the same channels."""
    alpha = sum(best[name] for name in spec.image)
    values = {"fusion.alpha": alpha}
    for side, tuned in (("image", spec.image), ("title", spec.title)):
        values |= {f"fusion.{side}.{name}": share for name, share in shares(best, tuned).items()}
    return "dvc exp run " + " ".join(f"-S {key}={value:.4g}" for key, value in values.items())


def main() -> str:
    params = settings.load()
    faiss.omp_set_num_threads(params.machine.threads)
    spec, k = params.tune, params.index.k
    listings = catalogue.read(artefacts.LISTINGS)
    if not val.labelled(listings).any():
        return _skip()
    channels = mixing.load_channels([*spec.image, *spec.title])
    if not any(values.shape[1] for values in channels.values()):
        raise InputError(f"none of the channels of tune has an embedding: {', '.join(channels)}")
    f1 = objective(channels, listings, spec.k, k)
    best, height = tuning.ascend({name: float(channels[name].shape[1] > 0) for name in channels}, f1)
    weights = {name: weight for name, weight in best.items() if weight > 0}
    found = searched(fusion.concatenate(channels, weights), listings, k, spec.blend)
    told = []
    for row, (kind, one) in zip(ROWS, (("plain", False), ("blended", False), ("blended", True)), strict=True):
        lists = {name: neighbours[kind] for name, (neighbours, _) in found.items()}
        judged, full = judge.both(lists, listings, Decision(at_least_one=one), params.groups)
        full["weights"] = best | {f"blending.{name}": threshold for name, (_, threshold) in found.items()}
        predictions.write(row, judged, artefacts.rounded(full), listings, channels, params.groups)
        short = judge.in_short(full, artefacts.read_json(artefacts.SUMMARY))
        artefacts.write_json(artefacts.METRICS / "compare" / f"{row}.json", short)
        told.append(f"{row}: {judge.describe(short)}")
    line = adopted(best, spec)
    _write(surface(f1, best, spec), best, line)
    print("\n".join([*told, line]), flush=True)
    return f"val f1 {height:.4f} in the full gallery, over the channels' united neighbours"


def _write(rows: list[dict[str, float]], best: Weights, line: str) -> None:
    with artefacts.replacing(TUNED) as beside:
        beside.mkdir()
        artefacts.write_json(beside / "weights.json", {"weights": artefacts.rounded(best), "adopt": line})
        with (beside / "surface.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(artefacts.rounded(rows))


def _skip() -> str:
    for row in ROWS:
        artefacts.write_json(artefacts.METRICS / "compare" / f"{row}.json", {"skipped": 1})
    for folder in (TUNED, *(artefacts.PREDICTIONS / row for row in ROWS)):
        with artefacts.replacing(folder) as beside:
            beside.mkdir()
    return "skipped: no val listing has a label to tune on"


if __name__ == "__main__":
    artefacts.run("tune", main)
