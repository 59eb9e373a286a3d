import shutil

import pytest

from tests.fixtures import small_shop as making


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    return making.build(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def shop(built, monkeypatch):
    """The folder of the small shop, and the current one; to read."""
    monkeypatch.chdir(built)
    return built


@pytest.fixture
def own_shop(built, tmp_path, monkeypatch):
    """A copy that a test may write to."""
    folder = tmp_path / "copy"
    shutil.copytree(built, folder)
    monkeypatch.chdir(folder)
    return folder
