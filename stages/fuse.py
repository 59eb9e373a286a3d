"""fuse: the channels of `fusion` in params.yaml, weighted into one row for each listing.

Reads data/embeddings/<channel>.npy. Writes data/fused/: vectors.npy, modality_masks.npy (bit c is set where
a listing has channel c) and weights.json. The inner product of two rows is Σ w_c · cos_c; divided by the
weights of the channels that both listings have, it is their score. A block of listings is fused at a time.
"""

from samesku import artefacts
from samesku.params import load_params
from samesku.search.fusion import count_listings, fuse_in_blocks, fusion_weights, load_channels, write_fused


def main() -> str:
    fusion = load_params().fusion
    channels = load_channels([*fusion.image, *fusion.title], artefacts.embedding_path)
    n_listings = count_listings(channels)
    weights = fusion_weights(fusion.image, fusion.title, fusion.alpha, channels)
    blocks = fuse_in_blocks(channels, weights, fusion.method)
    rows, columns = write_fused(artefacts.FUSED, blocks, n_listings, list(weights))
    described = ", ".join(f"{name} {weight:.3g}" for name, weight in weights.items())
    return f"{rows} listings, {columns} columns ({fusion.method}: {described})"


if __name__ == "__main__":
    artefacts.run_stage("fuse", main)
