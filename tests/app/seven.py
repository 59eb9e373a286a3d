"""A shop of seven listings, and what two systems found in it, on disk as the stages leave them.

    id  product  split  title
    a1  p        test   HOSTILE
    a2  p        test   Sabun 250 ml ★
    a3  p        test   Sabun cair
    b1  q        val    Tas A-12
    b2  q        val    Tas A13
    c1  r        train  Topi
    d1  none     train  Topi tua

`mix` matches a1 with a2 and b1, a2 with a1, b1 with d1. `judge`, which has a band to review, matches a1 with
a2 and a3.
"""

import csv
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from PIL import Image

from stages import artefacts
from stages.catalogue import thumbnails
from stages.catalogue.images import writing
from stages.matching import pairs
from tests.conftest import ROOT

HOSTILE = "😀 </script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> Sabun 500 ml"
SEVEN = {
    "a1": ("p", "test", HOSTILE),
    "a2": ("p", "test", "Sabun 250 ml ★"),
    "a3": ("p", "test", "Sabun cair"),
    "b1": ("q", "val", "Tas A-12"),
    "b2": ("q", "val", "Tas A13"),
    "c1": ("r", "train", "Topi"),
    "d1": (None, "train", "Topi tua"),
}
MIX = [("a1", "a2"), ("a1", "b1"), ("a2", "a1"), ("b1", "d1")]
JUDGE = [("a1", "a2"), ("a1", "a3")]
REVIEW = [("a2", "a3", 0.4), ("a1", "c1", 0.3), ("b1", "d1", 0.2)]


def angles(degrees):
    return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1).astype(np.float32)


def write(folder, rows=SEVEN, matches=MIX, labels=True, pictures=True):
    """params.yaml, data/sample, data/embeddings and the system `mix`: half picture, half title."""
    sample = folder / artefacts.SAMPLE
    sample.mkdir(parents=True)
    n = len(rows)
    label, split, title = zip(*rows.values(), strict=True)
    table = {
        "posting_id": list(rows),
        "title": list(title),
        "label_group": pa.array(label if labels else [None] * n, pa.string()),
        "component": pa.array(range(n), pa.int32()),
        "split": list(split),
    }
    pq.write_table(pa.table(table), folder / artefacts.LISTINGS)
    if pictures:
        with writing(folder / artefacts.THUMBNAILS) as writer:
            for i in range(n):
                writer.append(thumbnails.to_thumbnail(Image.new("RGB", (60, 40), (i * 37 % 256, 90, 160))))
    (folder / artefacts.EMBEDDINGS).mkdir(parents=True)
    np.save(folder / artefacts.embedding("cnn"), angles(np.arange(n) * 10.0))
    np.save(folder / artefacts.embedding("sbert"), angles(np.arange(n) * 20.0) * (np.arange(n) != 6)[:, None])
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    given = {"kind": "static", "value": 0.5}
    params["compare"] = {"mix": {"image": "cnn", "title": "sbert", "alpha": 0.5, "decision": given}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    system(folder, "mix", list(rows), matches, labels)


def similarities(folder, ids, found):
    """name -> float32 (P,), as the pipeline computes them."""
    left, right = (np.array([ids.index(pair[side]) for pair in found], dtype=int) for side in (0, 1))
    channels = {name: np.load(folder / artefacts.embedding(name)) for name in ("cnn", "sbert")}
    return pairs.similarities(channels, left, right)


def system(folder, name, ids, found, labels=True, more=None):
    """A system's folder: its matches with their scores, metrics and plots; `more`: further columns."""
    place = folder / artefacts.PREDICTIONS / name
    (place / "plots").mkdir(parents=True)
    similar = similarities(folder, ids, found)
    score = np.nanmean(np.stack(list(similar.values())), axis=0)
    columns = {
        "query": [a for a, _ in found],
        "match": [b for _, b in found],
        "score": score.astype(np.float32),
    }
    pq.write_table(pa.table(columns | similar | (more or {})), place / "matches.parquet")
    figures = {
        "f1": 0.7, "f1_low": 0.6, "f1_high": 0.8, "micro_f1": 0.4, "queries": 3, "gallery": 3,
        "precision": 0.75, "recall": 0.65, "strata": [{"listings": "03–05", "queries": 3, "f1": 0.7}],
    }  # fmt: skip
    metrics = {
        "val": figures | {"f1": 0.71},
        "test": figures,
        "test_full": figures | {"f1": 0.55, "gallery": 7},
    }
    told = (metrics if labels else {}) | {"threshold": {"split": 0.5, "full": 0.61}}
    (place / "metrics.json").write_text(json.dumps(told))
    if labels:
        plot(place, "threshold_static", "threshold,val_f1,test_f1", [(0.1, 0.4, 0.3), (0.5, 0.7, 0.7)])
        plot(place, "precision_recall_test", "recall,precision,threshold", [(0.2, 1, 0.9), (0.9, 0.5, 0.5)])
        plot(place, "scores", "low,high,true_pairs,false_pairs", [(0.0, 0.5, 1, 9), (0.5, 1.0, 3, 1)])
        plot(place, "importance", "feature,family,gain", [("cnn_rank", "cnn", 0.75)])


def plot(place, name, header, rows):
    with (place / "plots" / f"{name}.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])


def judge(folder):
    """The second system: probabilities, reasons, and pairs to review."""
    more = {
        "band": ["accept", "review"],
        "why_base": np.array([-1.0, -1.0], np.float32),
        "why_words": np.array([0.25, -2.0], np.float32),
        "why_cnn": np.array([1.5, 0.5], np.float32),
    }
    system(folder, "judge", list(SEVEN), JUDGE, more=more)
    review = dict(zip(("left", "right", "probability"), zip(*REVIEW, strict=True), strict=True))
    pd.DataFrame(review).astype({"probability": "float32"}).to_parquet(
        folder / artefacts.PREDICTIONS / "judge/review.parquet"
    )


def many(products):
    """(rows, matches) of products of three listings each: the first and second match each other, and the
    second also the next product's first; every fifth product is found whole, and matches nothing else."""
    rows, matches = {}, []
    for p in range(products):
        split = ("test", "val", "train")[p % 3]
        names = [f"id{p:03}{letter}" for letter in "xyz"]
        rows |= {name: (f"p{p}", split, f"Barang nomor{p} {name[-1]} {p * 10} gr") for name in names}
        x, y, _ = names
        if p % 5 == 0:
            matches += [(a, b) for a in names for b in names if a != b]
        else:
            matches += [(x, y), (y, x), (y, f"id{(p + 1) % products:03}x")]
    return rows, matches
