"""rerank: candidate pairs by fusion and augmentation, scored by a pair model, beside the main system.

Every gallery has candidates, features and a pair model of its own. The labels of val teach the model, which
scores val out of fold, so that the scores of val may choose the calibration and every threshold. Test is
scored once. Where the labels cannot teach a model, the fused score stays.

Reads listings.parquet and the channels of `rerank.fusion`; writes metrics/compare/rerank.json,
data/predictions/rerank/ and data/models/rerank/.
"""

from __future__ import annotations

from collections.abc import Sequence

import faiss

from samesku import artefacts
from samesku.annotations import links
from samesku.catalogue.listings import (
    GALLERIES,
    Listings,
    read_listings,
    val_labelled,
    visible_products,
)
from samesku.catalogue.title_tokens import tokenize_titles
from samesku.evaluation import evaluate as judge
from samesku.evaluation import predictions, validation
from samesku.pairs.candidates import best_candidates, unite_candidates
from samesku.pairs.features import PairEvidence, PairFeatures, describe_pairs, number_distinct
from samesku.pairs.labels import NotEnoughPairs, label_pairs
from samesku.pairs.outputs import RerankedGallery, add_pair_evidence, review_gallery, write_models
from samesku.pairs.pair_model import PairModelSettings, fit_pair_model
from samesku.params import Decision, load_params
from samesku.params.schema import Rerank
from samesku.search.augmentation import augment_rows, search_augmented
from samesku.search.exact import search_neighbours
from samesku.search.fusion import Fused, channel_weights, concatenate_channels, load_channels
from samesku.search.neighbours import Neighbours, stack_neighbours


def fuse_evidence(listings: Listings, spec: Rerank) -> tuple[PairEvidence, Fused]:
    """What the features of pairs are computed from, and the fused rows in which candidates are searched."""
    channels = load_channels([*spec.fusion.image, *spec.fusion.title], artefacts.embedding_path)
    weights = channel_weights(spec.fusion.image, spec.fusion.title, spec.fusion.alpha)
    pictures = {"file": number_distinct(listings.image), "hash": number_distinct(listings.image_phash)}
    evidence = PairEvidence(channels, tokenize_titles(listings.title), pictures)
    return evidence, concatenate_channels(channels, weights)


def find_candidates(
    evidence: PairEvidence, fused: Fused, listings: Listings, parts: Sequence[str], spec: Rerank
) -> tuple[list[Neighbours], list[PairFeatures]]:
    """For each part of a gallery its neighbours by the fused score, and its candidate pairs with features."""
    searches, features = [], []
    for part in parts:
        neighbours = search_neighbours(fused, listings.gallery(part), spec.k)
        rows, united, scored_rows = neighbours.query, [neighbours], {"fused": fused}
        if part != "test":  # val comes first, and its threshold serves test
            threshold = validation.best_threshold(neighbours, listings, rows)
        if spec.augmentation_steps:
            augmented = augment_rows(fused, neighbours, threshold)
            steps = spec.augmentation_steps - 1
            nearest, augmented = search_augmented(augmented, rows, spec.k, steps, threshold)
            united.append(nearest)
            scored_rows["augmented"] = augmented
        searches.append(neighbours)
        features.append(describe_pairs(unite_candidates(rows, united), evidence, scored_rows))
    return searches, features


def main() -> str:
    params = load_params()
    faiss.omp_set_num_threads(params.machine.threads)
    spec, k, threads = params.rerank, params.index.k, params.machine.threads
    listings = read_listings(artefacts.LISTINGS)
    product, labelled = visible_products(listings), val_labelled(listings)
    if not labelled.any():
        return skip()

    evidence, fused = fuse_evidence(listings, spec)
    model_settings = PairModelSettings(**spec.model.model_dump(), threads=threads)
    neighbours, reranked, fallbacks = {}, {}, {}
    for name, parts in GALLERIES.items():
        searches, features = find_candidates(evidence, fused, listings, parts, spec)
        pairs = [part.candidates for part in features]
        labels = label_pairs(
            pairs[0], product, labelled, listings.component, spec.model.folds, spec.model.seed
        )
        try:
            model, val_scores = fit_pair_model(features[0], labels, model_settings)
        except NotEnoughPairs as error:
            neighbours[name], fallbacks[name] = stack_neighbours(searches, k), str(error)
            continue
        scores = [val_scores, *(model.score(part, threads) for part in features[1:])]
        best = [
            best_candidates(part, part_scores.probability, k)
            for part, part_scores in zip(pairs, scores, strict=True)
        ]
        neighbours[name] = stack_neighbours(best, k)
        reranked[name] = RerankedGallery(features, scores, model, neighbours[name])

    decision = Decision(kind="static", value=spec.value, at_least_one=spec.at_least_one)
    decisions, full = judge.both(neighbours, listings, decision, params.groups)
    full["model"] = dict.fromkeys(reranked, "pair model") | {
        name: f"fused score: {reason}" for name, reason in fallbacks.items()
    }
    full["clerical_review"], thresholds = {}, {}
    for name, gallery in reranked.items():
        thresholds[name], figures = review_gallery(
            gallery, listings, product, **spec.clerical_review.model_dump()
        )
        full["clerical_review"][name] = artefacts.round_floats(figures)

    folder = artefacts.PREDICTIONS / "rerank"
    annotations = links.read(artefacts.LINKS / "all.parquet")
    predictions.write("rerank", decisions, full, listings, evidence.channels, params.groups, annotations)
    if "full" in reranked:
        add_pair_evidence(folder, reranked["full"], decisions["full"].keep, listings, thresholds["full"])
    write_models(artefacts.MODELS / "rerank", reranked, decisions, thresholds)
    short = judge.in_short(full, artefacts.read_json(artefacts.SUMMARY))
    del short["quarantined"]  # at most a dozen numbers make a row, and every other row has it
    short["fallback"] = len(fallbacks)
    artefacts.write_json(artefacts.METRICS / "compare" / "rerank.json", short)
    reasons = "".join(
        f"; {name} falls back to the fused score: {reason}" for name, reason in fallbacks.items()
    )
    return judge.describe(short) + reasons


def skip() -> str:
    """Write the empty outs of a catalogue without labels."""
    artefacts.write_json(artefacts.METRICS / "compare" / "rerank.json", {"skipped": 1})
    for folder in (artefacts.PREDICTIONS / "rerank", artefacts.MODELS / "rerank"):
        with artefacts.replace_out(folder) as beside:
            beside.mkdir()
    return "skipped: no val listing has a label to learn from"


if __name__ == "__main__":
    artefacts.run_stage("rerank", main)
