"""The sweep over α gives what fusing and searching anew gives."""

import numpy as np
import pytest

from samesku.search import alpha_sweep as alpha
from samesku.search import fusion, neighbours
from tests.search import oracle


@pytest.mark.parametrize("queries", [512, 7])
def test_every_alpha_equals_its_own_search(monkeypatch, queries):
    monkeypatch.setattr(alpha, "QUERIES", queries)
    generator = np.random.default_rng(1)
    channels = oracle.random_channels(generator, 80, {"cnn": 6, "phash": 4, "sbert": 5})
    image, title = {"cnn": 1.0, "phash": 0.5}, {"sbert": 1.0}
    sides = [
        fusion.concatenate(channels, fusion.channel_weights(image, {}, 1.0)),
        fusion.concatenate(channels, fusion.channel_weights({}, title, 0.0)),
    ]
    rows = np.arange(5, 75, dtype=np.int32)
    for value, found in alpha.sweep(*sides, rows, 12, [0.0, 0.3, 1.0]):
        fused = fusion.concatenate(channels, fusion.channel_weights(image, title, value))
        expected = neighbours.search(fused, rows, 12)
        np.testing.assert_allclose(found.score, expected.score, atol=1.1e-6)
