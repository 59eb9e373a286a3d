"""fuse: the channels of params.yaml's `fusion`, weighted into one row for each listing.

Reads data/embeddings/<channel>.npy by name; writes data/fused/ (vectors.npy, modality_masks.npy, weights.json).
"""

from __future__ import annotations

from samesku import artefacts
from samesku import params as settings
from samesku.search import fused_files as mixing


def main() -> str:
    spec = settings.load().fusion
    (rows, columns), weights = mixing.write(spec, artefacts.FUSED)
    mix = ", ".join(f"{name} {weight:.3g}" for name, weight in weights.items())
    return f"{rows} listings, {columns} columns ({spec.method}: {mix})"


if __name__ == "__main__":
    artefacts.run("fuse", main)
