"""Small pictures for people."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from samesku.catalogue.images import make_thumbnail, open_writer, read_thumbnails


@pytest.mark.parametrize(
    ("size", "small"), [((576, 288), (144, 72)), ((90, 288), (45, 144)), ((40, 30), (40, 30))]
)
def test_the_longer_side_is_shrunk_and_small_pictures_stay(
    size: tuple[int, int], small: tuple[int, int]
) -> None:
    coarse = np.random.default_rng(0).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    webp = make_thumbnail(image)
    assert image.size == size  # the caller's picture is left as it was
    assert make_thumbnail(image) == webp
    seen = Image.open(io.BytesIO(webp))
    assert (seen.format, seen.size) == ("WEBP", small)
    moved = np.abs(np.asarray(seen, float) - np.asarray(image.resize(small, Image.Resampling.BICUBIC), float))
    assert moved.mean() < 10


def test_what_was_written_is_read_in_order(tmp_path: Path) -> None:
    wanted = [None if i % 5 == 2 else bytes([i]) for i in range(150)]
    with open_writer(tmp_path / "thumbnails.arrow") as writer:
        for webp in wanted:
            writer.append(webp)
    assert read_thumbnails(tmp_path / "thumbnails.arrow") == wanted
    with open_writer(tmp_path / "none.arrow"):
        pass
    assert read_thumbnails(tmp_path / "none.arrow") == []
