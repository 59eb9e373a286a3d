import numpy as np
import pytest
from PIL import Image

from samesku.catalogue.phash import hamming, is_flat, is_hash, perceptual_hash, to_uint64


def test_hex_to_numbers() -> None:
    hashes, present = to_uint64(["0000000000000001", "", "ffffffffffffffff", "8000000000000000"])
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == [1, 0, 2**64 - 1, 2**63]
    assert present.tolist() == [True, False, True, True]


def test_nothing_to_numbers() -> None:
    hashes, present = to_uint64([])
    assert (hashes.shape, hashes.dtype, present.dtype) == ((0,), np.uint64, np.bool_)


def test_hamming() -> None:
    a = np.array([0b1010, 0, 2**64 - 1], dtype=np.uint64)
    b = np.array([0b0110, 0, 0], dtype=np.uint64)
    assert hamming(a, b).tolist() == [2, 0, 64]
    assert hamming(a[:, None], b[None, :]).shape == (3, 3)


@pytest.mark.parametrize("grey", [0, 1, 128, 255])
def test_a_flat_picture_has_a_flat_hash(grey: int) -> None:
    assert is_flat(perceptual_hash(Image.new("RGB", (50, 40), (grey, grey, grey))))


def test_a_picture_and_itself_made_smaller() -> None:
    coarse = np.random.default_rng(1).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    large = Image.fromarray(coarse).resize((400, 400), Image.Resampling.BICUBIC)
    hashes, _ = to_uint64([perceptual_hash(large), perceptual_hash(large.resize((100, 100)))])
    assert is_hash(perceptual_hash(large))
    assert not is_flat(perceptual_hash(large))
    assert hamming(hashes[0], hashes[1]) <= 4


@pytest.mark.parametrize("text", ["", "12", "g" * 16, "A" * 16, "0x" + "1" * 14, "1" * 17, "1" * 16 + "\n"])
def test_what_is_no_hash(text: str) -> None:
    assert not is_hash(text)
