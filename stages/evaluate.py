"""evaluate: neighbours to matches by the decision, matches to F1 by the labels.

Reads data/neighbours/, listings.parquet, the sample's summary and the channels of `fusion` (for each match's
similarities); writes metrics/samesku.json and data/predictions/samesku/.
"""

from __future__ import annotations

from samesku import artefacts
from samesku import params as settings
from samesku.annotations import links
from samesku.catalogue import listings as catalogue
from samesku.evaluation import evaluate as judge
from samesku.evaluation import galleries, predictions
from samesku.search import fused_files as mixing


def main() -> str:
    params = settings.load()
    listings = catalogue.read(artefacts.LISTINGS)
    neighbours = {
        name: galleries.read(artefacts.NEIGHBOURS / f"{name}.parquet", listings, name)
        for name in catalogue.GALLERIES
    }
    judged, full = judge.both(neighbours, listings, params.decision, params.groups)
    channels = mixing.load_channels([*params.fusion.image, *params.fusion.title])
    said = links.read(artefacts.LINKS / "all.parquet")
    predictions.write("samesku", judged, full, listings, channels, params.groups, said)
    short = judge.in_short(full, artefacts.read_json(artefacts.SUMMARY))
    artefacts.write_json(artefacts.METRICS / "samesku.json", short)
    return judge.describe(short)


if __name__ == "__main__":
    artefacts.run("evaluate", main)
