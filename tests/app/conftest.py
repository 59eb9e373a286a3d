import shutil

import pytest
from filelock import FileLock

from tests.conftest import folder_of_all_workers


def build_once(tmp_path_factory, name, build):
    """The folder that `build` fills, for all workers."""
    shared = folder_of_all_workers(tmp_path_factory)
    folder, done = shared / name, shared / f"{name}.done"
    with FileLock(shared / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    def build(folder):
        from tests.fixtures import small_shop  # here, since it imports every stage

        small_shop.build(folder)

    return build_once(tmp_path_factory, "shop", build)


@pytest.fixture(scope="session")
def built_with_several(tmp_path_factory):
    def build(folder):
        from tests.fixtures import small_shop

        small_shop.build(folder, small_shop.several_pictures())

    return build_once(tmp_path_factory, "several", build)


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

    def build(folder):
        from tests.fixtures import small_shop

        shutil.copytree(built, folder, dirs_exist_ok=True)
        small_shop.rerank(folder)

    return build_once(tmp_path_factory, "reranked", build)


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
