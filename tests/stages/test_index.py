"""index: neighbours in both galleries, augmented or approximate, and what it refuses or warns of."""

import numpy as np
import pandas as pd
import pytest

from samesku import artefacts
from samesku.errors import InputError
from samesku.search import approximate
from stages import fuse, index
from tests.fixtures import val_and_test_copies
from tests.fixtures.five_listings import NEIGHBOURS, SCORE, B, E

HALF = {"fusion.alpha": 0.5}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The copies of the five listings, fused half and half."""
    monkeypatch.chdir(tmp_path)
    val_and_test_copies.write(tmp_path, params=HALF)
    fuse.main()
    return tmp_path


def neighbours(gallery):
    return pd.read_parquet(artefacts.NEIGHBOURS / f"{gallery}.parquet")


def test_each_copy_has_the_neighbours_of_the_five_listings(folder):
    index.main()
    # Rows 2i and 2i + 1 are listing i, in val and in test.
    for query, group in neighbours("split").groupby("query"):
        listing, split = divmod(query, 2)
        assert (group["neighbour"] % 2 == split).all()
        assert (group["neighbour"] // 2).tolist() == NEIGHBOURS[listing]
        scores = [SCORE[min(listing, n), max(listing, n)] for n in NEIGHBOURS[listing]]
        assert group["score"].tolist() == pytest.approx(scores, abs=1e-6)
        assert group["rank"].tolist() == list(range(1, len(group) + 1))
    assert len(neighbours("full")) > len(neighbours("split"))


def test_rows_are_augmented_within_their_gallery(folder):
    index.main()
    plain = neighbours("split")
    val_and_test_copies.write_params(folder, HALF | {"index.augmentation": {"steps": 1, "threshold": 0.8}})
    assert "augmented 1 ×" in index.main()
    augmented = neighbours("split")
    # From 0.8 on B has the neighbours C and D, C has A and B, D has B, and E has none.
    # B: picture (0.6, 0.8) + 0.8 (0, 1), title (0.8, 0.6) + 0.8 (1, 0); E stays (1, 0) and (0, 1).
    picture, title = np.array([0.6, 1.6]), np.array([1.6, 0.6])
    score = 0.5 * picture[0] / np.linalg.norm(picture) + 0.5 * title[1] / np.linalg.norm(title)
    of_test = augmented[(augmented["query"] == 2 * E + 1) & (augmented["neighbour"] == 2 * B + 1)]
    assert of_test["score"].tolist() == pytest.approx([score], abs=1e-6)
    assert not np.allclose(augmented["score"], plain["score"])


def test_a_row_is_augmented_by_its_nearest_alone_where_params_say_so(folder):
    limited = {"steps": 1, "threshold": 0.0, "neighbours": 1}
    val_and_test_copies.write_params(folder, HALF | {"index.augmentation": limited})
    index.main()
    # E is moved by B, 0.6 away, and B by C, 0.8 away and without a picture; D's nearest is B.
    # E: picture (1.36, 0.48), title (0.48, 1.36); B: picture (0.6, 0.8), title (1.6, 0.6).
    e, b = ([1.36, 0.48], [0.48, 1.36]), ([0.6, 0.8], [1.6, 0.6])
    cosines = [np.dot(x, y) / np.linalg.norm(x) / np.linalg.norm(y) for x, y in zip(e, b, strict=True)]
    augmented = neighbours("split")
    of_test = augmented[(augmented["query"] == 2 * E + 1) & (augmented["neighbour"] == 2 * B + 1)]
    assert of_test["score"].tolist() == pytest.approx([np.mean(cosines)], abs=1e-6)


def test_an_approximate_index_that_finds_all_gives_the_exact_neighbours(folder, monkeypatch):
    index.main()
    exact = neighbours("full")
    monkeypatch.setattr(approximate, "SMALL", 2)
    val_and_test_copies.write_params(folder, HALF | {"index.kind": "hnsw", "index.effort": 16})
    assert "hnsw at effort 16" in index.main()
    pd.testing.assert_frame_equal(neighbours("full"), exact)


def test_fused_rows_of_another_sample_are_refused(folder):
    table = pd.read_parquet(artefacts.LISTINGS)
    table.iloc[:9].to_parquet(artefacts.LISTINGS)
    with pytest.raises(InputError, match=r"data/fused has 10 listings, listings\.parquet 9"):
        index.main()


def test_a_product_larger_than_k_is_warned_of(folder, capsys):
    val_and_test_copies.write_params(folder, HALF | {"index.k": 1})
    index.main()
    assert "2 products have more than index.k + 1 = 2 listings (the largest 3)" in capsys.readouterr().err
