"""learn_fusion: small networks learn from train how to weigh the channels; a row of the table each.

Run as `python -m stages.learn_fusion`. The channels stay as they are on disk, so training takes seconds. It starts
from the plain fusion with the weights of params.yaml, and the epoch with the highest F1 on val is kept, the start
among them. Writes, for every row of `learned_fusion`, data/models/learned_fusion/<row>/ (network.safetensors,
epochs.json, shares.json), data/predictions/learned_fusion/<row>/ and metrics/learned_fusion/<row>.json.
`samesku compare tuned <row>` says whether it is better than the tuned weights.
"""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from samesku import artefacts
from samesku.annotations.products import products_to_train
from samesku.catalogue.listings import Listings, can_tune, read_links, read_listings
from samesku.embedding.device import set_threads
from samesku.errors import InputError
from samesku.evaluation import predictions
from samesku.evaluation.decisions import decide_galleries
from samesku.evaluation.rules import read_rules
from samesku.evaluation.validation import measure_val
from samesku.params import Decision, LearnedFusion, Params, TrainRun, load_params
from samesku.processor import sum_threads
from samesku.replacing import replace_folders
from samesku.search.fusion import Fused, concatenate_channels, fusion_weights, load_channels
from samesku.search.galleries import search_galleries
from samesku.search.learned_fusion import change_fused
from samesku.training.batches import TrainingExamples
from samesku.training.epochs import Epoch, describe_epochs
from samesku.training.fusion_networks import KINDS, FusionNetwork, change_rows, write_network
from samesku.training.loop import fit
from samesku.training.losses import InfoNCE
from samesku.training.processes import ComputeConfig
from samesku.training.sampler import fit_batches, make_sampler
from samesku.training.towers import FeatureTower
from samesku.training.trainer import Trainer

MODELS, PREDICTIONS, METRICS = (
    place / "learned_fusion" for place in (artefacts.MODELS, artefacts.PREDICTIONS, artefacts.METRICS)
)


def learn_row(
    params: Params, listings: Listings, models: Path, name: str, folder: Path, metrics_file: Path
) -> str:
    """Learn, match, measure and write a row; one line of its result.

    Raises:
        InputError: this catalogue lacks what the row needs.
    """
    spec, k = params.learned_fusion[name], params.index.k
    if not can_tune(listings):
        raise InputError("val has no two labelled listings of one product to tune on")
    channels = load_channels([*spec.image, *spec.title], artefacts.embedding_path, listings)
    weights = fusion_weights(spec.image, spec.title, spec.alpha, channels)
    if not weights:
        raise InputError(f"no listing has a row of {', '.join(channels)}")
    plain = concatenate_channels(channels, dict.fromkeys(weights, 1.0), listings.owner)
    network = KINDS[spec.kind](plain.widths, list(weights.values()), spec.width, spec.seed)
    history = train(network, plain, listings, name, spec, k)

    fused, shares = change_fused(
        plain, listings.gallery("full"), partial(change_rows, network), network.weights
    )
    rules = read_rules(listings, params.match, params.groups)
    decisions = decide_galleries(search_galleries(fused, listings, k), listings, Decision(), rules)
    write_network(models / name, network, history, dict(zip(weights, shares.T, strict=True)))
    settings = {"weights": dict(zip(weights, fused.weights.tolist(), strict=True))}
    line = predictions.write_system(
        folder, metrics_file, decisions, listings, channels, params.groups, settings
    )
    return f"{describe_epochs(history)}, {line}"


def train(
    network: FusionNetwork, plain: Fused, listings: Listings, name: str, spec: LearnedFusion, k: int
) -> list[Epoch]:
    """Train the network on batches of P products × K listings of train, and leave it as at its best epoch."""
    product = products_to_train(listings, read_links(artefacts.LINKS / "train.parquet", len(listings)))
    rows = np.flatnonzero((listings.split == "train") & (product >= 0) & (plain.listing_mask > 0))
    products = np.unique(product[rows], return_inverse=True)[1]
    shared = spec.model_dump(include={"P", "K", "temperature", "epochs", "weight_decay", "seed"})
    # What sampler and trainer read of a run: a head alone learns, on features that nothing augments.
    run = fit_batches(TrainRun(towers=["image"], augment=None, head_lr=spec.lr, **shared), products)
    sampler = make_sampler(run, products)
    compute = ComputeConfig(torch.device("cpu"), "fp32")
    towers, loss = {"fused": FeatureTower(network)}, InfoNCE(run.temperature)
    trainer = Trainer(run, towers, loss, products, sampler.steps_per_epoch, compute)
    examples = TrainingExamples(rows, listings.posting_id[rows], spec.seed, features={"fused": plain.vectors})

    def val_f1() -> dict[str, float] | None:
        of_val = change_fused(plain, listings.gallery("val"), partial(change_rows, network), network.weights)
        return measure_val(of_val[0], listings, k)

    return fit(trainer, examples, sampler, val_f1, None, None, name, "learned_fusion")


def main() -> str:
    params = load_params()
    set_threads(sum_threads(params.machine.threads))
    listings = read_listings(artefacts.LISTINGS, params.match)
    with replace_folders(MODELS, PREDICTIONS, METRICS) as (models, folder, metrics):
        learn = partial(learn_row, params, listings, models)
        summary = predictions.measure_systems(folder, metrics, params.learned_fusion, learn)
        if not any(models.iterdir()):  # DVC warns of an empty folder
            artefacts.write_json(models / "none.json", {"models": 0})
    return summary + (artefacts.describe_untracked(METRICS) if params.learned_fusion else "")


if __name__ == "__main__":
    artefacts.run_stage("learn_fusion", main)
