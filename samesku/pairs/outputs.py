"""What rerank writes beside every system's predictions: why each match, bands, models."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from samesku import artefacts
from samesku.annotations import links
from samesku.catalogue.listings import Listings
from samesku.evaluation import predictions
from samesku.evaluation import relevance as truth
from samesku.evaluation import validation as val
from samesku.pairs import calibration
from samesku.pairs import clerical_review as banding
from samesku.pairs import two_rounds as reranker
from samesku.pairs.clerical_review import Bands
from samesku.pairs.two_rounds import FellBack, Learned, Reranked
from samesku.params.rerank import Groups, Rerank

if TYPE_CHECKING:
    from samesku.evaluation.evaluate import Judged

MODELS = artefacts.MODELS / "rerank"
SHOWN = 30  # features in the plot of importances


def skip(system: str) -> None:
    """The empty outs of a stage that does not apply."""
    artefacts.write_json(artefacts.METRICS / "compare" / f"{system}.json", {"skipped": 1})
    for folder in (artefacts.PREDICTIONS / system, MODELS):
        with artefacts.replacing(folder) as beside:
            beside.mkdir()


def bands(
    done: Mapping[str, Reranked], listings: Listings, spec: Rerank
) -> tuple[dict[str, Bands], dict[str, Any]]:
    """Each gallery's bands, with edges from val, and what metrics.json says of them and of the model.

    A pair is counted once for each of its sides that is a query of the split.
    """
    found: dict[str, Bands] = {}
    told: dict[str, Any] = {"model": {}, "bands": {}}
    for name, one in done.items():
        if isinstance(one, FellBack):
            told["model"][name] = f"fused score: {one.lacking}"
            continue
        told["model"][name] = "pair model"
        seen = {split: _directed(one, listings, split) for split in ("val", "test")}
        probability, same, component, _ = seen["val"]
        targets = spec.bands.model_dump()
        found[name] = banding.edges(probability, same, component, **targets)
        told["bands"][name] = {"accept": found[name].accept, "reject": found[name].reject} | {
            split: banding.figures(found[name], p, y, n_relevant)
            | {"calibration_error": calibration.error(p, y)}
            for split, (p, y, _, n_relevant) in seen.items()
            if len(p)
        }
    return found, artefacts.rounded(told)


def _directed(
    one: Learned, listings: Listings, split: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int32], int]:
    """Of a split's queries: their candidates' probability, truth and component, and the pairs to find."""
    at = -1 if split == "test" else 0
    pool, verdicts = one.galleries[at].candidates, one.verdicts[at]
    owner, pair = pool.sides
    other = pool.rows[pool.left[pair] + pool.right[pair] - owner]
    query = pool.rows[owner]
    product = val.known(listings) if split == "val" else listings.product
    asks = (listings.split[query] == split) & (product[query] >= 0)
    same = product[query] == product[other]
    asked = pool.rows[(listings.split[pool.rows] == split) & (product[pool.rows] >= 0)]
    n_relevant = int(truth.n_relevant(product, asked, pool.rows).sum())
    return verdicts.probability[pair[asks]], same[asks], listings.component[query[asks]], n_relevant


def write(
    system: str,
    done: Mapping[str, Reranked],
    judged: dict[str, Judged],
    full: dict[str, Any],
    listings: Listings,
    channels: Mapping[str, NDArray[np.float32]],
    edges: Mapping[str, Bands],
    groups: Groups,
) -> None:
    """A system's predictions, and with them the reasons of each match, the pairs to review, the models."""
    said = links.read(artefacts.LINKS / "all.parquet")
    predictions.write(system, judged, full, listings, channels, groups, said)
    folder = artefacts.PREDICTIONS / system
    whole = done["full"]
    if not isinstance(whole, FellBack):
        keep, neighbours = judged["full"].keep, whole.neighbours
        at, rank = np.nonzero(keep)
        pair = whole.galleries[0].candidates.find(neighbours.query[at], neighbours.neighbour[at, rank])
        with artefacts.replacing(folder) as beside:
            shutil.copytree(folder, beside)
            matches = pq.read_table(beside / "matches.parquet")
            pq.write_table(_with_reasons(matches, whole, pair, edges["full"]), beside / "matches.parquet")
            pq.write_table(_review(whole, listings, edges["full"]), beside / "review.parquet")
            _write_importances(whole, beside / "plots" / "importance.csv")
    _write_models(done, judged, edges)


def _with_reasons(table: pa.Table, whole: Learned, pair: NDArray[np.intp], edges: Bands) -> pa.Table:
    said = whole.verdicts[0]
    band = np.array(banding.NAMES)[edges(said.probability[pair])]
    table = table.append_column("band", pa.array(band.tolist(), pa.string()))
    distinct, place = np.unique(pair, return_inverse=True)
    for family, moved in reranker.reasons(whole.model, whole.galleries[0], said, distinct).items():
        table = table.append_column(f"why_{family}", pa.array(moved[place]))
    return table


def _review(whole: Learned, listings: Listings, edges: Bands) -> pa.Table:
    """review.parquet: the pairs that a person should see, likeliest first."""
    probability = whole.verdicts[0].probability
    pair = np.flatnonzero(edges(probability) == banding.NAMES.index("review"))
    pair = pair[np.argsort(-probability[pair], kind="stable")]
    left, right = whole.galleries[0].candidates.pairs
    return pa.table(
        {
            "left": pa.array(listings.posting_id[left[pair]], pa.string()),
            "right": pa.array(listings.posting_id[right[pair]], pa.string()),
            "probability": probability[pair].astype(np.float32),
        }
    )


def _write_importances(whole: Learned, path: Path) -> None:
    rows = reranker.importances(whole.model, whole.galleries[0].features.families)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["feature", "family", "gain"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(artefacts.rounded(rows[:SHOWN]))


def _write_models(
    done: Mapping[str, Reranked], judged: dict[str, Judged], edges: Mapping[str, Bands]
) -> None:
    """data/models/rerank/<gallery>/: LightGBM's text files, and the numbers that go with them as JSON."""
    with artefacts.replacing(MODELS) as beside:
        beside.mkdir()
        for name, one in done.items():
            if isinstance(one, FellBack):
                continue
            (beside / name).mkdir()
            one.model.save(beside / name)
            numbers = {
                "curve": one.model.curve.plain(),
                "threshold": judged[name].threshold,
                "floor": judged[name].floor,
                "bands": {"accept": edges[name].accept, "reject": edges[name].reject},
            }
            artefacts.write_json(beside / name / "numbers.json", numbers)
