"""A market of some hundred listings, drawn by a seed: products in families that only numbers tell apart."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WORDS = ["masker", "sabun", "botol", "tas", "kabel", "serum", "celana", "lampu", "buku", "kopi"]
NOISE = ["murah", "promo", "original", "cod", "grosir", "ready"]


def draw(products=120, seed=0):
    """listings.parquet's columns and two channels, name -> float32 (N, d).

    Products 2i and 2i + 1 are one family: equal words and nearby vectors, another size or model number.
    """
    rng = np.random.default_rng(seed)
    sizes = rng.choice([2, 2, 3, 4, 6], products)
    product = np.repeat(np.arange(products), sizes)
    n = len(product)
    family = rng.normal(size=(products, 16))[product // 2 * 2]
    own = rng.normal(size=(products, 16))[product]
    channels = {}
    for name, clear in (("picture", 0.7), ("title", 0.4)):
        rows = family + clear * own + 0.7 * rng.normal(size=(n, 16))
        rows[rng.random(n) < (0.2 if name == "picture" else 0.02)] = 0
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        channels[name] = np.divide(rows, length, out=rows, where=length > 0).astype(np.float32)
    titles = [
        f"{rng.choice(NOISE)} {WORDS[p // 2 % 10]} seri{p // 2} {(250, 500)[p % 2]} ml {rng.choice(NOISE)}"
        for p in product
    ]
    shuffled = rng.permutation(n)
    split = np.array(["train", "val", "test"])[rng.permutation(np.arange(products) % 3)][product]
    hashes = rng.integers(0, 2**63, products)[product]
    ids = [f"id{i:04d}" for i in range(n)]
    columns = {
        "row": np.arange(n, dtype=np.int32),
        "posting_id": ids,
        "title": [titles[i] for i in shuffled],
        "image": [""] * n,
        "image_phash": [f"{hashes[i]:016x}" if rng.random() < 0.5 else "" for i in shuffled],
        "label_group": [f"p{product[i]}" for i in shuffled],
        "component": product[shuffled].astype(np.int32),
        "split": split[shuffled].tolist(),
        "has_image": [False] * n,
    }
    return columns, {name: rows[shuffled] for name, rows in channels.items()}


def write(folder, columns, channels):
    """data/sample and data/embeddings below `folder`, as `sample` and `embed_zero_shot` leave them."""
    sample, embeddings = folder / "data/sample", folder / "data/embeddings"
    sample.mkdir(parents=True, exist_ok=True)
    embeddings.mkdir(parents=True, exist_ok=True)
    table = columns | {"label_group": pa.array(columns["label_group"], pa.string())}
    pq.write_table(pa.table(table), sample / "listings.parquet")
    (sample / "quarantine.csv").write_text("row,posting_id,file,reason\n")
    (sample / "summary.json").write_text(json.dumps({"quarantined": 0, "leaks": {"label": 0}}))
    for name, rows in channels.items():
        np.save(embeddings / f"{name}.npy", rows)
