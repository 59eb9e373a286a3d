"""evaluate: neighbours to matches by the decision, matches to F1 by the labels.

Reads data/neighbours/, listings.parquet, the sample's summary, the annotated pairs (which the groups and submission.csv
obey) and the channels of `fusion` (whose cosine each match shows). Writes metrics/samesku.json,
data/predictions/samesku/ and metrics/self_only.json: the F1 of every listing matched with itself alone, the floor of
all others.
"""

import numpy as np

from samesku import artefacts
from samesku.catalogue.listings import GALLERIES, read_links, read_listings
from samesku.evaluation import figures
from samesku.evaluation.decisions import compared_by, decide_galleries
from samesku.evaluation.predictions import write_predictions
from samesku.evaluation.rules import read_rules
from samesku.params import load_params
from samesku.search.fusion import load_channels
from samesku.search.neighbours import read_neighbours


def main() -> str:
    params = load_params()
    listings = read_listings(artefacts.LISTINGS, params.match)
    links = read_links(artefacts.LINKS / "all.parquet", len(listings))
    rules = read_rules(listings, params.match, params.groups)
    names = [*params.fusion.image, *params.fusion.title]
    channels = load_channels(names, artefacts.embedding_path, listings)

    neighbours = {}
    for gallery, parts in GALLERIES.items():
        queries = np.concatenate([listings.gallery(part) for part in parts])
        neighbours[gallery] = read_neighbours(artefacts.NEIGHBOURS / f"{gallery}.parquet", queries)
    compared = compared_by(listings, params.fusion)
    decisions = decide_galleries(neighbours, listings, params.decision, rules, compared)

    metrics = figures.all_metrics(decisions, listings, params.groups)
    folder = artefacts.PREDICTIONS / "samesku"
    write_predictions(folder, decisions, metrics, listings, channels, params.groups, links)
    short = figures.short_metrics(metrics)
    artefacts.write_json(artefacts.METRICS / "samesku.json", short)
    floor = figures.self_only_metrics(metrics, artefacts.read_json(artefacts.SUMMARY))
    artefacts.write_json(artefacts.METRICS / "self_only.json", floor)
    full = decisions["full"]
    return (
        figures.describe_metrics(short)
        + figures.describe_default(full, params.decision.kind)
        + figures.describe_full_lists(full)
    )


if __name__ == "__main__":
    artefacts.run_stage("evaluate", main)
