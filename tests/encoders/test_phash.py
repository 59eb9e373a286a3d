import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from samesku.embedding.encoder import Spec
from samesku.encoders import phash

HASHES = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8)


def embed(hashes, dim=None):
    """The rows of hashes that are given as numbers; None: no hash."""
    digits = ["" if number is None else f"{number:016x}" for number in hashes]
    return phash.load(Spec("image", "phash", dim=dim)).embed(digits)


def test_bits_are_an_eighth_up_or_down_the_highest_first():
    rows = embed([0, 2**63, 2**64 - 1, None])
    assert rows.dtype == np.float32
    assert np.array_equal(rows[0], np.full(64, -1 / 8, np.float32))
    assert np.array_equal(rows[1], np.array([1 / 8] + [-1 / 8] * 63, np.float32))
    assert np.array_equal(rows[2], np.full(64, 1 / 8, np.float32))
    assert not rows[3].any()  # no hash


@given(HASHES)
def test_the_inner_product_is_one_minus_twice_the_share_of_differing_bits(hashes):
    rows = embed(hashes)
    hamming = np.array([[(a ^ b).bit_count() for a in hashes] for b in hashes])
    assert np.array_equal(rows @ rows.T, (1 - 2 * hamming / 64).astype(np.float32))  # exact: powers of two


def test_all_triples_agree_as_the_krawtchouk_polynomial_says():
    rows = embed([0, 0b1, 0b111, 2**32 - 1, 2**64 - 1], phash.TRIPLES).astype(np.float64)
    for h, product in zip((0, 1, 3, 32, 64), rows @ rows[0], strict=True):
        hand = sum((-1) ** j * math.comb(h, j) * math.comb(64 - h, 3 - j) for j in range(4))
        assert abs(product - hand / math.comb(64, 3)) < 1e-4
        assert abs(product - (1 - 2 * h / 64) ** 3) < 0.01


def test_some_triples_stand_for_all():
    hashes = np.random.default_rng(0).integers(0, 2**64, 200, np.uint64).tolist()
    exact, near = (embed(hashes, dim) for dim in (phash.TRIPLES, 1024))
    assert near.shape == (200, 1024)
    off = (exact @ exact.T - near @ near.T)[~np.eye(200, dtype=bool)]
    assert abs(off.mean()) < 0.01
    assert off.std() < 1.5 / math.sqrt(1024)
    assert np.allclose(np.linalg.norm(near, axis=1), 1, atol=1e-6)


def test_no_triple_stands_twice_and_more_columns_begin_with_the_same():
    chosen = phash.choose_triples(1024)
    assert len({tuple(triple) for triple in chosen.tolist()}) == 1024
    assert (chosen[:, 0] < chosen[:, 1]).all()
    assert (chosen[:, 1] < chosen[:, 2]).all()
    assert np.array_equal(phash.choose_triples(8), chosen[:8])
