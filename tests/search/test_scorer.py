import numpy as np
import pytest

from samesku.search import scorer as pairs
from tests.fixtures.five_listings import CHANNELS


@pytest.mark.parametrize("block", [65_536, 2])
def test_each_channels_own_similarity_and_nan_where_one_lacks_it(monkeypatch, block):
    monkeypatch.setattr(pairs, "PAIRS", block)
    channels = CHANNELS | {"none": np.zeros((5, 0), np.float32)}
    found = pairs.similarities(channels, np.array([0, 0, 2]), np.array([1, 2, 3]))
    np.testing.assert_allclose(found["image"], [0.6, np.nan, np.nan], atol=1e-6)
    np.testing.assert_allclose(found["title"], [0.8, 1.0, np.nan], atol=1e-6)
    assert np.isnan(found["none"]).all()
