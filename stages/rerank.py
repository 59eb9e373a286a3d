"""rerank: candidate pairs by fusion and augmentation, scored by a pair model, beside the main system.

Every gallery has candidates, features and a pair model of its own. The labels of val teach the model, which
scores val out of fold, so that the scores of val may choose the calibration and every threshold. Test is
scored once. Where the labels cannot teach a model, the fused score stays.

Reads listings.parquet and the channels of `rerank.fusion`; writes metrics/compare/rerank.json,
data/predictions/rerank/ and data/models/rerank/.
"""

from collections.abc import Sequence

import faiss

from samesku import artefacts
from samesku.catalogue.listings import (
    GALLERIES,
    Listings,
    can_tune,
    read_links,
    read_listings,
    val_labelled,
    visible_products,
)
from samesku.evaluation import predictions
from samesku.evaluation.decisions import Rules, apply_rules, best_val_threshold, decide
from samesku.evaluation.rules import read_rules
from samesku.pairs.candidates import best_candidates, unite_candidates
from samesku.pairs.features import PairEvidence, PairFeatures, collect_evidence, describe_pairs
from samesku.pairs.labels import NotEnoughPairs, fit_folds, label_pairs
from samesku.pairs.outputs import RerankedGallery, add_pair_evidence, review_galleries, write_models
from samesku.pairs.pair_model import fit_pair_model
from samesku.params import Decision, load_params
from samesku.params.schema import Rerank
from samesku.search.exact import search_neighbours
from samesku.search.fusion import Fused, channel_weights, concatenate_channels, load_channels
from samesku.search.galleries import augment_rows, search_augmented
from samesku.search.neighbours import Neighbours, stack_neighbours

METRICS = artefacts.METRICS / "compare" / "rerank.json"


def find_candidates(
    evidence: PairEvidence,
    fused: Fused,
    listings: Listings,
    parts: Sequence[str],
    spec: Rerank,
    rules: Rules | None,
) -> tuple[list[Neighbours], list[PairFeatures]]:
    """For each part of a gallery its neighbours by the fused score, and its candidate pairs with features.

    Pairs of an equal GTIN are candidates where rules decide, and pairs of two GTINs are none.
    """
    searches, features = [], []
    for part in parts:
        neighbours = search_neighbours(fused, listings.gallery(part), spec.k, allowed=listings.allowed)
        rows, united, scored_rows = neighbours.query, [neighbours], {"fused": fused}
        if part != "test":  # val comes first, and its threshold serves test
            threshold, _ = best_val_threshold(neighbours, listings, rows)
        if spec.augmentation_steps:
            augmented = augment_rows(fused, neighbours, threshold)
            steps = spec.augmentation_steps - 1
            nearest, augmented = search_augmented(
                augmented, rows, spec.k, steps, threshold, allowed=listings.allowed
            )
            united.append(nearest)
            scored_rows["augmented"] = augmented
        if rules is not None:
            united = [apply_rules(nearest, rules, listings.allowed) for nearest in united]
        searches.append(neighbours)
        features.append(describe_pairs(unite_candidates(rows, united), evidence, scored_rows))
    return searches, features


def main() -> str:
    params = load_params()
    faiss.omp_set_num_threads(params.machine.threads)
    spec, k, threads = params.rerank, params.index.k, params.machine.threads
    listings = read_listings(artefacts.LISTINGS, params.match)
    product, labelled = visible_products(listings), val_labelled(listings)
    if not can_tune(listings):
        predictions.write_skipped(artefacts.PREDICTIONS / "rerank", METRICS)
        write_models(artefacts.MODELS / "rerank", {}, {}, {})
        return "skipped: val has no two labelled listings of one product to learn from"

    fusion = spec.fusion
    channels = load_channels([*fusion.image, *fusion.title], artefacts.embedding_path)
    evidence = collect_evidence(listings, channels)
    weights = channel_weights(fusion.image, fusion.title, fusion.alpha)
    fused = concatenate_channels(channels, weights, listings.owner)
    rules = read_rules(listings, params.match, params.groups)
    neighbours, reranked, fallbacks = {}, {}, {}
    for name, parts in GALLERIES.items():
        in_gallery = rules and rules.within(listings, name)
        searches, features = find_candidates(evidence, fused, listings, parts, spec, in_gallery)
        pairs = [part.candidates for part in features]
        try:
            fitted = fit_folds(spec.model, listings.component, labelled)
            labels = label_pairs(pairs[0], product, labelled, listings.component, fitted.folds, fitted.seed)
            model, val_scores = fit_pair_model(features[0], labels, fitted, threads)
        except NotEnoughPairs as error:
            neighbours[name], fallbacks[name] = stack_neighbours(searches, k), str(error)
            continue
        scores = [val_scores, *(model.score(part, threads) for part in features[1:])]
        best = [best_candidates(part, s.probability, k) for part, s in zip(pairs, scores, strict=True)]
        neighbours[name] = stack_neighbours(best, k)
        reranked[name] = RerankedGallery(features, scores, model)

    decision = Decision(kind="static", value=spec.value, at_least_one=spec.at_least_one)
    decisions = {
        name: decide(nearest, listings, decision, name, rules) for name, nearest in neighbours.items()
    }
    metrics = predictions.all_metrics(decisions, listings, params.groups)
    thresholds, review = review_galleries(reranked, listings, **spec.clerical_review.model_dump())
    reasons = {name: f"fused score: {reason}" for name, reason in fallbacks.items()}
    metrics |= {"model": dict.fromkeys(reranked, "pair model") | reasons, "clerical_review": review}

    links = read_links(artefacts.LINKS / "all.parquet")
    with artefacts.replace_out(artefacts.PREDICTIONS / "rerank") as partial:
        predictions.write_predictions(partial, decisions, metrics, listings, channels, params.groups, links)
        if "full" in reranked:
            add_pair_evidence(partial, reranked["full"], decisions["full"], listings, thresholds["full"])
    write_models(artefacts.MODELS / "rerank", reranked, decisions, thresholds)
    short = predictions.short_metrics(metrics)
    short["fallback"] = len(fallbacks)
    artefacts.write_json(METRICS, short)
    kept = [f"{name} keeps the {reason}" for name, reason in reasons.items()]
    return "; ".join([predictions.describe_metrics(short), *kept])


if __name__ == "__main__":
    artefacts.run_stage("rerank", main)
