"""Make data/examples/: pictures and a table of new listings for the commands of the README.

The pictures show products of the demo catalogue as another shop would post them, so that they have matches there.
"""

import csv
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from data.demo.listings import listings
from data.demo.params import load
from data.demo.products import invent
from samesku.artefacts import replace_out, run_stage

FAMILY = 851  # bottles of one hair oil, of 150 ml and of 200 ml
HERE = Path(__file__).parent
#: File -> (number of the product in the family, its listing).
PICTURES = {"a.jpg": (0, 0), "b.jpg": (1, 0), "q.jpg": (0, 1)}
NEW = (
    ("new-1", "Pirouma Moonlight hair oil olive 150 ml", "q.jpg"),
    ("new-2", "Minyak rambut Pirouma Moonlight zaitun 150ml", "a.jpg"),
    ("new-3", "Pirouma Moonlight hair oil olive 200 ml", "b.jpg"),
    ("new-4", "Bamboo cutting board 30 cm", ""),
)


def repost(jpeg: bytes) -> bytes:
    """The picture with its sides cut and a white border, as a JPEG."""
    with Image.open(BytesIO(jpeg)) as picture:
        width, height = picture.size
        cut = picture.convert("RGB").crop(
            (width // 20, height // 20, width - width // 20, height - height // 20)
        )
    out = BytesIO()
    ImageOps.expand(cut, border=8, fill="white").save(out, "JPEG", quality=85)
    return out.getvalue()


def main() -> str:
    params = load(HERE / "params.yaml")
    family = next(family for family in invent(params) if family.number == FAMILY)
    rows = listings(family, params)
    by_product = [[row for row in rows if row.product == product.number] for product in family.products]
    folder = HERE.parent / "examples"
    with replace_out(folder) as partial:
        partial.mkdir()
        for name, (product, listing) in PICTURES.items():
            (partial / name).write_bytes(repost(by_product[product][listing].jpeg))
        with (partial / "new.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("posting_id", "title", "image"), *NEW])
    return f"{len(PICTURES)} pictures and new.csv with {len(NEW)} listings"


if __name__ == "__main__":
    run_stage("examples", main)
