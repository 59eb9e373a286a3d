"""Stage train_pxk: fine-tune towers so that listings of one product get similar embeddings.

    python -m stages.train_pxk <run>

Batches hold the first picture of a listing; every picture is embedded, also for val's F1.

Writes <run>_image.npy and <run>_title.npy to the folder `out` of the run: every listing's row by that tower,
no columns without it; data/models/<run>.safetensors: the towers, for `weights:` of a channel;
data/models/<run>/: epochs.json, and where the towers make one an open_clip model; data/curves/<run>/;
metrics/train/<run>.json. With `reuse: weights`, towers of an earlier run are kept while few listings are new.
A killed run goes on from data/checkpoints/. With machine.processes above 1 torchrun starts them here. Several
machines that share this folder run torchrun --nnodes … --nproc-per-node … -m stages.train_pxk <run> each.
"""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from torch.nn import Module

from samesku import artefacts
from samesku.arrays import Float32, Int64
from samesku.catalogue.images import PackedImages
from samesku.catalogue.listings import Listings, read_links, read_listings, val_labelled
from samesku.embedding.encoder import Content
from samesku.embedding.network import NetworkEncoder
from samesku.embedding.weights import save_towers
from samesku.evaluation.validation import measure_val
from samesku.params import Params, TrainRun, find_entry, load_params
from samesku.reading import check_rows
from samesku.search.exact import search_neighbours
from samesku.search.fusion import concatenate_channels, load_channels
from samesku.store import prune
from samesku.training.checkpoint import checkpoint_key
from samesku.training.dual_encoder import is_dual_encoder, save_dual_encoder
from samesku.training.epochs import NO_BETTER_EPOCH, Epoch, describe_epochs, is_start_kept
from samesku.training.loop import fit, write_curves
from samesku.training.losses import ImageText, make_loss
from samesku.training.processes import ComputeConfig, Processes, run_stage_in_processes, train_in_processes
from samesku.training.reuse import KeptRun, KeptRuns
from samesku.training.run import TowerEmbedder, TrainingSet, load_start, load_towers, make_examples
from samesku.training.sampler import describe_fit, fit_batches, make_sampler, rank_confused
from samesku.training.trainer import Trainer

METRICS = artefacts.METRICS / "train"
NEIGHBOURS = 20  # of a listing, among which hard negatives are looked for


def main(name: str) -> str:
    params = load_params()
    find_entry(params.train, name, "train")
    count = params.machine.processes
    return train_in_processes(lambda group: train(name, params, group), count, "stages.train_pxk", name)


def train(name: str, params: Params, processes: Processes) -> str:
    run, curves, links = params.train[name], artefacts.CURVES / name, artefacts.LINKS / "train.parquet"
    compute = ComputeConfig.from_params(params.embed, params.machine, processes)
    faiss.omp_set_num_threads(params.machine.threads)
    listings, images = read_listings(artefacts.LISTINGS), PackedImages(artefacts.IMAGES)
    content = Content(listings.title, images, listings.hashes, listings.is_picture)
    training_set = TrainingSet.annotated(listings, content, read_links(links, len(listings)))
    if reason := training_set.reason_to_skip(run):
        return skip(name, run, params, compute, len(listings), reason)

    rows, products = training_set.select(run)
    asked, run = run, fit_batches(run, products)
    confused = find_confused(run, listings, rows, products)
    sampler = make_sampler(run, products, processes.count, confused)  # batches of P products × K listings
    embedder = TowerEmbedder(training_set, compute, name)
    towers = load_towers(run, params.channels, embedder, artefacts.embedding_path)
    loss = make_loss(run, towers[run.towers[0]].dim, n_products=int(products.max()) + 1)
    trainer = Trainer(run, towers, loss, products, sampler.steps_per_epoch, compute)
    examples = make_examples(run, rows, towers, embedder)

    store = params.machine.store_folder()
    runs = KeptRuns(store, asked, params.channels, compute, training_set, rows, [Path(__file__)])
    if kept := runs.find():
        kept.restore(trainer)
        history = kept.history
        if processes.is_first and (live := write_curves(curves, history)):
            live.end()
    else:
        paths = [path for path in (artefacts.LISTINGS, artefacts.IMAGES, links) if path.is_file()]
        key = checkpoint_key(run, params.channels, compute, [*paths, Path(__file__)])
        folder = artefacts.CHECKPOINTS / f"{name}-{key}"
        history = fit(
            trainer, examples, sampler,
            lambda: val_f1(embedder.embed(towers, listings.split == "val"), listings), folder, curves, name,
        )  # fmt: skip
        if processes.is_first:
            runs.add(history, trainer)
    embeddings = embedder.embed(towers, np.ones(len(listings), bool), store)
    if processes.is_first:
        write_outs(name, run.out, len(listings), embeddings, trainer.encoders, history, trainer.loss)
        write_metrics(name, val_f1(embeddings, listings) if kept else None, history, kept)
        for checkpoint in artefacts.CHECKPOINTS.glob(f"{name}-*"):
            shutil.rmtree(checkpoint)
        prune(params.machine.store_folder(), params.machine.store_bytes)
        if is_start_kept(history):
            print(f"train_pxk@{name}: {NO_BETTER_EPOCH}", file=sys.stderr)
    processes.wait()
    lowered = describe_fit(asked, run)
    fitted = f", lowered to the catalogue: {lowered}" if lowered else ""
    return f"{describe_epochs(history)}, {compute.describe()}{fitted}{runs.describe(kept)}"


def skip(name: str, run: TrainRun, params: Params, compute: ComputeConfig, n: int, reason: str) -> str:
    """Leave the channels that the towers start from in place of trained ones; of a baseline, nothing."""
    encoders: dict[str, NetworkEncoder] = {}
    rows: dict[str, Float32] = {}
    if run.out == artefacts.EMBEDDINGS.as_posix():
        encoders, rows = load_start(run, params.channels, compute, artefacts.embedding_path)
    if compute.processes.is_first:
        curves = artefacts.CURVES / name
        shutil.rmtree(curves, ignore_errors=True)
        curves.mkdir(parents=True)
        write_outs(name, run.out, n, rows, encoders, [])
        artefacts.write_json(METRICS / f"{name}.json", {"skipped": 1})
    kept = "; ".join(f"{name}_{side} is {getattr(run, side)}, without training" for side in encoders)
    return f"skipped: {reason}" + (f"; {kept}" if kept else "")


def find_confused(run: TrainRun, listings: Listings, rows: Int64, products: Int64) -> dict[int, list[int]]:
    """For each product, those with which the channels that the towers start from confuse it most often.

    Args:
        rows: int (n,), the training listings; products: int (n,), their products, from 0.
    """
    if not run.hard_negatives:
        return {}
    channels = load_channels([getattr(run, side) for side in run.towers], artefacts.embedding_path, listings)
    fused = concatenate_channels(channels, dict.fromkeys(channels, 1 / len(channels)), listings.owner)
    neighbour = search_neighbours(fused, rows.astype(np.int32), NEIGHBOURS).neighbour
    place = np.searchsorted(rows, neighbour)
    return rank_confused(np.where(neighbour < 0, -1, place), products, run.hard_negatives)


def val_f1(embeddings: Mapping[str, Float32], listings: Listings) -> dict[str, float] | None:
    """F1 of val's listings among themselves, at its best threshold; None where val has no labels.

    Two towers have half the weight each. k reaches as far as val's largest product, at least 50.
    """
    weights = dict.fromkeys(embeddings, 1 / len(embeddings))
    largest = int(np.bincount(listings.product[val_labelled(listings)]).max(initial=0))
    fused = concatenate_channels(embeddings, weights, listings.owner)
    return measure_val(fused, listings, max(50, largest - 1))


def write_metrics(
    name: str, measured: dict[str, float] | None, history: list[Epoch], kept: KeptRun | None
) -> None:
    """Write val's F1 by the towers, and whether an earlier run trained them; then val is `measured` anew."""
    f1 = measured["f1"] if measured else next(epoch["val_f1"] for epoch in history if epoch["kept"])
    metrics: dict[str, Any] = {"val": {"f1": f1}} if f1 is not None else {}
    new = {"new_listings": kept.new / kept.total} if kept else {}
    metrics |= {"reused": float(kept is not None), **new}
    artefacts.write_json(METRICS / f"{name}.json", artefacts.round_floats(metrics))


def write_outs(
    name: str,
    out: str,
    n: int,
    embeddings: Mapping[str, Float32],
    encoders: Mapping[str, NetworkEncoder],
    history: list[Epoch],
    loss: Module | None = None,
) -> None:
    """Write the outs but the curves; an array without its tower has n rows and no columns."""
    for modality in ("image", "title"):
        rows = embeddings.get(modality, np.zeros((n, 0), np.float32))
        check_rows(rows, f"channel {name}_{modality}")
        artefacts.write_array(Path(out) / f"{name}_{modality}.npy", rows)
    with artefacts.replace_out(artefacts.MODELS / f"{name}.safetensors") as path:
        save_towers(path, encoders)
    with artefacts.replace_out(artefacts.MODELS / name) as folder:
        folder.mkdir()
        artefacts.write_json(folder / "epochs.json", history)
        if isinstance(loss, ImageText) and is_dual_encoder(encoders):
            save_dual_encoder(folder, encoders, loss.logit_scale)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m stages.train_pxk <run>")
    run_stage_in_processes(f"train_pxk@{sys.argv[1]}", lambda: main(sys.argv[1]))
