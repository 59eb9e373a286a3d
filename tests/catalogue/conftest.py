"""Small catalogues written to disk, as a folder or as a .zip."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def noise(seed: int, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """A coarse random picture: every seed has a perceptual hash far from the others'."""
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """picture(seed, size, format, **options) -> the bytes of a file."""

    def make(
        seed: int = 0, size: tuple[int, int] = (40, 30), format: str = "JPEG", **options: object
    ) -> bytes:
        out = io.BytesIO()
        noise(seed, size).save(out, format, **options)
        return out.getvalue()

    return make


@pytest.fixture(params=["folder", "zip"])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Path]:
    """write(table, {name: bytes}) -> a catalogue of listings.csv and images/, of both kinds in turn."""

    def make(table: str | bytes, pictures: dict[str, bytes] | None = None) -> Path:
        table = table.encode() if isinstance(table, str) else table
        if request.param == "zip":
            path = tmp_path / "catalogue.zip"
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("listings.csv", table)
                archive.writestr("images/", b"")
                for name, data in (pictures or {}).items():
                    archive.writestr(f"images/{name}", data)
            return path
        path = tmp_path / "catalogue"
        (path / "images").mkdir(parents=True)
        (path / "listings.csv").write_bytes(table)
        for name, data in (pictures or {}).items():
            (path / "images" / name).write_bytes(data)
        return path

    return make
