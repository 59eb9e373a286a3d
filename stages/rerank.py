"""rerank: candidate pairs by fusion and augmentation, scored by a pair model, beside the main system.

Each gallery has a pair model. In the full gallery, which has train's listings too, the labels of train and val teach
the model; of two train listings it does not see what a tower says that was trained on their labels. In the split
galleries val teaches alone. Annotated pairs teach in the full gallery, but for those of test. Val is scored out of
fold, so that its scores may choose the calibration and every threshold. Without enough labels, the fused score stays.
A trained pair reader reads uncertain pairs for the second round. Matches are decided by a threshold; where that is
better on val, by clusters of the matches. Reads listings.parquet, annotated pairs, the channels of `rerank.fusion`
and data/models/reader/; writes metrics/rerank.json, predictions/rerank/ and models/rerank/ of data/.
"""

import faiss

from samesku import artefacts
from samesku.catalogue.listings import (
    GALLERIES,
    can_tune,
    read_links,
    read_listings,
    val_labelled,
    visible_products,
)
from samesku.evaluation import figures
from samesku.evaluation.annotated import AnnotatedPairs
from samesku.evaluation.cluster_decisions import decide_by_clusters
from samesku.evaluation.decisions import decide_galleries
from samesku.evaluation.predictions import write_predictions, write_skipped
from samesku.evaluation.rules import read_rules
from samesku.pairs.candidate_search import find_candidates
from samesku.pairs.candidates import best_candidates
from samesku.pairs.evidence import collect_evidence
from samesku.pairs.labels import NotEnoughPairs, label_pairs, limit_folds
from samesku.pairs.outputs import NO_MODEL, RerankedGallery, add_pair_evidence, review_galleries, write_models
from samesku.pairs.pair_model import fit_pair_model
from samesku.pairs.run_pairs import AskingSettings, write_run
from samesku.pairs.uncertain_pairs import open_reader
from samesku.params import Decision, load_params
from samesku.search.fusion import channel_weights, concatenate_channels, load_channels
from samesku.search.galleries import open_search
from samesku.search.neighbours import stack_neighbours
from samesku.workers.blocks import open_block_workers


def main() -> str:
    params = load_params()
    faiss.omp_set_num_threads(params.machine.threads)
    spec, fusion, k, threads = params.rerank, params.rerank.fusion, params.index.k, params.machine.threads
    listings = read_listings(artefacts.LISTINGS, params.match)
    product, val, component = visible_products(listings), val_labelled(listings), listings.component
    if not can_tune(listings):
        reason = "val has no two labelled listings of one product to learn from"
        write_skipped(artefacts.PREDICTIONS / "rerank", artefacts.METRICS / "rerank.json", reason)
        artefacts.write_skipped(artefacts.MODELS / "rerank", reason)
        return f"skipped: {reason}"

    channels = load_channels([*fusion.image, *fusion.title], artefacts.embedding_path, listings)
    towers = channels.keys() - params.channels.keys()
    evidence = collect_evidence(listings, channels)
    weights = channel_weights(fusion.image, fusion.title, fusion.alpha)
    fused = concatenate_channels(channels, weights, listings.owner)
    rules = read_rules(listings, params.match, params.groups)
    links = read_links(artefacts.LINKS / "all.parquet", len(listings))
    annotated = AnnotatedPairs.of_links(links.within(listings.split != "test"), listings)
    read = open_reader(artefacts.MODELS / "reader", listings, params)  # None where the pair reader is off
    with open_search(params.index, params.machine, len(listings)) as search:
        described = {
            name: find_candidates(
                evidence, fused, towers, listings, parts, spec, rules and rules.within(listings, name), search
            )
            for name, parts in GALLERIES.items()
        }
    del fused  # gigabytes of a large catalogue, which nothing below needs
    neighbours, reranked, models = {}, {}, {}
    with open_block_workers(params.machine) as map_blocks:
        for name, (searches, features) in described.items():
            pairs = [part.candidates for part in features]
            is_full = name == "full"  # train is searched in the full gallery alone
            teaching, of_people = (product >= 0, annotated) if is_full else (val, None)
            try:
                fitted = limit_folds(spec.model, component, val)
                labels = label_pairs(pairs[0], product, val, teaching, component, fitted, of_people)
                model, val_scores = fit_pair_model(features[0], labels, fitted, threads, read, map_blocks)
            except NotEnoughPairs as error:
                by_fused_score = [part.neighbours[0] for part in searches]
                neighbours[name], models[name] = stack_neighbours(by_fused_score, k), f"{NO_MODEL}{error}"
                continue
            scores = [val_scores, *(model.score(part, map_blocks, read) for part in features[1:])]
            best = [best_candidates(part, s.probability, k) for part, s in zip(pairs, scores, strict=True)]
            neighbours[name] = stack_neighbours(best, k)
            reranked[name] = RerankedGallery(features, scores, model)
            models[name] = f"pair model taught by {'train and val' if (teaching & ~val).any() else 'val'}"

    decision = Decision(kind="static", value=spec.value, at_least_one=spec.at_least_one)
    decisions = by_threshold = decide_galleries(neighbours, listings, decision, rules)
    if spec.value == "tune" and not spec.at_least_one:
        groups = params.groups.model_copy(update={"link_density": spec.link_density})
        decisions = decide_by_clusters(by_threshold, listings, groups)
    decided_by = {n: "threshold" if decisions[n] is by_threshold[n] else "clusters" for n in decisions}
    metrics = figures.all_metrics(decisions, listings, params.groups)
    thresholds, review = review_galleries(reranked, listings, **spec.clerical_review.model_dump())
    metrics |= {"model": models, "decided_by": decided_by, "clerical_review": review}
    full = reranked.get("full")
    with artefacts.replace_out(artefacts.PREDICTIONS / "rerank") as partial:
        write_predictions(partial, decisions, metrics, listings, channels, params.groups, links)
        if full:
            add_pair_evidence(partial, full, decisions["full"], listings, thresholds["full"], links)
    with artefacts.replace_out(artefacts.MODELS / "rerank") as partial:
        write_models(partial, reranked, decisions, thresholds)
        if full:
            of_full, decided = described["full"][0][0], by_threshold["full"]
            settings = AskingSettings.of_run(weights, evidence, of_full, decided.threshold, decided.min_score)
            write_run(
                partial / "full", of_full, spec.k, full.features[0].candidates, full.scores[0], settings
            )
    short = figures.short_metrics(metrics) | {"fallback": len(models) - len(reranked)}
    artefacts.write_json(artefacts.METRICS / "rerank.json", short)
    lines = [f"{name}: {model}, decided by {decided_by[name]}" for name, model in models.items()]
    return "; ".join([figures.describe_metrics(short), *lines])


if __name__ == "__main__":
    artefacts.run_stage("rerank", main)
