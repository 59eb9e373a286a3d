import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stages.encoders import phash

HASHES = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8)


def test_bits_are_an_eighth_up_or_down_the_highest_first():
    rows = phash.encode(np.array([0, 2**63, 2**64 - 1, 1], np.uint64), np.array([1, 1, 1, 0], bool))
    assert rows.dtype == np.float32
    assert np.array_equal(rows[0], np.full(64, -1 / 8, np.float32))
    assert np.array_equal(rows[1], np.array([1 / 8] + [-1 / 8] * 63, np.float32))
    assert np.array_equal(rows[2], np.full(64, 1 / 8, np.float32))
    assert not rows[3].any()  # absent


@given(HASHES)
def test_the_inner_product_is_one_minus_twice_the_share_of_differing_bits(hashes):
    rows = phash.encode(np.array(hashes, np.uint64), np.ones(len(hashes), bool))
    hamming = np.array([[(a ^ b).bit_count() for a in hashes] for b in hashes])
    assert np.array_equal(rows @ rows.T, (1 - 2 * hamming / 64).astype(np.float32))  # exact: powers of two
