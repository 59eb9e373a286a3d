import shutil

import pytest


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    from tests.fixtures import small_shop  # here, since it imports every stage

    return small_shop.build(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def built_with_several(tmp_path_factory):
    from tests.fixtures import small_shop

    return small_shop.build(tmp_path_factory.mktemp("several"), small_shop.several_pictures())


@pytest.fixture
def several(built_with_several, monkeypatch):
    """The small shop whose listings have several pictures as the current folder; only for reading."""
    monkeypatch.chdir(built_with_several)
    return built_with_several


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


@pytest.fixture(scope="session")
def built_reranked(built, tmp_path_factory):
    """The small shop on which the stage rerank has run, with few trees."""
    from tests.fixtures import small_shop

    folder = tmp_path_factory.mktemp("reranked") / "shop"
    shutil.copytree(built, folder)
    small_shop.rerank(folder)
    return folder


@pytest.fixture
def reranked(built_reranked, monkeypatch):
    """It as the current folder; only for reading."""
    monkeypatch.chdir(built_reranked)
    return built_reranked


@pytest.fixture
def reranked_copy(built_reranked, tmp_path, monkeypatch):
    """A copy that a test may write to."""
    folder = tmp_path / "copy"
    shutil.copytree(built_reranked, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """The reports of `write_pages`; only for reading."""
    from tests.fixtures import report_pages

    return report_pages.write_pages(tmp_path_factory.mktemp("reports"))
