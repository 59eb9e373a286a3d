"""One seller's picture, whatever it is -> a small RGB picture and its hash, or the reason why not."""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from samesku.arrays import Bools
from samesku.catalogue import quarantine as q
from samesku.catalogue.quarantine import Fault
from samesku.scratch import slices

#: What shops, phones and old programs write. The others' decoders are rarely used, and one of them runs Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO", "TGA")
_HEIC = re.compile(rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL)
# A picture may hold a long text, such as its history in Photoshop: as much as Pillow allows for all texts together.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY
_LONGEST = 65_500  # the longest side that JPEG can hold
_HASH = re.compile(r"[0-9a-f]{16}")
COMPARED = 4_000_000  # pairs of hashes at a time: 32 MB
#: A picture of one colour has no frequencies but the constant one; all ones is a common stand-in for "none".
_FLAT = frozenset({"0" * 16, "8" + "0" * 15, "f" * 16})


def shrink_picture(data: bytes, *, image_size: int, max_pixels: int) -> Image.Image:
    """Decode a picture and shrink it to a short side of `image_size`; smaller ones keep their size.

    The first frame counts; EXIF rotation is applied; what is transparent is white; 16 bits become 8; the mode
    becomes RGB.

    Args:
        data: a file of unknown kind. max_pixels: checked by the header, before a pixel is decoded.

    Raises:
        Fault: not a picture, too many pixels, truncated or damaged, or too thin.
    """
    image: Image.Image
    with _guarded(max_pixels):
        try:
            image = Image.open(io.BytesIO(data), formats=_formats())
        except UnidentifiedImageError:
            raise Fault(q.IMAGE_HEIC if _HEIC.match(data) else q.IMAGE_NONE) from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise Fault(q.IMAGE_PIXELS) from None
        except Exception:  # decoders of hostile bytes raise anything
            raise Fault(q.IMAGE_DAMAGED) from None
        if image.width * image.height > max_pixels:
            raise Fault(q.IMAGE_PIXELS)
        scale = min(1.0, image_size / max(1, min(image.size)))
        if max(image.size) * scale > _LONGEST:
            raise Fault(q.IMAGE_THIN)
        try:
            # A JPEG can be decoded at 1/2, 1/4 or 1/8. Down to twice the wanted size this moves a pixel of
            # the result by 1 to 2 levels of 255 in the mean, no more than saving it at quality 95 does; down
            # to the wanted size itself, by 1.5 to 6. (1.9: so that half of 1000 will do for 256.)
            image.draft(None, (ceil(image.width * scale * 1.9), ceil(image.height * scale * 1.9)))
            image.load()
            with suppress(Exception):  # broken EXIF in a good picture
                ImageOps.exif_transpose(image, in_place=True)
            image = _rgb(image)
        except Exception:
            raise Fault(q.IMAGE_DAMAGED) from None
    scale = min(1.0, image_size / min(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # Hamming: within 1 level of Lanczos in the mean, in half its time, which exceeds the decoder's.
    small = image if size == image.size else image.resize(size, Image.Resampling.HAMMING)
    if small.mode == "RGB":
        return small
    return Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("RGB")


def picture_extension(data: bytes, max_pixels: int) -> str:
    """The extension of a picture's real type, such as ".jpg"; the file is decoded, to see whether it can be.

    Raises:
        Fault: as shrink_picture.
    """
    shrink_picture(data, image_size=32, max_pixels=max_pixels)
    with _guarded(max_pixels), Image.open(io.BytesIO(data), formats=_formats()) as image:
        kind = (image.format or "").lower()
    return {"jpeg": ".jpg", "mpo": ".jpg", "tiff": ".tif"}.get(kind, f".{kind}")


def to_jpeg(image: Image.Image) -> bytes:
    """An RGB picture as JPEG, quality 95 without chroma subsampling."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95, subsampling=0)
    return out.getvalue()


def perceptual_hash(image: Image.Image) -> str:
    """The DCT hash of ImageHash (32 × 32 grey, 8 × 8 low frequencies above their median) as 16 hex digits."""
    import imagehash  # brings scipy: only where a hash is asked for

    return str(imagehash.phash(image))


def is_hash(text: str) -> bool:
    """Whether `text` is 16 lower-case hex digits."""
    return _HASH.fullmatch(text) is not None


def is_flat(hash_: str) -> bool:
    """Whether the hash is that of a one-colour picture: equal hashes of this kind say nothing."""
    return hash_ in _FLAT


def to_uint64(hashes: Sequence[str]) -> tuple[NDArray[np.uint64], Bools]:
    """N hashes of 16 hex digits, or "" -> uint64 (N,), 0 for none, and which there are: bool (N,)."""
    present = np.array([bool(h) for h in hashes], dtype=bool)
    return np.array([int(h or "0", 16) for h in hashes], dtype=np.uint64), present


def hamming(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The number of bits that differ, 0 to 64; `a` and `b` broadcast."""
    return np.bitwise_count(a ^ b)


def any_near(hashes: NDArray[np.uint64], others: NDArray[np.uint64], bits: int) -> Bools:
    """Which of N hashes differ in at most `bits` bits from any of the others: bool (N,).

    Two hashes that differ in so few bits are equal in one of bits + 1 parts of them. So only those with an equal part
    are compared: of all pairs, a small share.
    """
    near = np.zeros(len(hashes), bool)
    ends = np.arange(bits + 2) * 64 // (bits + 1)
    for first, end in pairwise(ends.tolist()):
        shift, mask = np.uint64(first), np.uint64(2 ** (end - first) - 1)
        left = np.flatnonzero(~near)
        left = left[np.argsort(hashes[left] >> shift & mask, kind="stable")]
        right = others[np.argsort(others >> shift & mask, kind="stable")]
        parts, begin = np.unique(hashes[left] >> shift & mask, return_index=True)
        of_others = right >> shift & mask
        bounds = [np.searchsorted(of_others, parts), np.searchsorted(of_others, parts, side="right")]
        runs = pairwise([*begin.tolist(), len(left)])
        for (start, stop), (low, high) in zip(runs, np.stack(bounds, axis=1).tolist(), strict=True):
            some = left[start:stop]
            step = max(1, COMPARED // max(1, high - low))
            for rows in slices(len(some), step):
                block = some[rows]
                near[block] |= (hamming(hashes[block, None], right[low:high]) <= bits).any(axis=1)
    return near


@cache
def _formats() -> tuple[str, ...]:
    """Those of FORMATS that this build of Pillow can read."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@contextmanager
def _guarded(max_pixels: int) -> Iterator[None]:
    """Pillow's own size check at our limit: a frame can be larger than its file says. No other warnings."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode -> RGB, or RGBA where something is transparent."""
    if image.mode in ("F", "I") or image.mode.startswith("I;"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float32))
        top = 65535 if image.mode.startswith("I;16") or values.max() > 255 else 255
        # Floating-point numbers up to 1 are shares of white.
        top = 1 if image.mode == "F" and values.max() <= 1 else max(top, values.max())
        return Image.fromarray((values.clip(0) * (255 / top)).astype(np.uint8)).convert("RGB")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")
