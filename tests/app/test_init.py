"""samesku init: params.yaml for a catalogue of one's own, and what it refuses before it changes anything."""

import subprocess

import pytest
import yaml
from typer.testing import CliRunner

from samesku.app.cli import app
from samesku.app.init import OF_ONE_CATALOGUE
from samesku.params import load_params
from tests.conftest import ROOT
from tests.feeds.conftest import picture

TABLE = "sku;Name;photo;shop;colour\n" + "".join(f"a{i};Oil {i};{i}.jpg;S;red\n" for i in range(20))


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """The files that init reads, in a repository of git."""
    folder = tmp_path / "repository"
    (folder / "profiles").mkdir(parents=True)
    for name in ("params.yaml", "profiles/quick.yaml"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=s", "-c", "user.email=s@s", "commit", "-qm", "A"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    return folder


def write_catalogue(folder, table=TABLE, pictures=20):
    (folder / "photos").mkdir(parents=True)
    for i in range(pictures):
        (folder / f"photos/{i}.jpg").write_bytes(picture(i))
    (folder / "shop.csv").write_text(table, "utf-8")
    return folder


def init(*arguments):
    done = CliRunner().invoke(app, ["init", *map(str, arguments)])
    return done.exit_code, done.stdout + done.stderr


def init_folder(folder, *options):
    return init(folder / "shop.csv", "--images", folder / "photos", *options)


def test_a_catalogue_outside_the_repository_by_its_absolute_path(repository, tmp_path):
    folder = write_catalogue(tmp_path / "my shop")
    assert init_folder(folder) == (
        0,
        f"params.yaml has profile quick and the catalogue {folder}: 20 listings of shop.csv, pictures in photos\n"
        "columns: posting_id = sku, title = Name, image = photo, source = shop\n"
        "not there: image_phash, label_group, split, brand, price, gtin, mpn, category; not used: colour\n"
        "labels: none, so nothing is trained or measured, and a default threshold decides; `samesku serve` asks for "
        "annotations of pairs, which give a better one\n"
        "next: dvc repro\n"
        "undo: git restore params.yaml, after dvc repro git restore params.yaml dvc.lock metrics\n",
    )
    params = load_params()
    assert (params.data.source, params.data.csv, params.data.images) == (str(folder), "shop.csv", "photos")
    assert params.data.columns == {"posting_id": "sku", "title": "Name", "image": "photo", "source": "shop"}
    assert params.data.n_listings is None
    assert (params.train, params.compare, params.decision.value) == ({}, {}, "tune")
    subprocess.run(["git", "checkout", "-q", "params.yaml"], check=True)
    assert (repository / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_a_catalogue_in_the_repository_by_a_path_from_there(repository):
    folder = write_catalogue(repository / "data/raw/mine", TABLE.replace("colour", "label_group"))
    status, output = init("data/raw/mine/shop.csv", "--images", "data/raw/mine/photos")
    assert status == 0
    assert load_params().data.source == folder.relative_to(repository).as_posix() == "data/raw/mine"
    assert "labels: 20 of 20 listings have one" in output
    assert load_params().decision.value == "tune"


def test_comments_and_other_lines_stay(repository, tmp_path):
    before = (repository / "params.yaml").read_text("utf-8").splitlines()
    init_folder(write_catalogue(tmp_path / "shop"))
    after = (repository / "params.yaml").read_text("utf-8").splitlines()
    kept = before[: before.index("train:")]
    comments = [line for line in kept if "#" in line]
    assert [line for line in after if line in comments] == comments
    assert {"  columns:", "    posting_id: sku", "  n_listings:"} <= set(after)


def test_of_several_shops_it_says_which_pairs_may_match(repository, tmp_path):
    table = TABLE.replace("a3;Oil 3;3.jpg;S;", "a3;Oil 3;3.jpg;T;")
    folder = write_catalogue(tmp_path / "a", table)
    assert "shops: 2; two listings of one shop may match too; " in init_folder(folder)[1]
    assert load_params().match.link == "all"
    across = init(str(folder / "shop.csv"), "--link", "across")
    assert across[0] == 0
    assert "shops: 2; only listings of different shops may match\n" in across[1]
    assert load_params().match.link == "across"
    assert init_folder(folder)[0] == 0
    assert load_params().match.link == "all"  # set back
    assert "shops:" not in init_folder(write_catalogue(tmp_path / "b"))[1]


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (
            "across",
            "are of one shop; allowed: a column with two shops or more (--column source=NAME), or --link all",
        ),
        ("both", "--link both; allowed: all, across, within"),
    ],
)
def test_a_link_that_the_shops_do_not_allow_is_refused(repository, tmp_path, link, message):
    before = (repository / "params.yaml").read_bytes()
    status, output = init(str(write_catalogue(tmp_path / "a") / "shop.csv"), "--link", link)
    assert status != 0
    assert message in output
    assert (repository / "params.yaml").read_bytes() == before


def test_a_second_time_replaces_the_first(repository, tmp_path):
    init_folder(write_catalogue(tmp_path / "a"))
    other = write_catalogue(tmp_path / "b", "posting_id,title,image\n1,a,1.jpg\n2,b,2.jpg\n")
    status, output = init_folder(other)
    assert status == 0
    assert output.endswith(
        "git restore params.yaml dvc.lock metrics (it takes back all changes since the last commit)\n"
    )
    assert load_params().data.columns == {}
    assert load_params().data.source == str(other)


def test_settings_of_an_earlier_catalogue_are_set_back(repository, tmp_path):
    folder = write_catalogue(tmp_path / "shop")
    params = repository / "params.yaml"
    text = params.read_text("utf-8").replace("link: all", "link: across")
    params.write_text(text.replace("  kind: static\n", "  kind: dynamic\n", 1), "utf-8")
    assert load_params().decision.kind == "dynamic"
    _, output = init_folder(folder)
    assert "set back to what is shipped: match.link (was across), decision.kind (was dynamic)\n" in output
    assert (load_params().match.link, load_params().decision.kind) == ("all", "static")
    assert "set back" not in init_folder(folder)[1]


def test_the_entries_that_are_set_back_are_those_of_the_shipped_params():
    shipped = load_params(ROOT / "params.yaml").model_dump()
    for group, entries in OF_ONE_CATALOGUE.items():
        assert {key: shipped[group][key] for key in entries} == entries


def test_without_pictures_titles_alone_are_compared(repository, tmp_path):
    folder = write_catalogue(tmp_path / "shop")
    status, output = init(folder / "shop.csv")
    assert status == 0
    assert "no pictures (--images names their folder)" in output
    assert load_params().data.images is None


def test_table_and_pictures_in_different_folders(repository, tmp_path):
    folder = write_catalogue(tmp_path / "shop")
    (folder / "tables").mkdir()
    (folder / "shop.csv").rename(folder / "tables/shop.csv")
    assert init(folder / "tables/shop.csv", "--images", folder / "photos")[0] == 0
    data = load_params().data
    assert (data.source, data.csv, data.images) == (str(folder), "tables/shop.csv", "photos")


def test_pictures_beside_the_table(repository, tmp_path):
    folder = write_catalogue(tmp_path / "shop")
    (folder / "shop.csv").rename(folder / "photos/shop.csv")
    assert init(folder / "photos/shop.csv", "--images", folder / "photos")[0] == 0
    assert load_params().data.images == "."


@pytest.mark.parametrize("value", ["no", "1e3", "a: b", "ä #", "null", "'q\"", "- x", "[a"])
def test_names_that_yaml_takes_for_something_else(repository, tmp_path, value):
    table = TABLE.replace("colour", f'"{value.replace(chr(34), chr(34) * 2)}"')
    folder = write_catalogue(tmp_path / value.replace("/", ""), table)
    status, output = init_folder(folder, "--column", f"brand={value}")
    assert status == 0, output
    assert load_params().data.columns["brand"] == value
    assert load_params().data.source == str(folder)


def test_columns_that_a_person_names(repository, tmp_path):
    folder = write_catalogue(tmp_path / "shop")
    assert init_folder(folder, "--source-column", "colour", "--column", "brand=shop")[0] == 0
    columns = load_params().data.columns
    assert (columns["source"], columns["brand"]) == ("colour", "shop")


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (TABLE.replace("colour", "product_id"), (),
         "posting_id may be sku or product_id; say which: --column posting_id=sku"),
        (TABLE.replace("sku", "number"), (),
         "has no column that looks like an id; name yours: --column posting_id=NAME "
         "(columns: number, Name, photo, shop, colour)"),
        (TABLE, ("--column", "brand=make"), "the table has no column make; it has: sku, Name, photo, shop, colour"),
        (TABLE, ("--column", "posting_id=colour"),
         "100.0% of the rows cannot be used, above data.max_quarantined 0.05: 20 × posting_id: stands on rows that "
         "differ; the id of a listing was taken from the column colour"),
        (TABLE.replace(".jpg", ".png"), (),
         "photos (the first is 0.png, image: missing); allowed: the names of files in that folder"),
        (TABLE.replace(";0.jpg", ";https://x/0.jpg"), (),
         "has the URLs of pictures; this fetches them: samesku import "),
        ("sku;Name;photo\n", (), "shop.csv has a header and no rows"),
        (TABLE.replace("colour", "Name"), (),
         "the table has the column Name twice; rename one of the two in the table"),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_params_as_they_were(repository, tmp_path, table, options, message):
    status, output = init_folder(write_catalogue(tmp_path / "shop", table), *options)
    assert status == 2
    assert message in output
    assert output.startswith("samesku init: ")
    assert output.count("\n") == 1
    assert (repository / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_a_table_without_any_title_or_picture_is_refused(repository, tmp_path):
    table = tmp_path / "shop" / "shop.csv"
    table.parent.mkdir()
    table.write_text("sku,Name\n" + "".join(f"a{i},\n" for i in range(20)))
    status, output = init(table)
    assert status == 2
    assert "has a title or a picture; --column title=NAME takes another column" in output
    assert (repository / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_an_encoding_that_is_not_certain_is_given_as_the_message_says(repository, tmp_path):
    table = tmp_path / "shop" / "shop.csv"
    table.parent.mkdir()
    table.write_text("sku,Name\n" + "".join(f"a{i},Масло {i} г растительное\n" for i in range(20)), "cp1251")
    status, output = init(table)
    assert status == 2
    assert "give --encoding cp1251 if 'растительное' is right" in output
    assert init(table, "--encoding", "cp1251")[0] == 0
    assert load_params().data.encoding == "cp1251"


@pytest.mark.parametrize("place", [".", "data", ".."])
def test_a_folder_that_holds_the_pipeline_is_refused(repository, place):
    folder = write_catalogue(repository / place)
    status, output = init_folder(folder)
    assert status == 2
    assert "move both to a folder of their own, such as data/raw/mine" in output


def test_files_that_are_not_there(repository, tmp_path):
    assert "none.csv cannot be read" in init(tmp_path / "none.csv")[1]
    folder = write_catalogue(tmp_path / "shop")
    assert "photo is no folder" in init(folder / "shop.csv", "--images", folder / "photo")[1]


def test_a_profile_says_how_to_take_it_back(repository):
    done = CliRunner().invoke(app, ["profile", "quick"])
    assert done.stdout.splitlines() == [
        "params.yaml now has the entries of profiles/quick.yaml; catalogue: data/demo/catalogue.zip",
        "undo: git restore params.yaml, after dvc repro git restore params.yaml dvc.lock metrics",
    ]
    assert yaml.safe_load((repository / "params.yaml").read_text())["train"] == {}
