"""A listing that a person gives as a query, processed as the pipeline processes the catalogue's."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image

from samesku.catalogue.picture import is_flat, perceptual_hash, shrink_picture, to_jpeg
from samesku.catalogue.quarantine import IMAGE_BYTES, IMAGE_EMPTY, Fault
from samesku.catalogue.source import MAX_BYTES
from samesku.catalogue.titles import normalise_title
from samesku.errors import InputError
from samesku.params.schema import Data


@dataclass(frozen=True)
class QueryListing:
    """A new listing as the stage `sample` would store it.

    Attributes:
        title: normalised; "" for none. image: the stored picture, decoded. jpeg: its bytes.
        image_phash: its hash; "" for none, or if the picture has one colour only.
        attributes: cells by the names of reader.ATTRIBUTES; one that is not there is "".
        source: its shop; "" for none. row: its row in the catalogue; None where it is none of its listings.
    """

    title: str
    image: Image.Image | None
    image_phash: str
    jpeg: bytes | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    row: int | None = None

    @property
    def empty(self) -> bool:
        return not self.title and self.image is None


def read_query_listing(
    title: str,
    picture: bytes | None,
    data: Data,
    picture_name: str = "image",
    attributes: Mapping[str, str] | None = None,
    source: str = "",
) -> QueryListing:
    """Make a query of a title ("" for none) and the bytes of a picture, by the rules of the catalogue.

    Args:
        data: the group `data` of params.yaml. picture_name: how an error names the picture.
        attributes: as of QueryListing.
        source: the shop of the listing; "" for none.

    Raises:
        InputError: the picture cannot be used.
    """
    image, phash, jpeg = None, "", None
    if picture is not None:
        try:
            if not picture:
                raise Fault(IMAGE_EMPTY)
            if len(picture) > MAX_BYTES:
                raise Fault(IMAGE_BYTES)
            small = shrink_picture(picture, image_size=data.image_size, max_pixels=data.max_pixels)
        except Fault as fault:
            raise InputError(f"{picture_name}: {fault.reason.removeprefix('image: ')}") from None
        phash = perceptual_hash(small)
        # Stored and read again, because the networks saw the catalogue's pictures that way.
        jpeg = to_jpeg(small)
        image = Image.open(io.BytesIO(jpeg))
        image.load()
    phash = "" if is_flat(phash) else phash
    return QueryListing(normalise_title(title), image, phash, jpeg, attributes or {}, source.strip())
