"""rerank: candidates by fusion and blending, then a learned model of pairs, beside the main road.

Reads the channels of `rerank.fusion` and listings.parquet, its titles and hashes too; writes
metrics/compare/rerank.json, data/predictions/rerank/ and data/models/rerank/. Everything is learned from
val's labels: the models by folds of connected components; threshold, floor, calibration and bands from scores of
models that saw neither side. Each gallery has its own candidates, features, blending and models; test is
scored once.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesku import artefacts
from samesku import params as settings
from samesku.catalogue import listings as catalogue
from samesku.catalogue import title_tokens as tokens
from samesku.catalogue.listings import Listings
from samesku.evaluation import evaluate as judge
from samesku.evaluation import validation as val
from samesku.pairs import candidates, gallery
from samesku.pairs import outputs as verdicts
from samesku.pairs import two_rounds as reranker
from samesku.pairs.gallery import Evidence, Gallery
from samesku.pairs.pair_model import Learning
from samesku.pairs.two_rounds import FellBack, Learned, Reranked
from samesku.params import Decision
from samesku.params.rerank import Rerank
from samesku.search.exact import search_neighbours
from samesku.search.fusion import channel_weights, load_channels
from samesku.search.neighbours import stack_neighbours


def evidence(spec: Rerank) -> Evidence:
    """The channels and their weights, the titles' words, and what identifies each picture."""
    mix = spec.fusion
    table = pq.read_table(artefacts.LISTINGS, columns=["title", "image", "image_phash"])
    return Evidence(
        load_channels([*mix.image, *mix.title], artefacts.embedding),
        channel_weights(mix.image, mix.title, mix.alpha),
        tokens.read(table["title"].to_pylist()),
        {"file": identity(table["image"].to_pylist()), "hash": identity(table["image_phash"].to_pylist())},
    )


def identity(names: list[str]) -> NDArray[np.int64]:
    """One number for each distinct name, −1 for none."""
    distinct, at = np.unique(np.array(names, dtype=str), return_inverse=True)
    return np.where(distinct[at] == "", -1, at)


def rerank(found: Evidence, listings: Listings, spec: Rerank, k: int, threads: int) -> dict[str, Reranked]:
    """Both galleries of the table, reranked; only labels of val are looked at, and of train beside val's.

    Args:
        k: neighbours kept of each listing.
    """
    learning = Learning(**spec.model.model_dump(), threads=threads)
    done = {}
    for name, parts in catalogue.GALLERIES.items():
        ready: list[Gallery] = []
        for part in parts:
            rows = listings.gallery(part)
            plain = search_neighbours(found.fused, rows, spec.k)
            if part != "test":  # in `split`, val comes first, and its threshold serves test
                threshold = val.best_threshold(plain, listings, rows)
            ready.append(gallery.prepare(found, plain, spec.k, spec.blend, threshold))
        learned = reranker.learn(
            ready[0], val.known(listings), val.labelled(listings), listings.component, learning
        )
        done[name] = _finish(ready, learned, k, threads)
    return done


def _finish(
    ready: list[Gallery], learned: tuple[reranker.Reranker, reranker.Verdicts] | str, k: int, threads: int
) -> Reranked:
    if isinstance(learned, str):
        return FellBack(learned, stack_neighbours([one.plain for one in ready], k))
    model, own = learned
    said = [own, *(reranker.apply(model, one, threads) for one in ready[1:])]
    found = [
        candidates.as_neighbours(one.candidates, verdict.probability, k)
        for one, verdict in zip(ready, said, strict=True)
    ]
    return Learned(ready, said, model, stack_neighbours(found, k))


def main() -> str:
    params = settings.load()
    faiss.omp_set_num_threads(params.machine.threads)
    spec = params.rerank
    listings = catalogue.read(artefacts.LISTINGS)
    if not val.labelled(listings).any():
        verdicts.skip("rerank")
        return "skipped: no val listing has a label to learn from"
    found = evidence(spec)
    done = rerank(found, listings, spec, params.index.k, params.machine.threads)
    decision = Decision(kind="static", value=spec.value, at_least_one=spec.at_least_one)
    neighbours = {name: one.neighbours for name, one in done.items()}
    judged, full = judge.both(neighbours, listings, decision, params.groups)
    bands, figures = verdicts.bands(done, listings, spec)
    full |= figures
    short: dict[str, Any] = judge.in_short(full, artefacts.read_json(artefacts.SUMMARY))
    lacking = {name: one.lacking for name, one in done.items() if isinstance(one, FellBack)}
    # At most a dozen numbers make a row: what sample quarantined stands in every other one.
    del short["quarantined"]
    short["fallback"] = len(lacking)
    verdicts.write("rerank", done, judged, full, listings, found.channels, bands, params.groups)
    artefacts.write_json(artefacts.METRICS / "compare" / "rerank.json", short)
    told = "".join(f"; {name} falls back to the fused score: {why}" for name, why in lacking.items())
    return judge.describe(short) + told


if __name__ == "__main__":
    artefacts.run("rerank", main)
