import os
import pickle
import stat
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from samesku.catalogue import quarantine as q
from samesku.catalogue import source as source_module
from samesku.catalogue.open_source import open_source
from samesku.catalogue.source import Source
from samesku.errors import InputError

ODD_NAMES = [
    "a b.jpg",
    "it's.jpg",
    'a"b.jpg',
    "two\nlines.jpg",
    "商品.jpg",
    "=1+1.jpg",
    "sub.d.jpg",
]


def opened(path: Path, csv: str = "listings.csv", images: str | None = "images") -> Source:
    return open_source(path, csv, images)


def fault_of(source: Source, name: str) -> str:
    with pytest.raises(q.Fault) as fault:
        source.picture(name)
    return fault.value.reason


@pytest.fixture
def catalogue(write: Callable[..., Path]) -> Path:
    return write("posting_id,title\n", {"a.jpg": b"A", "empty.jpg": b"", **dict.fromkeys(ODD_NAMES, b"odd")})


def test_table_and_pictures_are_read_in_place(catalogue: Path) -> None:
    source = opened(catalogue)
    assert source.table() == b"posting_id,title\n"
    assert source.picture("a.jpg") == b"A"
    assert source.picture("./a.jpg") == b"A"
    assert [source.picture(name) for name in ODD_NAMES] == [b"odd"] * len(ODD_NAMES)


def test_a_source_that_was_used_can_be_sent_to_a_worker(catalogue: Path) -> None:
    source = opened(catalogue)
    source.picture("a.jpg")
    assert pickle.loads(pickle.dumps(source)).picture("a.jpg") == b"A"  # noqa: S301


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("b.jpg", q.IMAGE_MISSING),
        ("B.JPG", q.IMAGE_MISSING),
        ("https://cdn.example.com/p/b.jpg?w=800", q.IMAGE_ADDRESS),
        ("a.jpg/b.jpg", q.IMAGE_MISSING),
        ("empty.jpg", q.IMAGE_EMPTY),
        ("../listings.csv", q.IMAGE_OUTSIDE),
        ("x/../../listings.csv", q.IMAGE_OUTSIDE),
        ("/etc/hostname", q.IMAGE_OUTSIDE),
        ("..", q.IMAGE_OUTSIDE),
        (".", q.IMAGE_NAME),
        ("a\0.jpg", q.IMAGE_NAME),
        ("caf\udce9.jpg", q.IMAGE_NAME),
    ],
)
def test_names_that_lead_nowhere(catalogue: Path, name: str, reason: str) -> None:
    assert fault_of(opened(catalogue), name) == reason


def test_a_name_too_long_for_a_file(catalogue: Path) -> None:
    assert fault_of(opened(catalogue), "x" * 5000) in (q.IMAGE_UNREADABLE, q.IMAGE_MISSING)


def test_a_file_above_the_limit_is_not_read(catalogue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "MAX_BYTES", 2)
    assert opened(catalogue).picture("a.jpg") == b"A"
    assert fault_of(opened(catalogue), "a b.jpg") == q.IMAGE_BYTES


def test_links_and_what_is_no_file_in_a_folder(tmp_path: Path) -> None:
    images = tmp_path / "images"
    (images / "deep").mkdir(parents=True)
    (tmp_path / "secret.jpg").write_bytes(b"S")
    (images / "a.jpg").write_bytes(b"A")
    (images / "inside.jpg").symlink_to(images / "a.jpg")
    (images / "outside.jpg").symlink_to(tmp_path / "secret.jpg")
    (images / "up").symlink_to(tmp_path)
    (images / "loop.jpg").symlink_to(images / "loop.jpg")
    (images / "dangling.jpg").symlink_to(images / "nothing")
    os.mkfifo(images / "pipe.jpg")
    source = opened(tmp_path)
    assert source.picture("inside.jpg") == b"A"
    assert fault_of(source, "outside.jpg") == q.IMAGE_LINK
    assert fault_of(source, "up/secret.jpg") == q.IMAGE_OUTSIDE
    assert fault_of(source, "loop.jpg") == q.IMAGE_UNREADABLE
    assert fault_of(source, "dangling.jpg") == q.IMAGE_MISSING
    assert fault_of(source, "pipe.jpg") == q.IMAGE_NO_FILE
    assert fault_of(source, "deep") == q.IMAGE_NO_FILE


def test_a_table_that_links_out_of_the_catalogue_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "secret.csv").write_text("posting_id,title\n")
    (tmp_path / "shop/listings.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(
        InputError, match=r"^data\.csv: \S+listings\.csv leads out of \S+shop; allowed: a file in it"
    ):
        open_source(tmp_path / "shop", "listings.csv", None).table()
    (tmp_path / "shop/listings.csv").unlink()
    (tmp_path / "shop/here.csv").write_text("posting_id,title\n")
    (tmp_path / "shop/listings.csv").symlink_to("here.csv")
    assert open_source(tmp_path / "shop", "listings.csv", None).table() == b"posting_id,title\n"


@pytest.mark.parametrize(
    "images", ["..", "../secret", "images/../../secret", "%2e%2e/secret", "link", "/etc"]
)
def test_a_picture_folder_outside_the_catalogue_is_refused(tmp_path: Path, images: str) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "shop/images").mkdir(parents=True)
    (tmp_path / "shop/link").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match=r"^data\.images: \S+ leads out of \S+shop"):
        open_source(tmp_path / "shop", "listings.csv", images)
    (tmp_path / "shop/near").symlink_to("images")
    assert open_source(tmp_path / "shop", "listings.csv", "near").path == tmp_path / "shop"


def test_a_source_without_end_or_name_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "shop.zip")
    for path, fault in (
        ("/dev/zero", "is not a plain file"),
        (tmp_path / "shop.zip", "is not a plain file"),
        ("a" * 5000, "does not exist"),
        ("a\0b", "does not exist"),
    ):
        with pytest.raises(InputError, match=rf"^data\.source: .* {fault}; allowed: a \.zip or a folder"):
            open_source(path, "listings.csv", None)
    with pytest.raises(InputError, match=r"^data\.csv: there is no "):
        open_source(tmp_path, "a" * 5000, None).table()


def test_a_picture_that_dvc_linked_to_its_cache_is_read(tmp_path: Path) -> None:
    stored = tmp_path / ".dvc/cache/files/md5/0c" / ("f" * 30)
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"A")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.jpg").symlink_to(stored)
    assert opened(tmp_path).picture("a.jpg") == b"A"


def test_links_folders_and_damage_in_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("listings.csv", "")
        archive.writestr("images/good.jpg", b"GOOD")
        archive.writestr("images/bad.jpg", b"BADBAD")
        archive.writestr("images/deep/", b"")
        link = zipfile.ZipInfo("images/link.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "../listings.csv")
    path.write_bytes(path.read_bytes().replace(b"BADBAD", b"BADBAX"))
    source = opened(path)
    assert source.picture("good.jpg") == b"GOOD"
    assert fault_of(source, "bad.jpg") == q.IMAGE_DAMAGED
    assert fault_of(source, "link.jpg") == q.IMAGE_LINK
    assert fault_of(source, "deep/") == q.IMAGE_MISSING


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_two_tables_of_the_name_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "catalogue.zip", "w") as archive:
        for content in ("id\n1\n", "id\n2\n"):
            archive.writestr("listings.csv", content)
    with pytest.raises(
        InputError, match=r"data\.csv: .*catalogue\.zip has listings\.csv twice; allowed: once"
    ):
        open_source(tmp_path / "catalogue.zip", "listings.csv", None).table()


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_cannot_be_stopped_at_a_size_is_not_read(how: int, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.zip"
    with zipfile.ZipFile(path, "w", how) as archive:
        archive.writestr("listings.csv", "")
        archive.writestr("images/a.jpg", b"A" * 100)
    assert fault_of(opened(path), "a.jpg") == q.IMAGE_DAMAGED
    with pytest.raises(InputError, match=r"listings\.csv in .* cannot be read"):
        opened(path).table()


def test_a_member_that_lies_about_its_size_gives_no_more_than_that(tmp_path: Path) -> None:
    """30 MB of nothing in 30 kB, which claim to be 1,000 bytes: never unpacked."""
    path, large = tmp_path / "catalogue.zip", 30_000_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images/a.jpg", bytes(large))
    content = path.read_bytes()
    size = large.to_bytes(4, "little")
    assert content.count(size) == 2  # before the data and in the directory
    path.write_bytes(content.replace(size, (1000).to_bytes(4, "little")))
    source = opened(path)
    tracemalloc.start()
    assert fault_of(source, "a.jpg") == q.IMAGE_DAMAGED
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_table_above_the_limit_is_not_read(catalogue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "MAX_TABLE", 10)
    with pytest.raises(InputError, match=r"listings\.csv.* has 17 bytes; allowed: up to 10"):
        opened(catalogue).table()


def test_a_table_that_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "device.csv").symlink_to("/dev/zero")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "folder.csv").mkdir()
    for name in ("pipe.csv", "device.csv", "folder.csv"):
        with pytest.raises(
            InputError, match=rf"^data\.csv: \S*{name} is not a plain file; allowed: a file, or"
        ):
            opened(tmp_path, name).table()
    with pytest.raises(InputError, match=r"loop\.csv"):
        opened(tmp_path, "loop.csv").table()


def test_a_table_deep_inside_as_another_shop_zips_it(tmp_path: Path) -> None:
    path = tmp_path / "shop.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("shop/train.csv", "table")
        archive.writestr("shop/train_images/a.jpg", b"A")
    source = opened(path, "shop/train.csv", "./shop/train_images/")
    assert (source.table(), source.picture("a.jpg")) == (b"table", b"A")


def test_members_of_a_zip_may_begin_with_the_folder_itself(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as archive:
        archive.writestr("./listings.csv", "table")
        archive.writestr("./images/a.jpg", b"A")
    source = opened(tmp_path / "shop.zip")
    assert (source.table(), source.picture("a.jpg")) == (b"table", b"A")


def test_no_pictures_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "listings.csv").write_text("table")
    assert opened(tmp_path, images=None).table() == b"table"


def test_what_is_refused(catalogue: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.source: .*nowhere does not exist"):
        opened(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"data\.images: .* has no folder pictures"):
        opened(catalogue, images="pictures")
    with pytest.raises(InputError, match=r"data\.csv: .*train\.csv"):
        opened(catalogue, csv="train.csv").table()
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(InputError, match=r"is no readable \.zip"):
        opened(tmp_path / "broken.zip")
