"""A small catalogue on which the pipeline's own stages have run, with tiny networks."""

import contextlib
import csv

import numpy as np
import yaml
from PIL import Image, ImageDraw, ImageFilter

from stages import embed_zero_shot, evaluate, fuse, index, review, sample, train_pxk
from tests import tiny
from tests.conftest import ROOT

PRODUCTS = 16
WORDS = ["oil", "tea", "soap", "lamp", "case", "shoe", "rice", "mug"]


def picture(product, copy):
    """Coloured shapes, the same for a product but for noise and a frame."""
    own, noise = np.random.default_rng(product), np.random.default_rng(1000 * copy + product)
    image = Image.new("RGB", (260 + 20 * copy, 240), tuple(own.integers(60, 255, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, w, h = own.integers(0, 160, 4).tolist()
        draw.ellipse((x, y, x + w + 20, y + h + 20), fill=tuple(own.integers(0, 255, 3).tolist()))
    draw.rectangle((0, 0, 20 * copy, 240), fill=tuple(noise.integers(0, 255, 3).tolist()))
    return image.filter(ImageFilter.GaussianBlur(copy))


def rows():
    """Two or three listings of each product; some have no picture, some no title, one a hash alone."""
    found = []
    for product in range(PRODUCTS):
        for copy in range(2 + product % 2):
            name = f"p{product:02d}{'abc'[copy]}"
            seller, size = "super" if copy else "best", (250, 500)[product // 8]
            title = f"{WORDS[product % 8]} {seller} {size} ml seri {product}"
            found.append(
                {
                    "posting_id": name,
                    "title": "" if name in ("p03b", "p10a") else title,
                    "image": "" if name in ("p04a", "p11b", "p05c") else f"{name}.png",
                    "image_phash": "00ff00ff00ff00f1" if name == "p05c" else "",
                    "label_group": f"g{product}",
                }
            )
    return found


def write_csv(path, found):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["posting_id", "title", "image", "image_phash", "label_group"])
        writer.writeheader()
        writer.writerows(found)


def build(folder):
    """Run the main road in `folder`: networks for pictures (one is trained) and titles, hash, TF-IDF."""
    pictures = folder / "shop/images"
    pictures.mkdir(parents=True)
    for row in rows():
        if row["image"]:
            product, copy = int(row["posting_id"][1:3]), "abc".index(row["posting_id"][3])
            picture(product, copy).save(pictures / row["image"])
    write_csv(folder / "shop/listings.csv", rows())
    model, weights = tiny.timm(folder / "weights")
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    params["data"] |= {"source": "shop", "n_listings": None, "image_size": 64, "max_quarantined": 1.0}
    params["split"]["shares"] = {"train": 0.4, "val": 0.3, "test": 0.3}
    params["embed"] |= {"batch_size": 8, "precision": "fp32"}
    params["machine"] |= {"device": "cpu", "workers": 0, "threads": 1}
    params["channels"]["cnn"] |= {"model": model, "weights": str(weights)}
    params["channels"]["sbert"] |= {
        "model": "t",
        "weights": str(tiny.bert(folder / "bert")),
        "pooling": "mean",
    }
    params["train"] = {
        "pxk": {
            "towers": ["image"], "image": "cnn", "title": "sbert", "P": 2, "K": 2, "epochs": 1,
            "max_steps": 2, "unfreeze_blocks": 1, "lr": 0.01,
        }
    }  # fmt: skip
    params["compare"] = {}
    params["fusion"] = {
        "alpha": 0.6,
        "image": {"pxk_image": 1.0, "cnn": 0.5, "phash": 0.2},
        "title": {"sbert": 1.0, "tfidf": 1.0},
    }  # fmt: skip
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    with contextlib.chdir(folder):
        sample.main()
        review.main()
        for channel in ("cnn", "phash", "sbert", "tfidf"):
            embed_zero_shot.main(channel)
        train_pxk.main("pxk")
        for stage in (fuse, index, evaluate):
            stage.main()
    return folder
