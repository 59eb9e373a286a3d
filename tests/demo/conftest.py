"""A small catalogue, rendered once for all tests of the demo."""

from pathlib import Path

import pytest

from data.demo.params import Params
from data.demo.render import render, write

SMALL = Params(seed=3, products=40)


@pytest.fixture(scope="session")
def small_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The .zip of a 40-product catalogue, rendered by two worker processes."""
    path = tmp_path_factory.mktemp("demo") / "catalogue.zip"
    write(render(SMALL, workers=2), SMALL.seed, path)
    return path
