"""train_pxk: fine-tune towers so that listings of one product get similar embeddings.

Run as `python -m stages.train_pxk <run>`. Batches hold the first picture of a listing; every picture is
embedded, also for val's F1. Writes <run>_image.npy and <run>_title.npy to the folder `out` of the run: every
listing's row by that tower, no columns without it; data/models/<run>.safetensors: the towers, for `weights:`
of a channel; data/models/<run>/: epochs.json, and where the towers make one an open_clip model;
data/curves/<run>/; metrics/train/<run>.json.

With `reuse: weights`, towers of an earlier run are kept while few listings are new. A killed run goes on from
data/checkpoints/. With machine.processes above 1 torchrun starts them here.
"""

import sys
from pathlib import Path

import faiss
import numpy as np

from samesku import artefacts
from samesku.catalogue.images import PackedImages
from samesku.catalogue.listings import read_links, read_listings
from samesku.embedding.encoder import Content
from samesku.evaluation.validation import measure_towers
from samesku.params import Params, TrainRun, find_entry, load_params
from samesku.search.confused import find_confused
from samesku.search.fusion import load_channels
from samesku.store import prune
from samesku.training.checkpoint import checkpoint_folder, remove_checkpoints
from samesku.training.epochs import NO_BETTER_EPOCH, describe_epochs, is_start_kept
from samesku.training.loop import fit, write_curves
from samesku.training.losses import make_loss
from samesku.training.outs import run_metrics, write_arrays, write_towers
from samesku.training.processes import ComputeConfig, Processes, run_stage_in_processes, train_in_processes
from samesku.training.reuse import KeptRuns
from samesku.training.run import TowerEmbedder, TrainingSet, load_start, load_towers, make_examples
from samesku.training.sampler import describe_fit, fit_batches, make_sampler
from samesku.training.trainer import Trainer


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
    confused = {}
    if run.hard_negatives:  # what the channels that the towers start from confuse
        starts = [getattr(run, side) for side in run.towers]
        channels = load_channels(starts, artefacts.embedding_path, listings)
        confused = find_confused(channels, listings.owner, rows, products, run.hard_negatives)
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
        if processes.is_first:
            write_curves(curves, history)
    else:
        files = [artefacts.LISTINGS, artefacts.IMAGES, links, Path(__file__)]
        folder = checkpoint_folder(artefacts.CHECKPOINTS, name, run, params.channels, compute, files)
        history = fit(
            trainer, examples, sampler,
            lambda: measure_towers(embedder.embed(towers, listings.split == "val"), listings), folder, curves, name,
        )  # fmt: skip
        if processes.is_first:
            runs.add(history, trainer)
    embeddings = embedder.embed(towers, np.ones(len(listings), bool), store)
    if processes.is_first:
        write_arrays(Path(run.out), name, len(listings), embeddings)
        write_towers(artefacts.MODELS, name, trainer.encoders, history, trainer.loss)
        measured = measure_towers(embeddings, listings) if kept else None
        artefacts.write_json(
            artefacts.METRICS / "train" / f"{name}.json", run_metrics(measured, history, kept)
        )
        remove_checkpoints(artefacts.CHECKPOINTS, name)
        prune(store, params.machine.store_bytes)
        if is_start_kept(history):
            print(f"train_pxk@{name}: {NO_BETTER_EPOCH}", file=sys.stderr)
    processes.wait()
    return f"{describe_epochs(history)}, {compute.describe()}{describe_fit(asked, run)}{runs.describe(kept)}"


def skip(name: str, run: TrainRun, params: Params, compute: ComputeConfig, n: int, reason: str) -> str:
    """Leave the channels that the towers start from in place of trained ones; of a baseline, nothing."""
    path_of = artefacts.embedding_path if run.out == artefacts.EMBEDDINGS.as_posix() else None
    encoders, rows = load_start(run, params.channels, compute, path_of) if path_of else ({}, {})
    if compute.processes.is_first:
        with artefacts.replace_out(artefacts.CURVES / name) as empty:
            empty.mkdir()
        write_arrays(Path(run.out), name, n, rows)
        write_towers(artefacts.MODELS, name, encoders, [])
        artefacts.write_json(artefacts.METRICS / "train" / f"{name}.json", {"skipped": 1})
    kept = "; ".join(f"{name}_{side} is {getattr(run, side)}, without training" for side in encoders)
    return f"skipped: {reason}" + (f"; {kept}" if kept else "")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m stages.train_pxk <run>")
    run_stage_in_processes(f"train_pxk@{sys.argv[1]}", lambda: main(sys.argv[1]))
