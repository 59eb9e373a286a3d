"""fuse: the channels of `fusion` in params.yaml, weighted into one row for each listing.

Reads data/embeddings/<channel>.npy. Writes data/fused/: vectors.npy, modality_masks.npy (bit c is set where
a listing has channel c) and weights.json. The inner product of two rows is Σ w_c · cos_c; divided by the
weights of the channels that both listings have, it is their score. A block of listings is fused at a time.
Where listings have several pictures, a row for each further picture follows, and owner.npy says whose it is.
"""

from samesku import artefacts
from samesku.catalogue.listings import read_listings
from samesku.errors import InputError
from samesku.params import load_params
from samesku.search.fusion import (
    count_owners,
    count_rows,
    fuse_in_blocks,
    fusion_weights,
    load_channels,
    write_fused,
)


def main() -> str:
    fusion = load_params().fusion
    listings = read_listings(artefacts.LISTINGS)
    channels, owner = (
        load_channels([*fusion.image, *fusion.title], artefacts.embedding_path, listings),
        listings.owner,
    )
    weights = fusion_weights(fusion.image, fusion.title, fusion.alpha, channels)
    if not weights:
        filled = ", ".join(name for name, rows in channels.items() if rows.shape[1])
        raise InputError(
            f"fusion: no listing has a channel that has weight at fusion.alpha {fusion.alpha:g} (1: pictures alone, 0: "
            f"titles alone); allowed: weight for what listings have ({filled or 'none of these channels has rows'})"
        )
    n_rows = count_rows(channels, weights, owner)
    blocks = fuse_in_blocks(channels, weights, fusion.method, owner)
    rows, columns = write_fused(artefacts.FUSED, blocks, n_rows, list(weights), owner)
    total = sum(weights.values())  # below 1 where a side has no channel
    described = ", ".join(f"{name} {weight / total:.3g}" for name, weight in weights.items())
    counted = f"{rows} listings" if owner is None else f"{rows} pictures of {count_owners(owner)} listings"
    return f"{counted}, {columns} columns ({fusion.method}: {described})"


if __name__ == "__main__":
    artefacts.run_stage("fuse", main)
