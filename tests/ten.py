"""The five listings twice, as val and as test, on disk as `sample` and `embed_zero_shot` leave them."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tests.conftest import ROOT
from tests.five import IMAGE, PRODUCT, TITLE

IDS = [f"{letter}{copy}" for copy in "12" for letter in "abcde"]  # ascending within a copy
ORDER = sorted(range(10), key=lambda i: IDS[i])


def write(folder, labels=True, params=None):
    """data/sample and data/embeddings below `folder`, and params.yaml as shipped but for `params`."""
    sample, embeddings = folder / "data/sample", folder / "data/embeddings"
    sample.mkdir(parents=True)
    embeddings.mkdir(parents=True)
    label = np.concatenate([PRODUCT, PRODUCT + 2]).astype(str)[ORDER]
    split = np.repeat(["val", "test"], 5)[ORDER]
    table = {
        "row": pa.array(range(10), pa.int32()),
        "posting_id": sorted(IDS),
        "title": ["title"] * 10,
        "image": ["x.jpg"] * 10,
        "image_phash": [""] * 10,
        "label_group": pa.array(label.tolist() if labels else [None] * 10, pa.string()),
        "component": pa.array(label.astype(np.int32)),
        "split": split.tolist(),
        "has_image": [True] * 10,
    }
    pq.write_table(pa.table(table), sample / "listings.parquet")
    (sample / "quarantine.csv").write_text(
        "row,posting_id,file,reason\n3,b9,,no modality\n4,a1,x.jpg,truncated\n5,=bad id,,invalid id\n"
    )
    (sample / "summary.json").write_text(
        json.dumps({"quarantined": 3, "leaks": {"label": 0, "near_phash": 4}})
    )
    # The copies turn their spaces by a quarter, so that a listing scores nothing but 0 with the other copy's
    # first axis: within a copy every score is that of the five.
    for name, rows in (("cnn", IMAGE), ("sbert", TITLE)):
        none = np.zeros_like(rows)
        wide = np.concatenate([np.concatenate([rows, none], 1), np.concatenate([none, rows], 1)])
        np.save(embeddings / f"{name}.npy", wide[ORDER])
    for name in ("phash", "tfidf"):  # channels that nobody has
        np.save(embeddings / f"{name}.npy", np.zeros((10, 0), np.float32))
    write_params(folder, params)


def write_params(folder, params=None):
    """params.yaml as shipped, but for the ten's channels and `params`."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    content["fusion"] |= {"image": {"cnn": 1.0, "phash": 0.2}, "title": {"sbert": 1.0, "tfidf": 1.0}}
    for key, value in (params or {}).items():
        group, last = key.split(".")
        content[group][last] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
