"""Compare with what one would take instead: python -m benchmarks.side_by_side [--sample data/sample] [--rounds 3]

On the titles and pictures of data/sample/, with the same weights on both sides and without a store:

    titles     sentence_transformers: `encode`, then `paraphrase_mining_embeddings` of the 50 nearest
               samesku: `embed` of the channel sbert, then `search_neighbours`
    pictures   imagededup (pip install imagededup): CNN with the trunk of the channel cnn, then `find_duplicates`
               clip-retrieval (pip install --no-deps clip-retrieval): its reader of files, in its batches of 256, with
               the trunk of the channel cnn, since no package has weights of CLIP; then FAISS's flat index
               samesku: `embed` of the channel cnn, then `search_neighbours`

For each it prints the seconds of embedding and of search, the median of several rounds in turn, and the F1 of test's
queries in the whole sample, at the threshold that is best on val.
"""

from __future__ import annotations

import argparse
import runpy
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from samesku.arrays import Float32
from samesku.artefacts import IMAGES, LISTINGS, SAMPLE
from samesku.catalogue.images import PackedImages
from samesku.catalogue.listings import Listings, read_listings
from samesku.embedding import device
from samesku.embedding.network import NetworkEncoder
from samesku.embedding.weights import from_package
from samesku.encoders.registry import load_encoder
from samesku.evaluation.decisions import decide
from samesku.params import Channel, Decision, Params, load_params
from samesku.search.exact import search_neighbours
from samesku.search.fusion import concatenate_channels
from samesku.search.neighbours import Neighbours, no_neighbours

K = 50
Pairs = Iterable[tuple[int, int, float]]
#: Embeds, and searches what it gave.
Steps = tuple[Callable[[], Any], Callable[[Any], Neighbours]]


def to_neighbours(pairs: Pairs, n: int) -> Neighbours:
    """The K nearest of N listings by (query, neighbour, score)."""
    lists: list[list[tuple[float, int]]] = [[] for _ in range(n)]
    for query, neighbour, score in pairs:
        lists[query].append((-round(float(score), 6), neighbour))
    neighbours = no_neighbours(np.arange(n, dtype=np.int32), K)
    for query, nearest in enumerate(lists):
        best = sorted(set(nearest))[:K]
        neighbours.neighbour[query, : len(best)] = [row for _, row in best]
        neighbours.score[query, : len(best)] = [-score for score, _ in best]
    return neighbours


def test_f1(neighbours: Neighbours, listings: Listings) -> float:
    """F1 of test's queries in the whole sample, at val's best threshold."""
    decisions = decide(neighbours, listings, Decision(), "full")
    return float(decisions.f1[decisions.split == "test"].mean())


def samesku_steps(encoder: NetworkEncoder, column: Any) -> Steps:
    def search(rows: Float32) -> Neighbours:
        fused = concatenate_channels({"a": rows}, {"a": 1.0})
        return search_neighbours(fused, np.arange(len(rows), dtype=np.int32), K)

    return lambda: encoder.embed(column), search


def sentence_transformers_steps(channel: Channel, titles: list[str]) -> Steps:
    """The titles as its users embed and compare them, in its own batches of 32."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.util import paraphrase_mining_embeddings

    folder, _ = from_package((channel.weights or "").removeprefix("package:"))
    model = SentenceTransformer(str(folder), device="cpu")

    def search(rows: Any) -> Neighbours:
        mined = paraphrase_mining_embeddings(rows, top_k=K, max_pairs=len(titles) * K)
        pairs = [(int(i), int(j), float(score)) for score, i, j in mined]
        return to_neighbours(pairs + [(j, i, score) for i, j, score in pairs], len(titles))

    return lambda: model.encode(titles, convert_to_tensor=True, normalize_embeddings=True), search


def imagededup_steps(encoder: NetworkEncoder, folder: Path, n: int) -> Steps:
    """The pictures of a folder, named by their rows, with the trunk of the encoder."""
    from imagededup.methods import CNN
    from imagededup.utils import CustomModel
    from timm.data import create_transform, resolve_model_data_config

    transform = create_transform(**resolve_model_data_config(encoder.module), is_training=False)
    cnn = CNN(verbose=False, model_config=CustomModel(name="cnn", model=encoder.module, transform=transform))

    def search(encodings: dict[str, Any]) -> Neighbours:
        near = cnn.find_duplicates(encoding_map=encodings, min_similarity_threshold=0.3, scores=True)
        pairs = (
            (int(Path(a).stem), int(Path(b).stem), score) for a, others in near.items() for b, score in others
        )
        return to_neighbours(pairs, n)

    return lambda: cnn.encode_images(image_dir=folder, num_enc_workers=0), search


def clip_retrieval_steps(encoder: NetworkEncoder, folder: Path, n: int) -> Steps:
    """The pictures of a folder, named by their rows, read as by its `clip_inference`."""
    import faiss
    from timm.data import create_transform, resolve_model_data_config

    # The file alone: the package imports a web server and a dozen of libraries.
    package = Path(find_spec("clip_retrieval").origin).parent  # type: ignore[union-attr, arg-type]
    files_reader = runpy.run_path(str(package / "clip_inference" / "reader.py"))["FilesReader"]
    transform = create_transform(**resolve_model_data_config(encoder.module), is_training=False)

    def embed() -> Float32:
        out = np.zeros((n, encoder.dim), np.float32)
        reader = files_reader(lambda keys: keys, transform, None, folder, 256, 2, enable_text=False)
        with torch.inference_mode():
            for batch in reader:
                rows = [int(Path(name).stem) for name in batch["image_filename"]]
                out[rows] = torch.nn.functional.normalize(encoder.module(batch["image_tensor"]), dim=-1)
        return out

    def search(rows: Float32) -> Neighbours:
        index = faiss.IndexFlatIP(rows.shape[1])
        index.add(rows)
        scores, nearest = index.search(rows, K + 1)
        return to_neighbours(_pairs(nearest, scores), n)

    return embed, search


def _pairs(nearest: NDArray[np.int64], scores: Float32) -> Pairs:
    """The pairs of FAISS's lists, (Q, k) each, without a listing itself and those without a picture."""
    for query, (others, of_query) in enumerate(zip(nearest.tolist(), scores.tolist(), strict=True)):
        yield from (
            (query, i, score) for i, score in zip(others, of_query, strict=True) if i != query and score > 0
        )


def compare(name: str, listings: Listings, rounds: int, **sides: Steps) -> None:
    """Run the sides in turn, and print their medians."""
    taken: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    f1 = {}
    for _ in range(rounds):
        for side, (embed, search) in sides.items():
            start = time.perf_counter()
            rows = embed()
            embedded = time.perf_counter()
            neighbours = search(rows)
            taken[side].append((embedded - start, time.perf_counter() - embedded))
            f1[side] = test_f1(neighbours, listings)
    for side, seconds in taken.items():
        embedding, search_ = (statistics.median(column) for column in zip(*seconds, strict=True))
        print(
            f"{name:8} {side:22} embedding {embedding:6.1f} s, search {search_:5.2f} s, test f1 {f1[side]:.4f}",
            flush=True,
        )
    for other in [side for side in sides if side != "samesku"]:
        ours, theirs = ([embedding for embedding, _ in taken[side]] for side in ("samesku", other))
        ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
        print(f"{name:8} embedding: {ratio:.2f} times as fast as {other}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=Path, default=SAMPLE, help="folder of listings and pictures")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    params: Params = load_params()
    device.set_threads(params.machine.threads)
    listings, images = read_listings(args.sample / LISTINGS.name), PackedImages(args.sample / IMAGES.name)
    encoders = {
        name: load_encoder(name, params.channels[name], precision="fp32", batch_size=params.embed.batch_size)
        for name in ("sbert", "cnn")
    }
    print(f"{len(listings):,} listings, {device.describe(encoders['cnn'].device, 'fp32')}")
    titles = listings.title
    compare(
        "titles", listings, args.rounds,
        samesku=samesku_steps(encoders["sbert"], titles),
        sentence_transformers=sentence_transformers_steps(params.channels["sbert"], titles),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="samesku-pictures-") as place:
        for row in range(len(images)):
            if (jpeg := images.jpeg(row)) is not None:
                Path(place, f"{row}.jpg").write_bytes(jpeg)
        sides = {"samesku": samesku_steps(encoders["cnn"], images)}
        if find_spec("imagededup"):
            sides["imagededup"] = imagededup_steps(encoders["cnn"], Path(place), len(listings))
        else:
            print("pictures imagededup is not installed")
        if find_spec("clip_retrieval"):
            sides["clip-retrieval"] = clip_retrieval_steps(encoders["cnn"], Path(place), len(listings))
        else:
            print("pictures clip-retrieval is not installed")
        compare("pictures", listings, args.rounds, **sides)


if __name__ == "__main__":
    main()
