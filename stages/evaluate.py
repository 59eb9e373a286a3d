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
from samesku.evaluation import predictions
from samesku.search.fusion import load_channels
from samesku.search.galleries import read_galleries


def main() -> str:
    params = settings.load()
    listings = catalogue.read(artefacts.LISTINGS)
    neighbours = read_galleries(artefacts.NEIGHBOURS, listings)
    judged, full = judge.both(neighbours, listings, params.decision, params.groups)
    channels = load_channels([*params.fusion.image, *params.fusion.title], artefacts.embedding)
    said = links.read(artefacts.LINKS / "all.parquet")
    predictions.write("samesku", judged, full, listings, channels, params.groups, said)
    short = judge.in_short(full, artefacts.read_json(artefacts.SUMMARY))
    artefacts.write_json(artefacts.METRICS / "samesku.json", short)
    return judge.describe(short)


if __name__ == "__main__":
    artefacts.run("evaluate", main)
