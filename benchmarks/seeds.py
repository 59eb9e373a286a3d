"""Measure how much F1 changes with the seed of training: python -m benchmarks.seeds [--seeds 5]

Works on the pipeline that has been run in the current folder. For each seed, the training runs and all stages after
them run again in a temporary folder, with that seed in every run of `train` and `learned_fusion`. Prints mean ± sd of
F1 as Markdown, for every system that a training run decides, and writes metrics/seeds.json, which `samesku compare`
reads. Nothing else in the current folder changes. If it is stopped, the next call goes on from the seeds that are done.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from samesku import artefacts
from samesku.app.training_noise import SEEDS, SPLITS, train_fingerprint
from samesku.errors import InputError
from samesku.params import CompareSystem, Fusion, LearnedFusion, Params, list_alphas, load_params, read_params

ROOT = Path(__file__).parents[1]
TUNED = ("tuned", "tuned_augmented", "tuned_augmented_one")
#: Folders of data/ that the stages write into.
WRITTEN = {
    path.name
    for path in (
        artefacts.EMBEDDINGS, artefacts.BASELINES, artefacts.MODELS, artefacts.CURVES, artefacts.FUSED,
        artefacts.NEIGHBOURS, artefacts.TUNED, artefacts.PREDICTIONS, artefacts.CHECKPOINTS, artefacts.PROVENANCE,
    )
}  # fmt: skip

Figures = dict[str, dict[str, float]]  # system -> split -> F1


def trained_channels(params: Params) -> dict[str, str]:
    """The channels that a training run fills, with the name of the run."""
    return {f"{name}_{side}": name for name, run in params.train.items() for side in run.towers}


def weighed_channels(spec: Fusion | CompareSystem | LearnedFusion) -> set[str]:
    """The channels that count in a fused score, at any of its alphas."""
    alphas = list_alphas(spec)
    sides = [(spec.image, max(alphas) > 0), (spec.title, min(alphas) < 1)]
    return {name for weights, counts in sides if counts for name, weight in weights.items() if weight > 0}


def list_trained_systems(params: Params) -> list[str]:
    """The systems whose F1 depends on a training run.

    `tune` chooses the weights of all channels of `fusion`, and the pair model of `rerank` sees all of its channels, so
    that a channel of weight 0 counts there.
    """
    trained = trained_channels(params).keys()
    channels = {
        "samesku": weighed_channels(params.fusion),
        **{name: weighed_channels(system) for name, system in params.compare.items()},
        **{name: weighed_channels(learned) for name, learned in params.learned_fusion.items()},
        **{row: {*params.fusion.image, *params.fusion.title} for row in TUNED},
        "rerank": {*params.rerank.fusion.image, *params.rerank.fusion.title},
    }
    return [system for system, names in channels.items() if names & trained]


def list_stages(params: Params, systems: Sequence[str]) -> list[str]:
    """What runs for one seed: the training runs whose channels these systems name, and the systems' own stages."""
    run_of = {f"{run}_{side}": run for run in params.train for side in ("image", "title")}
    learned = [name for name in systems if name in params.learned_fusion]
    specs: list[Fusion | CompareSystem | LearnedFusion] = [params.learned_fusion[name] for name in learned]
    specs += [params.compare[name] for name in systems if name in params.compare]
    if {"samesku", *TUNED} & set(systems):
        specs.append(params.fusion)
    if "rerank" in systems:
        specs.append(params.rerank.fusion)
    named = {name for spec in specs for name in (*spec.image, *spec.title)}
    runs = {run_of[name] for name in named if name in run_of}
    stages = [f"train_pxk {run}" for run in params.train if run in runs]
    if "samesku" in systems:
        stages += ["fuse", "index", "evaluate"]
    if set(systems) & set(params.compare):
        stages.append("compare")
    if learned:
        stages.append("learn_fusion")
    if TUNED[0] in systems:
        stages.append("tune")
    return [*stages, "rerank"] if "rerank" in systems else stages


def prepare_folder(folder: Path, params: Params, seed: int, systems: Sequence[str]) -> None:
    """params.yaml with this seed in every run and these systems alone, and links to what does not depend on training.

    Raises:
        InputError: a zero-shot channel has no array here.
    """
    content = read_params(Path("params.yaml"))
    for run in (*content["train"].values(), *content.get("learned_fusion", {}).values()):
        run["seed"] = seed
    content["compare"] = {name: spec for name, spec in content["compare"].items() if name in systems}
    for channel in content["channels"].values():
        weights = channel.get("weights")
        if weights and Path(weights).exists():  # a path from this folder
            channel["weights"] = str(Path(weights).absolute())
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    for path in [entry for entry in Path("data").iterdir() if entry.name not in WRITTEN]:
        _link(path, folder)
    for name, channel in params.channels.items():
        array = Path(channel.out) / f"{name}.npy"
        if not array.is_file():
            raise InputError(f"{array} is missing; run `dvc repro` first")
        _link(array, folder)


def _link(path: Path, folder: Path) -> None:
    """A link to `path` at the same place below `folder`."""
    link = folder / path
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(path.absolute())


def run_stage(stage: str, folder: Path) -> None:
    """Run a stage script of this checkout in a folder; what it prints goes to standard error.

    Raises:
        InputError: the stage ended with an error.
    """
    name, *arguments = stage.split()
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", f"stages.{name}", *arguments],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=2,
    )  # fmt: skip
    try:
        status = process.wait()
    except BaseException:  # Ctrl-C reaches the stage too; it ends before its folder is removed
        process.terminate()
        process.wait()
        raise
    if status:
        raise InputError(f"the stage {stage} ended with status {status}")


def measure_seed(params: Params, seed: int, systems: Sequence[str]) -> Figures:
    """F1 of these systems when every training run has this seed."""
    with tempfile.TemporaryDirectory(prefix="samesku-seed-") as place:
        folder = Path(place)
        prepare_folder(folder, params, seed, systems)
        for stage in list_stages(params, systems):
            run_stage(stage, folder)
        return read_figures(folder / artefacts.METRICS, systems)


def read_figures(metrics: Path, systems: Iterable[str]) -> Figures:
    """F1 by system and split; a system that was skipped has none."""
    figures: Figures = {}
    for system in systems:
        content = artefacts.read_json(artefacts.metrics_file(system, metrics))
        figures[system] = {split: content[split]["f1"] for split in SPLITS.values() if split in content}
    return figures


def summarise(runs: Sequence[Figures]) -> dict[str, dict[str, dict[str, float]]]:
    """Mean and sample standard deviation (of n − 1) over the seeds, by system and split.

    A figure counts if every seed has it.
    """
    summary: dict[str, dict[str, dict[str, float]]] = {}
    for system in runs[0]:
        for split in runs[0][system]:
            f1 = [run.get(system, {}).get(split) for run in runs]
            values = [value for value in f1 if value is not None]
            if len(values) == len(runs):
                figures = {"mean": statistics.fmean(values), "sd": statistics.stdev(values)}
                summary.setdefault(system, {})[split] = figures
    return summary


def noise_table(systems: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Mean ± sd as Markdown, lowest test F1 first."""
    splits = list(SPLITS.values())
    lines = [
        f"| system | {' | '.join(f'{split} f1' for split in splits)} |",
        "|---" * (len(splits) + 1) + "|",
    ]
    for name, row in sorted(systems.items(), key=lambda item: item[1].get("test", {}).get("mean", -1.0)):
        cells = [f"{row[s]['mean']:.4f} ± {row[s]['sd']:.4f}" if s in row else "" for s in splits]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def progress_folder(params: Params, sample: str) -> Path:
    """Where the figures of each seed are kept: a folder named after all that decides them, but the seed."""
    content = params.model_dump(exclude={"machine", "data"}, mode="json")
    for run in (*content["train"].values(), *content["learned_fusion"].values()):
        del run["seed"]
    links = [
        path
        for path in (artefacts.LINKS / "train.parquet", artefacts.LINKS / "all.parquet")
        if path.is_file()
    ]
    paths = [ROOT / "samesku", ROOT / "stages", *links]
    return artefacts.CHECKPOINTS / "seeds" / artefacts.fingerprint([content, sample], paths)


def measure(n_seeds: int) -> str:
    """Run the seeds 0 to n_seeds − 1, write metrics/seeds.json, and give the table.

    Raises:
        InputError: no system is trained, the pipeline has not been run here, or a stage ended with an error.
    """
    params = load_params()
    if not artefacts.LISTINGS.is_file():
        raise InputError(f"{artefacts.LISTINGS} is missing; run `dvc repro` first")
    if not (systems := list_trained_systems(params)):
        raise InputError("params.yaml: no system uses a channel of `train`, so no seed changes a figure")
    sample = artefacts.fingerprint(None, [artefacts.LISTINGS])
    folder, runs = progress_folder(params, sample), []
    for seed in range(n_seeds):
        file = folder / f"{seed}.json"
        if not file.is_file():
            print(f"seed {seed} of 0 to {n_seeds - 1}", file=sys.stderr, flush=True)
            artefacts.write_json(file, measure_seed(params, seed, systems))
        runs.append(artefacts.read_json(file))
    content = {
        "sample": sample,
        "train": train_fingerprint(params),
        "seeds": list(range(n_seeds)),
        "systems": artefacts.round_floats(summarise(runs)),
    }
    artefacts.write_json(SEEDS, content)
    return noise_table(content["systems"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, 2 or more, from 0")
    n_seeds = parser.parse_args().seeds
    if n_seeds < 2:
        parser.error(f"--seeds is {n_seeds}; allowed: 2 or more")
    try:
        print(measure(n_seeds))
    except InputError as error:
        sys.exit(f"benchmarks.seeds: {error}")
    except KeyboardInterrupt:
        print(
            "benchmarks.seeds: stopped by Ctrl-C; the next call goes on from the seeds that are done",
            file=sys.stderr,
        )
        sys.exit(130)


if __name__ == "__main__":
    main()
