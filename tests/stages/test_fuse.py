"""fuse: what it writes block by block is what is fused at once."""

import numpy as np
import pytest

from samesku import artefacts
from samesku.catalogue.listings import read_listings
from samesku.errors import InputError
from samesku.search import fusion
from samesku.search.fusion import concatenate_channels, load_channels, read_fused
from stages import fuse
from tests.fixtures import val_and_test_copies


def test_blocks_on_disk_are_the_channels_fused_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    val_and_test_copies.write(tmp_path, params={"fusion.alpha": 0.4})
    monkeypatch.setattr(fusion, "ROWS", 3)
    assert fuse.main() == "10 listings, 8 columns (concat: cnn 0.4, sbert 0.6)"
    # phash and tfidf are empty, so cnn and sbert have the whole weight of their sides.
    channels = load_channels(["cnn", "sbert"], artefacts.embedding_path, read_listings(artefacts.LISTINGS))
    whole = concatenate_channels(channels, {"cnn": 0.4, "sbert": 0.6})
    fused = read_fused(artefacts.FUSED)
    assert np.array_equal(fused.vectors, whole.vectors)
    assert np.array_equal(fused.modality_mask, whole.modality_mask)
    assert (fused.weights == whole.weights).all()
    assert list(fused.widths) == list(whole.widths) == [4, 4]


def test_channels_of_which_no_listing_has_one_are_no_fusion(tmp_path, monkeypatch):
    """phash has no row, and nothing else has weight: no two listings could be compared."""
    monkeypatch.chdir(tmp_path)
    no_weight = {"fusion.image": {"cnn": 0.0, "phash": 1.0}, "fusion.alpha": 1.0}
    val_and_test_copies.write(tmp_path, params=no_weight)
    with pytest.raises(InputError, match=r"weight at fusion.alpha 1 .*\(cnn, sbert\)"):
        fuse.main()


def test_the_weights_of_titles_alone_are_shown_as_their_shares(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    val_and_test_copies.write(
        tmp_path, params={"fusion.image": {"cnn": 0.0, "phash": 1.0}, "fusion.alpha": 0.4}
    )
    assert fuse.main() == "10 listings, 4 columns (concat: sbert 1)"
