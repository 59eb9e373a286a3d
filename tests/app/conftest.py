import shutil

import pytest


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    from tests.fixtures import small_shop  # here, since it imports every stage

    return small_shop.build(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def shop(built, monkeypatch):
    """The small shop as the current folder; only for reading."""
    monkeypatch.chdir(built)
    return built


@pytest.fixture
def shop_copy(built, tmp_path, monkeypatch):
    """A copy that a test may write to."""
    folder = tmp_path / "copy"
    shutil.copytree(built, folder)
    monkeypatch.chdir(folder)
    return folder
