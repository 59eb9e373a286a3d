"""train_reader: train a cross-encoder that reads the titles of two listings together, for the stage rerank.

It starts from the sentence encoder of the channel `reader.title`. It learns from labels of train: each listing with
a random one of its product, and with near listings of other products. Val chooses the epoch.

Writes data/models/reader/: reader.safetensors and epochs.json; nothing where reader.epochs is 0, or where train has
no labels to learn from. A killed run begins anew.
"""

import faiss

from samesku import artefacts
from samesku.catalogue.listings import Listings, read_listings, visible_products
from samesku.pairs.reader_pairs import LabelledPairs, draw_pairs
from samesku.params import Params, load_params
from samesku.search.exact import search_neighbours
from samesku.search.fusion import concatenate_channels, load_channels

OUT = artefacts.MODELS / "reader"
NEIGHBOURS = 20  # of a listing, among which the pairs of two products are drawn


def main() -> str:
    params = load_params()
    faiss.omp_set_num_threads(params.machine.threads)
    spec = params.reader
    if not spec.epochs:
        return skip("reader.epochs is 0")
    listings = read_listings(artefacts.LISTINGS)
    epochs = draw_epochs(listings, params, "train", spec.epochs)
    if any(pairs.same_product.all() or not pairs.same_product.any() for pairs in epochs):
        return skip("train has no two titles of one product, or no two of near products")
    (val,) = draw_epochs(listings, params, "val", 1)
    return train(listings.title, epochs, val, params)


def skip(reason: str) -> str:
    artefacts.write_skipped(OUT, reason)
    return f"skipped: {reason}"


def draw_epochs(listings: Listings, params: Params, split: str, count: int) -> list[LabelledPairs]:
    """The pairs of `count` epochs, drawn among the listings of a split: near ones by the channel of the reader."""
    spec = params.reader
    channels = load_channels([spec.title], artefacts.embedding_path, listings)
    rows = concatenate_channels(channels, {spec.title: 1.0})
    neighbours = search_neighbours(rows, listings.gallery(split), NEIGHBOURS)
    product = visible_products(listings)
    return [
        draw_pairs(product, listings.title, neighbours, spec.pairs, spec.negatives, (spec.seed, epoch))
        for epoch in range(count)
    ]


def train(titles: list[str], epochs: list[LabelledPairs], val: LabelledPairs, params: Params) -> str:
    from samesku.embedding.weights import save_towers  # torch
    from samesku.encoders.registry import load_encoder
    from samesku.pairs.reader_training import ReaderTrainer, train_reader
    from samesku.training.processes import SINGLE_PROCESS, ComputeConfig

    spec = params.reader
    compute = ComputeConfig.from_params(params.embed, params.machine, SINGLE_PROCESS)
    encoder = load_encoder(
        spec.title,
        params.channels[spec.title],
        device=compute.device,
        precision=compute.precision,
        batch_size=compute.batch_size,
    )
    trainer = ReaderTrainer(encoder, spec, sum(map(len, epochs)), compute)
    history = train_reader(trainer, titles, epochs, val)
    with artefacts.replace_out(OUT) as folder:
        folder.mkdir()
        save_towers(folder / "reader.safetensors", {"title": encoder})
        artefacts.write_json(folder / "epochs.json", history)
    kept = next(row for row in history if row["kept"])
    score = kept["val_average_precision"]
    measured = "no pairs of val" if score is None else f"average precision {score:.4f} on pairs of val"
    return (
        f"{kept['pairs']:,} pairs, epoch {kept['epoch']} of {len(history)}, {measured}, {compute.describe()}"
    )


if __name__ == "__main__":
    artefacts.run_stage("train_reader", main)
