"""A listing that a person gives, made into what the pipeline would have made of it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from samesku.catalogue.phash import is_flat, perceptual_hash
from samesku.catalogue.picture import shrink, to_jpeg
from samesku.catalogue.quarantine import IMAGE_BYTES, IMAGE_EMPTY, Fault
from samesku.catalogue.source import MAX_BYTES
from samesku.catalogue.titles import normalise
from samesku.errors import InputError
from samesku.params.schema import Data


@dataclass(frozen=True)
class Given:
    """A new listing as `sample` leaves one.

    Attributes:
        title: normalised; "" for none. image: the packed picture, decoded; None for none. image_phash: its
            hash; "" for none, or where the picture is of one colour. jpeg: the picture as it is packed.
    """

    title: str
    image: Image.Image | None
    image_phash: str
    jpeg: bytes | None = None

    @property
    def empty(self) -> bool:
        return not self.title and self.image is None


def read_listing(title: str, data: bytes | None, rules: Data, what: str = "image") -> Given:
    """Take a title and the bytes of a picture by the rules of the catalogue.

    Args:
        title: "" for none. data: None for none. rules: the group `data` of params.yaml.
        what: how to name the picture where it is refused.

    Raises:
        InputError: the picture cannot be used.
    """
    image, hash_, jpeg = None, "", None
    if data is not None:
        try:
            if not data:
                raise Fault(IMAGE_EMPTY)
            if len(data) > MAX_BYTES:
                raise Fault(IMAGE_BYTES)
            small = shrink(data, image_size=rules.image_size, max_pixels=rules.max_pixels)
        except Fault as fault:
            raise InputError(f"{what}: {fault.reason.removeprefix('image: ')}") from None
        hash_ = perceptual_hash(small)
        # Packed and read again: the networks have seen the catalogue's pictures so.
        jpeg = to_jpeg(small)
        image = Image.open(io.BytesIO(jpeg))
        image.load()
    return Given(normalise(title), image, "" if is_flat(hash_) else hash_, jpeg)


def read_file(path: str, what: str) -> bytes | None:
    """The bytes of a picture file; None for "", which stands for no picture.

    Raises:
        InputError: there is no such plain file, or it is too large.
    """
    if not path:
        return None
    file = Path(path)
    try:
        if not file.is_file():
            raise InputError(f"{what} {path}: there is no such file")
        if file.stat().st_size > MAX_BYTES:
            raise InputError(f"{what} {path}: a file above {MAX_BYTES // 1_000_000} MB")
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{what} {path}: cannot be read ({error.strerror})") from None
