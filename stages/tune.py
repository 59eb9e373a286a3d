"""tune: the channel weights and α of `fusion` that are best on val, and what each further step adds.

The main system keeps the weights of params.yaml; the last line printed is the command that adopts these. They
are sought by moving weight between channels while val's F1 in the full gallery rises. Writes data/tuned/
(weights.json; surface.csv, F1 by α and by the share of one channel; alpha.csv, F1 of the main system by α)
and three rows of the table, each with one step more: `tuned`, `tuned_augmented` (database-side augmentation)
and `tuned_augmented_one` (at least one match). Labels of val choose everything; test is scored once.
"""

from __future__ import annotations

import csv
from pathlib import Path

from threadpoolctl import threadpool_limits

from samesku import artefacts
from samesku import params as settings
from samesku.catalogue import listings as catalogue
from samesku.catalogue.listings import GALLERIES, Listings
from samesku.errors import InputError
from samesku.evaluation import evaluate as judge
from samesku.evaluation import predictions
from samesku.evaluation import validation as val
from samesku.params import Decision, Fusion
from samesku.search.augmentation import search_augmented
from samesku.search.fusion import Channels, channel_weights, concatenate_channels, embedded, load_channels
from samesku.search.neighbours import Neighbours, stack_neighbours
from samesku.search.tuning import (
    Weights,
    ascend_weights,
    normalise_weights,
    sweep_alphas,
    unite_neighbours,
    weight_surface,
)

TUNED = Path("data/tuned")
ROWS = ("tuned", "tuned_augmented", "tuned_augmented_one")
SURFACE_ALPHAS = [step / 10 for step in range(11)]
SURFACE_SHARES = [step / 4 for step in range(5)]
SWEPT_ALPHAS = [step / 20 for step in range(21)]


def search_both(
    channels: Channels, weights: Weights, listings: Listings, k: int, steps: int
) -> tuple[dict[str, Neighbours], dict[str, Neighbours], dict[str, float]]:
    """Each gallery's neighbours without and with augmentation, and its threshold: the best on val."""
    fused = concatenate_channels(channels, {name: weight for name, weight in weights.items() if weight > 0})
    plain, augmented, thresholds = {}, {}, {}
    for gallery, parts in GALLERIES.items():
        before, after = [], []
        for part in parts:
            rows = listings.gallery(part)
            before.append(search_augmented(fused, rows, k, 0, 1.0)[0])
            if part != "test":  # in `split`, val comes first
                thresholds[gallery] = val.best_threshold(before[0], listings, rows)
            after.append(search_augmented(fused, rows, k, steps, thresholds[gallery])[0])
        plain[gallery], augmented[gallery] = stack_neighbours(before, k), stack_neighbours(after, k)
    return plain, augmented, thresholds


def alpha_curve(
    channels: Channels, fusion: Fusion, listings: Listings, decision: Decision, k: int
) -> list[dict[str, float]]:
    """Rows {alpha, val_f1, test_f1}: F1 of the main system in the split gallery; none for `average`."""
    if fusion.method != "concat":
        return []
    image = channel_weights(embedded(fusion.image, channels), {}, 1.0)
    title = channel_weights({}, embedded(fusion.title, channels), 0.0)
    sides = concatenate_channels(channels, image), concatenate_channels(channels, title)
    parts = [sweep_alphas(*sides, listings.gallery(part), k, SWEPT_ALPHAS) for part in GALLERIES["split"]]
    rows = []
    for alpha in SWEPT_ALPHAS:
        neighbours = stack_neighbours([part[alpha] for part in parts], k)
        decisions = judge.judge(neighbours, listings, decision, "split")
        f1 = {f"{split}_f1": decisions.f1[decisions.split == split] for split in ("val", "test")}
        rows.append({"alpha": alpha} | {name: values.mean() for name, values in f1.items() if len(values)})
    return rows


def adopting_command(weights: Weights, fusion: Fusion) -> str:
    """The command that runs the main system with these weights."""
    values = {"fusion.alpha": sum(weights[name] for name in fusion.image)}
    for side, names in (("image", list(fusion.image)), ("title", list(fusion.title))):
        values |= {f"fusion.{side}.{name}": s for name, s in normalise_weights(weights, names).items()}
    return "dvc exp run " + " ".join(f"-S {key}={value:.4g}" for key, value in values.items())


def main() -> str:
    params = settings.load()
    threadpool_limits(params.machine.threads)
    fusion, k = params.fusion, params.index.k
    listings = catalogue.read(artefacts.LISTINGS)
    labelled, every = val.labelled(listings), listings.gallery("full")
    if not labelled.any():
        return skip("no val listing has a label to tune on")
    channels = load_channels([*fusion.image, *fusion.title], artefacts.embedding)
    if not any(vectors.shape[1] for vectors in channels.values()):
        raise InputError(f"none of the channels of fusion has an embedding: {', '.join(channels)}")

    pool = unite_neighbours(channels, every[labelled], every, params.tune.k)

    def val_f1(weights: Weights) -> float:
        return float(val.curve(pool.rank(weights, k), listings, every).f1.max())

    equal = {name: float(vectors.shape[1] > 0) for name, vectors in channels.items()}
    weights, highest = ascend_weights(equal, val_f1)
    plain, augmented, thresholds = search_both(channels, weights, listings, k, params.tune.augmentation_steps)
    for row, neighbours, at_least_one in zip(
        ROWS, (plain, augmented, augmented), (False, False, True), strict=True
    ):
        judged, full = judge.both(neighbours, listings, Decision(at_least_one=at_least_one), params.groups)
        full["weights"] = weights | {f"augmentation.{name}": value for name, value in thresholds.items()}
        predictions.write(row, judged, artefacts.rounded(full), listings, channels, params.groups)
        short = judge.in_short(full, artefacts.read_json(artefacts.SUMMARY))
        artefacts.write_json(artefacts.METRICS / "compare" / f"{row}.json", short)
        print(f"{row}: {judge.describe(short)}")

    command = adopting_command(weights, fusion)
    surface = weight_surface(
        val_f1, weights, list(fusion.image), list(fusion.title), SURFACE_ALPHAS, SURFACE_SHARES
    )
    write_tuned(weights, command, surface, alpha_curve(channels, fusion, listings, params.decision, k))
    print(command, flush=True)
    return f"val f1 {highest:.4f} in the full gallery, over the channels' united neighbours"


def write_tuned(
    weights: Weights, command: str, surface: list[dict[str, float]], alphas: list[dict[str, float]]
) -> None:
    with artefacts.replacing(TUNED) as beside:
        beside.mkdir()
        content = {"weights": artefacts.rounded(weights), "adopt": command}
        artefacts.write_json(beside / "weights.json", content)
        for name, rows, columns in (
            ("surface.csv", surface, list(surface[0])),
            ("alpha.csv", alphas, ["alpha", "val_f1", "test_f1"]),
        ):
            with (beside / name).open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, columns, lineterminator="\n")
                writer.writeheader()
                writer.writerows(artefacts.rounded(rows))


def skip(reason: str) -> str:
    """Leave empty outs: a baseline that cannot run stops nothing."""
    for row in ROWS:
        artefacts.write_json(artefacts.METRICS / "compare" / f"{row}.json", {"skipped": 1})
    for folder in (TUNED, *(artefacts.PREDICTIONS / row for row in ROWS)):
        with artefacts.replacing(folder) as beside:
            beside.mkdir()
    return f"skipped: {reason}"


if __name__ == "__main__":
    artefacts.run("tune", main)
