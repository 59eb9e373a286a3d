"""What `search` must give, written the slow and obvious way: every pair, one at a time."""

import numpy as np


def scores(channels, weights):
    """(N, N) Σ w_c cos_c / Σ w_c over the channels that both have; −inf where there is none."""
    n = len(next(iter(channels.values())))
    found = np.full((n, n), -np.inf)
    for i in range(n):
        for j in range(n):
            common = [c for c in weights if channels[c][i].any() and channels[c][j].any()]
            if common:
                top = sum(weights[c] * float(channels[c][i].astype(float) @ channels[c][j]) for c in common)
                found[i, j] = round(top / sum(weights[c] for c in common), 6)
    return found


def neighbours(score, rows, k, may_match=lambda i, j: True):
    """{query: [(neighbour, score)]}, by (−score, row), self left out, of pairs that may match."""
    found = {}
    for i in rows:
        others = [(j, score[i, j]) for j in rows if j != i and may_match(i, j) and np.isfinite(score[i, j])]
        found[i] = sorted(others, key=lambda pair: (-pair[1], pair[0]))[: min(k, len(rows) - 1)]
    return found


def random_channels(generator, n, widths, missing=0.2, values=None):
    """Unit rows, some zero; with `values`, rows drawn from few, so that many pairs tie."""
    channels = {}
    for name, width in widths.items():
        rows = generator.normal(size=(n, width))
        if values:
            rows = rows[generator.integers(0, min(values, n), n)]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        rows[generator.random(n) < missing] = 0
        channels[name] = rows.astype(np.float32)
    return channels
