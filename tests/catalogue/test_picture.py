import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from samesku.catalogue import quarantine as q
from samesku.catalogue.picture import (
    any_near,
    hamming,
    is_flat,
    is_hash,
    perceptual_hash,
    shrink_picture,
    to_jpeg,
    to_uint64,
)
from tests.conftest import ROOT


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def shrunk(data: bytes, image_size: int = 32, max_pixels: int = 1_000_000) -> Image.Image:
    return shrink_picture(data, image_size=image_size, max_pixels=max_pixels)


def colour(image: Image.Image) -> np.ndarray:
    return np.asarray(image).mean(axis=(0, 1))


RED = Image.new("RGB", (80, 60), (255, 0, 0))
RED_FRAMES = {"save_all": True, "append_images": [Image.new("RGB", (80, 60), (0, 0, 255))]}
HALF_RED = Image.new("RGBA", (80, 60), (255, 0, 0, 128))
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8))

KINDS = {
    "jpeg": (saved(RED, "JPEG"), (255, 0, 0)),
    "progressive jpeg": (saved(RED, "JPEG", progressive=True), (255, 0, 0)),
    "png": (saved(RED, "PNG"), (255, 0, 0)),
    "webp": (saved(RED, "WEBP", lossless=True), (255, 0, 0)),
    "bmp": (saved(RED, "BMP"), (255, 0, 0)),
    "cmyk jpeg": (saved(Image.new("CMYK", (80, 60), (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
    "cmyk tiff": (saved(Image.new("CMYK", (80, 60), (0, 255, 255, 0)), "TIFF"), (255, 0, 0)),
    "grey": (saved(Image.new("L", (80, 60), 90), "PNG"), (90, 90, 90)),
    "one bit": (saved(Image.new("1", (80, 60), 1), "PNG"), (255, 255, 255)),
    "16 bit png": (saved(Image.fromarray(np.full((60, 80), 0x5A5A, np.uint16)), "PNG"), (90, 90, 90)),
    "16 bit tiff": (saved(Image.fromarray(np.full((60, 80), 0x5A5A, np.uint16)), "TIFF"), (90, 90, 90)),
    "32 bit tiff": (saved(Image.fromarray(np.full((60, 80), 90, np.int32)), "TIFF"), (90, 90, 90)),
    "palette": (saved(RED.quantize(4), "PNG"), (255, 0, 0)),
    "palette, transparent": (saved(RED.quantize(4), "PNG", transparency=0), (255, 255, 255)),
    "half transparent": (saved(HALF_RED, "PNG"), (255, 127, 127)),
    "transparent grey": (saved(Image.new("LA", (80, 60), (0, 0)), "PNG"), (255, 255, 255)),
    "animated gif": (saved(RED, "GIF", **RED_FRAMES), (255, 0, 0)),
    "animated png": (saved(RED, "PNG", **RED_FRAMES), (255, 0, 0)),
    "animated webp": (saved(RED, "WEBP", lossless=True, **RED_FRAMES), (255, 0, 0)),
}


@pytest.mark.parametrize(("data", "expected"), KINDS.values(), ids=KINDS.keys())
def test_every_kind_becomes_a_small_rgb_picture(data: bytes, expected: tuple[int, int, int]) -> None:
    image = shrunk(data)
    assert (image.mode, image.size) == ("RGB", (43, 32))
    assert colour(image) == pytest.approx(expected, abs=2)


def test_a_small_picture_keeps_its_size() -> None:
    assert shrunk(saved(RED, "PNG"), image_size=100).size == (80, 60)
    assert shrunk(saved(Image.new("RGB", (1, 9)), "PNG")).size == (1, 9)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_rotation_is_applied(format: str) -> None:
    left_red = Image.new("RGB", (80, 60), "white")
    left_red.paste((255, 0, 0), (0, 0, 40, 60))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned clockwise: left becomes top
    image = shrunk(saved(left_red, format, exif=exif))
    assert image.size == (32, 43)
    assert image.getpixel((16, 5)) == pytest.approx((255, 0, 0), abs=6)
    assert image.getpixel((16, 38)) == pytest.approx((255, 255, 255), abs=6)


def test_broken_exif_costs_the_rotation_alone() -> None:
    assert shrunk(saved(RED, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")).size == (43, 32)


def test_a_large_jpeg_decoded_at_a_fraction_is_close_to_the_whole() -> None:
    smooth = saved(NOISE.resize((1280, 960), Image.Resampling.BICUBIC), "JPEG")
    assert apart(smooth, Image.Resampling.HAMMING) < 2


def test_shrinking_is_close_to_lanczos() -> None:
    smooth = NOISE.crop((0, 0, 24, 18)).resize((240, 180), Image.Resampling.BICUBIC)
    assert apart(saved(smooth, "PNG"), Image.Resampling.LANCZOS) < 1


def apart(data: bytes, how: Image.Resampling) -> float:
    """Levels of 255 in the mean between what `shrink` makes and the whole picture resized."""
    whole = np.asarray(Image.open(io.BytesIO(data)).resize((171, 128), how), float)
    return np.abs(np.asarray(shrunk(data, 128, 2_000_000), float) - whole).mean()


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and has hardly any data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


FAULTS = {
    "text": (b"not a picture", q.IMAGE_NONE),
    "html": (b"<!doctype html><html></html>", q.IMAGE_NONE),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', q.IMAGE_NONE),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", q.IMAGE_NONE),
    "nothing": (b"", q.IMAGE_NONE),
    "a bare signature": (b"\xff\xd8\xff", q.IMAGE_NONE),
    "truncated jpeg": (saved(NOISE, "JPEG")[:-3000], q.IMAGE_DAMAGED),
    "truncated png": (saved(NOISE, "PNG")[:-3000], q.IMAGE_DAMAGED),
    "truncated webp": (saved(NOISE, "WEBP")[:-3000], q.IMAGE_DAMAGED),
    "truncated gif": (saved(NOISE, "GIF")[:-3000], q.IMAGE_DAMAGED),
    "bomb": (png_header(30_000, 30_000), q.IMAGE_PIXELS),
    "a little above the limit": (saved(Image.new("1", (1001, 1000)), "PNG"), q.IMAGE_PIXELS),
    "header beyond its data": (png_header(900, 900), q.IMAGE_DAMAGED),
    "thin": (saved(Image.new("1", (65_600, 2)), "PNG"), q.IMAGE_THIN),
}


@pytest.mark.parametrize(("data", "reason"), FAULTS.values(), ids=FAULTS.keys())
def test_faults(data: bytes, reason: str) -> None:
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(q.Fault) as fault:
        shrunk(data)
    assert fault.value.reason == reason
    assert before == Image.MAX_IMAGE_PIXELS


def webp_canvas(width: int, height: int) -> bytes:
    """An animation of small frames that says it is so large."""
    data = bytearray(KINDS["animated webp"][0])
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def gif_screen(width: int, height: int) -> bytes:
    data = KINDS["animated gif"][0]
    return data[:6] + struct.pack("<HH", width, height) + data[10:]


def png_text(size: int) -> bytes:
    """A small picture with a comment that is large once unpacked."""
    comment = PngImagePlugin.PngInfo()
    comment.add_text("Comment", "x" * size, zip=True)
    return saved(RED, "PNG", pnginfo=comment)


BOMBS = {
    "png of one bit": lambda: saved(Image.new("1", (20_000, 20_000)), "PNG"),  # 50 kB; 1.2 GB as RGB
    "png header": lambda: png_header(60_000, 60_000),
    "webp canvas": lambda: webp_canvas(16_000, 16_000),
    "gif screen": lambda: gif_screen(65_535, 65_535),
    "png comment": lambda: png_text(200_000_000),
}
SHRINKING = """
import resource, sys
from pathlib import Path
from samesku.catalogue.picture import shrink_picture
from samesku.catalogue.quarantine import Fault
small, bomb = (Path(name).read_bytes() for name in sys.argv[1:])
shrink_picture(small, image_size=32, max_pixels=100_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    shrink_picture(bomb, image_size=32, max_pixels=100_000_000)
except Fault as fault:
    print(fault.reason)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_takes_no_memory(make: Callable[[], bytes], tmp_path: Path) -> None:
    """In a process of its own, whose peak nothing else has raised."""
    (tmp_path / "small").write_bytes(saved(RED, "PNG"))
    (tmp_path / "bomb").write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", SHRINKING, str(tmp_path / "small"), str(tmp_path / "bomb")],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    reason, more = done.stdout.splitlines()
    assert reason in (q.IMAGE_PIXELS, q.IMAGE_DAMAGED)
    assert int(more) < 20_000  # kB


def test_a_packed_picture_is_a_jpeg_without_subsampling() -> None:
    image = Image.open(io.BytesIO(to_jpeg(RED)))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (80, 60))
    assert [component[1:3] for component in image.layer] == [(1, 1)] * 3


SEEDS = [saved(NOISE.resize((20, 15)), f) for f in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")]


@settings(max_examples=300)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    st.data(),
)
def test_damaged_bytes_give_a_picture_or_a_fault(
    seed: bytes, edits: list[tuple[int, int]], draw: st.DataObject
) -> None:
    data = bytearray(seed)
    for place, value in edits:
        data[place % len(data)] = value
    end = draw.draw(st.integers(1, len(data)))
    for content in (bytes(data), bytes(data[:end])):
        try:
            image = shrunk(content)
        except q.Fault:
            continue
        assert image.mode == "RGB"
        assert min(image.size) <= 32


@given(st.binary(max_size=300))
def test_arbitrary_bytes_give_a_fault(data: bytes) -> None:
    with pytest.raises(q.Fault):
        shrunk(data)


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


@pytest.mark.parametrize("bits", [0, 1, 4, 9])
def test_near_hashes_are_those_of_all_pairs(bits: int) -> None:
    """Hashes around a few centres: up to two more bits lie between two of them than between near ones."""
    generator = np.random.default_rng(bits)
    hashes = generator.integers(0, 2**64, 12, dtype=np.uint64)[generator.integers(0, 12, 400)]
    for _ in range(bits // 2 + 1):
        hashes ^= np.uint64(1) << generator.integers(0, 64, 400, dtype=np.uint64)
    some, others = hashes[:100], hashes[300:]
    expected = (hamming(some[:, None], others) <= bits).any(axis=1)
    assert 0 < expected.sum() < 100
    assert any_near(some, others, bits).tolist() == expected.tolist()


def test_no_hash_is_near_to_none() -> None:
    hashes, none = np.array([1, 2], dtype=np.uint64), np.empty(0, np.uint64)
    assert any_near(hashes, none, 4).tolist() == [False, False]
    assert any_near(none, hashes, 4).tolist() == []


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
