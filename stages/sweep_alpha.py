"""sweep_alpha: F1 of the main system against α, exactly, on the val and test split galleries.

Beside the main road, so that trying an α does not pay for the sweep: it reads the channels and the shares
within each modality, not α. At each α the threshold is tuned on val where params.yaml says tune. Writes
data/sweep/alpha.csv.
"""

from __future__ import annotations

import csv

from threadpoolctl import threadpool_limits

from samesku import artefacts
from samesku import params as settings
from samesku.catalogue import listings as catalogue
from samesku.catalogue.listings import Listings
from samesku.evaluation import evaluate as judge
from samesku.evaluation import galleries
from samesku.params import Decision, Fusion
from samesku.search import alpha_sweep as alpha
from samesku.search import fused_files as mixing
from samesku.search import fusion

ALPHAS = [step / 20 for step in range(21)]


def sweep(spec: Fusion, listings: Listings, decision: Decision, k: int) -> list[dict[str, float]]:
    """Rows {alpha, val_f1, test_f1}; none where nothing is labelled or the method has no sides."""
    if spec.method != "concat" or not (listings.product[listings.gallery("val")] >= 0).any():
        return []
    channels = mixing.load_channels([*spec.image, *spec.title])
    of_image, of_title = mixing.present(spec, channels)
    image = fusion.concatenate(channels, fusion.channel_weights(of_image, {}, 1.0))
    title = fusion.concatenate(channels, fusion.channel_weights({}, of_title, 0.0))
    found = [
        dict(alpha.sweep(image, title, listings.gallery(part), k, ALPHAS))
        for part in catalogue.GALLERIES["split"]
    ]
    rows = []
    for value in ALPHAS:
        judged = judge.judge(galleries.stack([part[value] for part in found], k), listings, decision, "split")
        means = {f"{split}_f1": judged.f1[judged.split == split] for split in ("val", "test")}
        rows.append({"alpha": value} | {key: f1.mean() for key, f1 in means.items() if len(f1)})
    return rows


def main() -> str:
    params = settings.load()
    threadpool_limits(params.machine.threads)
    listings = catalogue.read(artefacts.LISTINGS)
    rows = artefacts.rounded(sweep(params.fusion, listings, params.decision, params.index.k))
    with (
        artefacts.replacing(artefacts.SWEEP / "alpha.csv") as beside,
        beside.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, ["alpha", "val_f1", "test_f1"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    if not rows:
        return "skipped: nothing to sweep without labels, or with method average"
    best = max(rows, key=lambda row: row["val_f1"])
    return f"{len(rows)} values, best on val α {best['alpha']:g} (val f1 {best['val_f1']:.4f})"


if __name__ == "__main__":
    artefacts.run("sweep_alpha", main)
