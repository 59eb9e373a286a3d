"""The listings of a question, read from a form of titles, pictures, shops and attributes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from samesku.app.query_listing import QueryListing, read_query_listing
from samesku.catalogue.reader import ATTRIBUTES
from samesku.errors import InputError
from samesku.params.schema import Data

MAX_TITLE = 100_000  # characters; a seller's title has some hundred


async def read_listings(
    request: Request, count: int, data: Data, decoding: asyncio.Lock
) -> list[QueryListing]:
    """The listings of a form: fields title1, image1, source1 and attributes1 (JSON), title2, image2 …

    Args:
        decoding: held while pictures are decoded, so that those of two requests are not decoded side by side.

    Raises:
        InputError: a field cannot be used.
    """
    async with _form(request, count) as form, decoding:
        listings = []
        for number in range(1, count + 1):
            title = _read_text(form, f"title{number}", f"title {number}")
            source = _read_text(form, f"source{number}", f"shop {number}")
            attributes = _read_attributes(form.get(f"attributes{number}", "{}"), number)
            image = form.get(f"image{number}")
            if image is not None and not isinstance(image, UploadFile):
                raise InputError(f"picture {number} is no file")
            picture = await image.read() if image is not None else None
            listings.append((title, picture, data, f"picture {number}", attributes, source))
        return [await run_in_threadpool(read_query_listing, *listing) for listing in listings]


@asynccontextmanager
async def _form(request: Request, count: int) -> AsyncIterator[FormData]:
    try:
        form = await request.form(max_files=count, max_fields=4 * count)
    except (LookupError, UnicodeError):
        raise InputError("the form is in an unknown charset; allowed: UTF-8") from None
    try:
        yield form
    finally:
        await form.close()


def _read_text(form: FormData, field: str, what: str) -> str:
    text = form.get(field, "")
    if not isinstance(text, str) or len(text) > MAX_TITLE:
        raise InputError(f"{what} is no text of at most {MAX_TITLE:,} characters")
    return text


def _read_attributes(text: object, number: int) -> dict[str, str]:
    """The cells of a listing by the names of reader.ATTRIBUTES, from JSON."""
    with suppress(ValueError, RecursionError):
        cells: object = json.loads(text) if isinstance(text, str) and len(text) <= MAX_TITLE else None
        if isinstance(cells, dict) and set(cells) <= set(ATTRIBUTES):
            texts = {name: value for name, value in cells.items() if isinstance(value, str)}
            if len(texts) == len(cells):
                return texts
    raise InputError(
        f"attributes {number}: allowed: a JSON object of texts with names of {', '.join(ATTRIBUTES)}"
    )
