"""The stage on small catalogues whose every row can be followed by hand."""

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from samesku import artefacts
from samesku.catalogue import quarantine as q
from samesku.catalogue.images import PackedImages, read_thumbnails
from samesku.catalogue.listings import read_listings
from samesku.catalogue.open_source import open_source
from samesku.catalogue.sample import LISTINGS_SCHEMA
from samesku.errors import InputError
from samesku.params import read_params
from samesku.params.schema import Data, Split
from stages import sample as stage
from tests.conftest import ROOT

HEADER = ["posting_id", "title", "image", "image_phash", "label_group"]
OUTS = ["images.arrow", "listings.parquet", "quarantine.csv", "summary.json", "thumbnails.arrow"]


def jpeg(seed: int, size: tuple[int, int] = (40, 30)) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(out, "JPEG")
    return out.getvalue()


def flat() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(out, "PNG")
    return out.getvalue()


def table(rows: list[list[str]], header: list[str] = HEADER) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows])
    return out.getvalue().encode()


class Workspace:
    """A folder with its own params.yaml, where the stage is run as `dvc repro` runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.params: dict[str, Any] = read_params(ROOT / "params.yaml")
        self.params["data"] |= {
            "source": "shop.zip",
            "n_listings": None,
            "image_size": 32,
            "max_quarantined": 1.0,
        }
        self.params["machine"]["workers"] = 0

    def write(self, content: bytes, pictures: dict[str, bytes] | None = None) -> None:
        with zipfile.ZipFile(self.folder / "shop.zip", "w") as archive:
            archive.writestr("listings.csv", content)
            archive.writestr("images/", b"")
            for name, data in (pictures or {}).items():
                archive.writestr(f"images/{name}", data)

    def run(self) -> str:
        (self.folder / "params.yaml").write_text(yaml.safe_dump(self.params), "utf-8")
        return stage.main()

    @property
    def listings(self) -> list[dict[str, Any]]:
        return pq.read_table(self.folder / artefacts.LISTINGS).to_pylist()

    @property
    def images(self) -> PackedImages:
        return PackedImages(self.folder / artefacts.IMAGES)

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.folder / artefacts.SUMMARY).read_text())

    @property
    def quarantine(self) -> list[tuple[str, ...]]:
        with (self.folder / artefacts.QUARANTINE).open(encoding="utf-8", newline="") as file:
            return [tuple(row) for row in csv.reader(file)][1:]

    def column(self, name: str) -> list[Any]:
        return [listing[name] for listing in self.listings]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(tmp_path)
    return Workspace(tmp_path)


def test_a_catalogue_by_hand(workspace: Workspace) -> None:
    workspace.write(
        table(
            [
                ["e", r"\xe2\x98\x85 Mug", "1.jpg", "", "mug"],
                ["b", "Bag", "2.jpg", "00FF00FF00FF00FF", "bag"],
                ["d", "Bag red", "2.jpg", "", ""],
                ["a", "", "gone.jpg", "0123456789abcdef", " "],
                ["c", "Cap", "", "", "cap"],
            ]
        ),
        {"1.jpg": jpeg(1), "2.jpg": jpeg(2, (60, 100))},
    )
    line = workspace.run()
    assert workspace.column("row") == [3, 1, 4, 2, 0]
    assert workspace.column("posting_id") == ["a", "b", "c", "d", "e"]
    assert workspace.column("title") == ["", "Bag", "Cap", "Bag red", "★ Mug"]
    assert workspace.column("image") == ["", "2.jpg", "", "2.jpg", "1.jpg"]
    assert workspace.column("has_image") == [False, True, False, True, True]
    assert workspace.column("label_group") == [None, "bag", "cap", None, "mug"]
    assert workspace.column("component") == [0, 1, 2, 1, 3]  # b and d share a file
    hashes = workspace.column("image_phash")
    assert hashes[:3] == ["0123456789abcdef", "00ff00ff00ff00ff", ""]
    assert all(len(hash_) == 16 for hash_ in hashes[3:])
    assert [image and image.size for image in workspace.images] == [None, (32, 53), None, (32, 53), (40, 30)]
    assert workspace.quarantine == [
        ("3", "a", "gone.jpg", q.IMAGE_MISSING),
        ("3", "a", "gone.jpg", q.TITLE_EMPTY),
        ("4", "c", "", q.IMAGE_UNNAMED),
    ]
    summary = workspace.summary
    assert (summary["rows"], summary["listings"], summary["quarantined"]) == (5, 5, 2)
    assert (summary["products"], summary["unlabelled"]) == (3, 2)
    assert (summary["pictures"], summary["titles"], summary["hashes"]) == (3, 4, 4)
    assert (summary["components"], summary["largest_component"]) == (4, 2)
    assert summary["train"] + summary["val"] + summary["test"] == 5
    assert line.startswith("5 listings of 3 products, 3 pictures, ")
    assert pq.read_schema(artefacts.LISTINGS).equals(LISTINGS_SCHEMA)
    assert sorted(path.name for path in artefacts.SAMPLE.iterdir()) == OUTS


def test_columns_of_shops_and_attributes_are_written_where_one_has_a_value(workspace):
    header = [*HEADER, "source", "brand", "price"]
    workspace.write(
        table(
            [["a", "Bag", "", "", "", " shop 1 ", "", "9.90 EUR"], ["b", "Cap", "", "", "", "", " ", ""]],
            header,
        )
    )
    workspace.run()
    assert workspace.column("source") == ["shop 1", ""]
    assert workspace.column("price") == ["9.90 EUR", ""]
    assert "brand" not in pq.read_schema(artefacts.LISTINGS).names
    assert read_listings(artefacts.LISTINGS).attribute("brand") == ["", ""]


ROW_FAULTS = {
    "no id": (["", "Bag", "1.jpg", "", ""], [q.ID_EMPTY]),
    "an id with a space": (["a b", "Bag", "1.jpg", "", ""], [q.ID_UNSAFE]),
    "a formula": (["=1+1", "Bag", "1.jpg", "", ""], [q.ID_FORMULA]),
    "an id twice": (["z", "Mug", "1.jpg", "", ""], [q.ID_CONFLICT]),
    "a row twice": (["z", "Cap", "2.jpg", "", ""], [q.ID_REPEATED]),
    "nothing left": (
        ["x", " ", "text.jpg", "?", ""],
        [q.IMAGE_NONE, q.HASH_BAD, q.ROW_NOTHING, q.TITLE_EMPTY],
    ),
    "a cell too many": (["x", "Bag", "1.jpg", "", "", "more"], [q.ROW_CELLS]),
}
MODALITY_FAULTS = {
    "no title": (["x", "", "1.jpg", "", ""], [q.TITLE_EMPTY]),
    "no name": (["x", "Bag", "", "", ""], [q.IMAGE_UNNAMED]),
    "missing": (["x", "Bag", "gone.jpg", "", ""], [q.IMAGE_MISSING]),
    "truncated": (["x", "Bag", "half.jpg", "", ""], [q.IMAGE_DAMAGED]),
    "no picture": (["x", "Bag", "text.jpg", "", ""], [q.IMAGE_NONE]),
    "zero bytes": (["x", "Bag", "empty.jpg", "", ""], [q.IMAGE_EMPTY]),
    "too large": (["x", "Bag", "large.jpg", "", ""], [q.IMAGE_PIXELS]),
    "out of the folder": (["x", "Bag", "../listings.csv", "", ""], [q.IMAGE_OUTSIDE]),
    "absolute": (["x", "Bag", "/etc/hostname", "", ""], [q.IMAGE_OUTSIDE]),
    "bad hash": (["x", "Bag", "1.jpg", "12", ""], [q.HASH_BAD]),
    "hash of nothing": (["x", "Bag", "1.jpg", "0" * 16, ""], [q.HASH_FLAT]),
    "flat picture": (["x", "Bag", "flat.png", "", ""], [q.HASH_FLAT]),
    "ten thousand letters, and no fault": (["x", "ab " * 4000, "1.jpg", "", ""], []),
    "another extension, and no fault": (["x", "Bag", "jpeg.png", "", ""], []),
}
PICTURES = {
    "1.jpg": jpeg(1), "2.jpg": jpeg(2), "half.jpg": jpeg(3)[:700], "text.jpg": b"<html>", "empty.jpg": b"",
    "large.jpg": jpeg(4, (200, 200)), "flat.png": flat(), "jpeg.png": jpeg(5),
}  # fmt: skip


@pytest.mark.parametrize(("row", "reasons"), ROW_FAULTS.values(), ids=ROW_FAULTS.keys())
def test_a_faulty_row_is_out(workspace: Workspace, row: list[str], reasons: list[str]) -> None:
    workspace.write(table([["y", "Mug", "1.jpg", "", ""], ["z", "Cap", "2.jpg", "", ""], row]), PICTURES)
    workspace.run()
    assert workspace.column("posting_id") == (["y"] if reasons == [q.ID_CONFLICT] else ["y", "z"])
    assert sorted({entry[3] for entry in workspace.quarantine}) == sorted(reasons)
    assert ("2", reasons[0]) in {(entry[0], entry[3]) for entry in workspace.quarantine}
    assert len(workspace.images) == len(workspace.listings)


@pytest.mark.parametrize(("row", "reasons"), MODALITY_FAULTS.values(), ids=MODALITY_FAULTS.keys())
def test_a_faulty_cell_costs_its_modality_alone(
    workspace: Workspace, row: list[str], reasons: list[str]
) -> None:
    workspace.params["data"]["max_pixels"] = 30_000
    workspace.write(table([["y", "Mug", "2.jpg", "", ""], row]), PICTURES)
    workspace.run()
    assert [entry[1:] for entry in workspace.quarantine] == [("x", row[2], reason) for reason in reasons]
    listing = workspace.listings[0]
    assert listing["posting_id"] == "x"
    assert bool(listing["title"]) is bool(row[1])
    lost = any(reason.startswith("image:") for reason in reasons)
    assert listing["has_image"] is (not lost) is (workspace.images[0] is not None)
    assert listing["image"] == ("" if lost else row[2])
    assert bool(listing["image_phash"]) is (not lost and row[2] != "flat.png")


def test_without_pictures_a_given_hash_still_serves(workspace: Workspace) -> None:
    workspace.params["data"]["images"] = None
    workspace.write(
        table(
            [
                ["a", "", "x.jpg", "0123456789abcdef", "1"],
                ["b", "Bag", "x.jpg", "", ""],
                ["c", "", "y.jpg", "", ""],
                ["d", "Mug", "z.jpg", "0123456789abcdef", ""],
            ]
        )
    )
    workspace.run()
    assert workspace.column("posting_id") == ["a", "b", "d"]
    assert workspace.column("image") == ["", "", ""]
    assert workspace.column("component") == [0, 0, 0]  # by file name and by hash
    assert len(workspace.images) == 0
    assert [entry[3] for entry in workspace.quarantine] == [q.TITLE_EMPTY, q.ROW_NOTHING, q.TITLE_EMPTY]


def test_a_refused_catalogue_says_that_the_matches_are_those_of_the_run_before(workspace: Workspace) -> None:
    workspace.write(b"posting_id,title\n")
    with pytest.raises(InputError, match=r"at least one listing$"):
        workspace.run()
    (workspace.folder / "data/predictions/samesku").mkdir(parents=True)
    (workspace.folder / "data/predictions/samesku/submission.csv").touch()
    with pytest.raises(InputError, match=r"; data/predictions still has the matches of the run before$"):
        workspace.run()


def test_titles_alone(workspace: Workspace) -> None:
    workspace.write(b"posting_id;title\na;Bag\nb;Mug\n")
    workspace.run()
    assert workspace.column("label_group") == [None, None]
    assert workspace.summary["pictures"] == 0
    assert workspace.quarantine == []


def test_pictures_alone(workspace: Workspace) -> None:
    workspace.write(b"posting_id,image\na,1.jpg\nb,2.jpg\n", PICTURES)
    workspace.run()
    assert workspace.column("title") == ["", ""]
    assert workspace.quarantine == []


def many(n: int = 120) -> tuple[bytes, dict[str, bytes]]:
    rows = [[f"id{i:03}", f"Title {i}", f"{i % 70}.jpg", "", str(i // 3)] for i in range(n)]
    rows[5][2], rows[7][1], rows[9][0] = "gone.jpg", "", ""
    return table(rows), {f"{i}.jpg": jpeg(i) for i in range(70)}


def test_the_outs_are_the_same_whatever_the_workers_or_the_order_of_rows(workspace: Workspace) -> None:
    content, pictures = many()
    workspace.write(content, pictures)
    outs = []
    for workers in (0, 2):
        workspace.params["machine"]["workers"] = workers
        workspace.run()
        outs.append([(artefacts.SAMPLE / name).read_bytes() for name in OUTS])
    assert outs[0] == outs[1]
    before = workspace.listings
    header, *rows = content.splitlines(keepends=True)
    workspace.write(b"".join([header, *reversed(rows)]), pictures)
    workspace.run()
    drop = {"row"}
    assert [{k: v for k, v in listing.items() if k not in drop} for listing in workspace.listings] == [
        {k: v for k, v in listing.items() if k not in drop} for listing in before
    ]


def test_what_is_not_taken_is_not_decoded(workspace: Workspace) -> None:
    rows = [[f"id{i:03}", f"Title {i}", f"{i}.jpg", "", str(i // 3)] for i in range(120)]
    workspace.params["data"]["n_listings"] = 30
    workspace.write(table(rows))
    workspace.run()
    assert workspace.summary["listings"] == 30
    assert {workspace.column("label_group").count(label) for label in workspace.column("label_group")} == {3}
    assert [entry[3] for entry in workspace.quarantine] == [q.IMAGE_MISSING] * 30  # none of the other 90
    first = workspace.column("posting_id")
    workspace.params["data"]["seed"] = 1
    workspace.run()
    assert workspace.column("posting_id") != first
    workspace.params["data"]["sample_by"] = "listing"
    workspace.run()
    assert workspace.summary["listings"] == 30


def test_a_component_is_on_one_side(workspace: Workspace) -> None:
    workspace.params["split"]["shares"] = {"train": 0.4, "val": 0.3, "test": 0.3}
    workspace.write(*many())
    workspace.run()
    for key in ("component", "label_group", "image", "image_phash"):
        sides: dict[Any, set[str]] = {}
        for listing in workspace.listings:
            if listing[key] not in (None, ""):
                sides.setdefault(listing[key], set()).add(listing["split"])
        assert all(len(side) == 1 for side in sides.values()), key
    leaks = workspace.summary["leaks"]
    assert (leaks["label"], leaks["image"], leaks["phash"]) == (0, 0, 0)


def test_a_plain_split_by_label_leaks_and_says_so(workspace: Workspace) -> None:
    rows = [[f"id{i:03}", f"Title {i % 40}", "", f"{i % 20 + 1:016x}", str(i)] for i in range(80)]
    workspace.params["split"] = {
        "by": "label_group",
        "shares": {"train": 0.5, "val": 0.0, "test": 0.5},
        "seed": 0,
    }
    workspace.params["data"]["images"] = None
    workspace.write(table(rows))
    workspace.run()
    leaks = workspace.summary["leaks"]
    assert leaks["label"] == 0
    assert leaks["phash"] > 0
    assert leaks["title"] > 0
    assert leaks["largest"] == leaks["near_phash"] >= leaks["phash"]


def test_the_tables_own_split(workspace: Workspace) -> None:
    workspace.params["split"]["by"] = "column"
    workspace.write(b"posting_id,title,split\na,Bag,test\nb,Mug,train\nc,Cap, val\n")
    workspace.run()
    assert workspace.column("split") == ["test", "train", "val"]
    workspace.write(b"posting_id,title,split\na,Bag,test\nb,Mug,Train\nc,Cap,\n")
    with pytest.raises(
        InputError, match=r"split is 'Train' in row 1, and wrong in 1 others.*train, val, test"
    ):
        workspace.run()
    workspace.write(b"posting_id,title\na,Bag\n")
    with pytest.raises(InputError, match="no column split"):
        workspace.run()


def test_too_many_faults_stop_the_stage_and_are_listed(workspace: Workspace) -> None:
    workspace.params["data"]["max_quarantined"] = 0.25
    rows = [["a", "Bag", "1.jpg", "", ""], ["b", "Mug", "gone.jpg", "", ""], ["c", "Cap", "2.jpg", "", ""]]
    workspace.write(table([*rows, ["d", "Box", "1.jpg", "", ""]]), PICTURES)
    workspace.run()
    workspace.write(table(rows), PICTURES)
    with pytest.raises(
        InputError, match=r"33\.3% of the rows.*max_quarantined 0\.25: 1 × image: missing; .*quarantine\.csv"
    ):
        workspace.run()
    assert [entry[1] for entry in workspace.quarantine] == ["b"]
    assert (
        sorted(path.name for path in artefacts.SAMPLE.iterdir()) == OUTS
    )  # the last good ones, nothing beside


def test_nothing_left_is_refused(workspace: Workspace) -> None:
    workspace.write(table([["", "Bag", "1.jpg", "", ""], ["b", "", "gone.jpg", "", ""]]), PICTURES)
    with pytest.raises(InputError, match=r"no listing is left: .*row: no title"):
        workspace.run()


def test_as_a_command_a_refusal_is_one_line(workspace: Workspace) -> None:
    workspace.write(b"id,title\n1,Bag\n")
    (workspace.folder / "params.yaml").write_text(yaml.safe_dump(workspace.params), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "stages.sample"],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "sample: data.csv has no column posting_id, which is required (columns found: id, title; read as a CSV in "
        "UTF-8 with commas); name yours in params.yaml, as in data.columns: {posting_id: id}\n"
    )


_CELL = st.text(max_size=8)


@settings(max_examples=60)
@given(st.lists(st.tuples(_CELL, _CELL, _CELL, _CELL, _CELL), min_size=1, max_size=6), st.binary(max_size=40))
def test_any_table_ends_in_outs_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], noise: bytes
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    out = io.StringIO()
    csv.writer(out).writerows([HEADER, *rows])
    (folder / "images").mkdir()
    (folder / "images" / "1.jpg").write_bytes(jpeg(1, (8, 8)))
    (folder / "listings.csv").write_bytes(out.getvalue().encode("utf-8", "surrogateescape") + noise)
    workspace = Workspace(folder)
    source = open_source(folder, "listings.csv", "images")
    faults = q.Quarantine()
    data = Data.model_validate(workspace.params["data"])
    split = Split.model_validate(workspace.params["split"])
    try:
        arrow = folder / "images.arrow", folder / "thumbnails.arrow"
        listings, _, summary = stage.make_sample(source, data, split, 0, *arrow, faults)
    except InputError:
        faults.write(folder / "quarantine.csv")
        return
    pq.write_table(listings, folder / "listings.parquet")
    faults.write(folder / "quarantine.csv")
    assert len(PackedImages(folder / "images.arrow")) == listings.num_rows == summary["listings"]
    assert len(read_thumbnails(folder / "thumbnails.arrow")) == listings.num_rows
    # a row that only gives another one its picture keeps its number, but is not counted
    assert len(set(listings["row"].to_pylist()) | faults.rows()) == summary["rows"]


def test_every_summary_number_is_finite(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    workspace.write(*many(30))
    workspace.run()

    def numbers(node: Any) -> list[Any]:
        return [
            n for value in node.values() for n in (numbers(value) if isinstance(value, dict) else [value])
        ]

    assert all(type(number) is int for number in numbers(workspace.summary))
    assert "Traceback" not in capsys.readouterr().err


def test_a_full_pass_reports_a_size_per_split(workspace: Workspace) -> None:
    workspace.params["split"]["shares"] = {"train": 0.0, "val": 0.5, "test": 0.5}
    workspace.write(*many(60))
    workspace.run()
    assert workspace.summary["train"] == 0
    assert (
        abs(workspace.summary["val"] - workspace.summary["test"])
        <= 2 * workspace.summary["largest_component"]
    )


def test_several_pictures_by_hand(workspace: Workspace) -> None:
    workspace.write(
        table(
            [
                ["a", "Bag", "1.jpg|flat.png|2.jpg", "", "bag"],
                ["b", "", "gone.jpg | 3.jpg | text.jpg", "", ""],
                ["c", "Mug", "gone.jpg|text.jpg", "", "mug"],  # shares a missing file with b
                ["d", "Cap", "4.jpg", "", "cap"],
                ["e", "Pot", "5.jpg|2.jpg", "", "pot"],  # shares a file with a
                ["f", "", "text.jpg|lost.jpg", "", "pan"],
                ["g", "Pan", "lost.jpg|6.jpg", "00ff00ff00ff00ff", "pan"],
            ]
        ),
        {f"{i}.jpg": jpeg(i) for i in range(1, 7)} | {"flat.png": flat(), "text.jpg": b"text"},
    )
    line = workspace.run()
    assert workspace.column("posting_id") == ["a", "b", "c", "d", "e", "g"]
    assert workspace.column("image") == ["1.jpg", "3.jpg", "", "4.jpg", "5.jpg", "6.jpg"]
    assert workspace.column("component") == [0, 1, 1, 2, 0, 3]
    listings = read_listings(artefacts.LISTINGS)
    further = listings.further
    assert list(zip(further.listing.tolist(), further.image, strict=True)) == [
        (0, "flat.png"), (0, "2.jpg"), (4, "2.jpg"), (5, "6.jpg"),
    ]  # fmt: skip
    assert listings.owner is not None
    assert listings.owner.tolist() == [0, 1, 2, 3, 4, 5, 0, 0, 4, 5]
    assert further.image_phash[0] == ""  # flat
    assert further.image_phash[1] == further.image_phash[2] != ""
    assert listings.image_phash[5] == "00ff00ff00ff00ff"  # as the table says; that of 6.jpg counts beside it
    assert len(further.image_phash[3]) == 16
    assert [listings.further_of(row) for row in (0, 3, 4)] == [range(2), range(2, 2), range(2, 3)]
    assert [image is not None for image in workspace.images] == listings.is_picture.tolist()
    assert listings.is_picture.tolist() == [True, True, False, True, True, True, True, True, True, True]
    assert [
        webp is not None for webp in read_thumbnails(artefacts.THUMBNAILS)
    ] == listings.is_picture.tolist()
    assert [row for row in workspace.quarantine if row[3].startswith(("image", "row"))] == [
        ("0", "a", "flat.png", q.HASH_FLAT),
        ("1", "b", "gone.jpg", q.IMAGE_MISSING),
        ("1", "b", "text.jpg", q.IMAGE_NONE),
        ("2", "c", "gone.jpg", q.IMAGE_MISSING),
        ("2", "c", "text.jpg", q.IMAGE_NONE),
        ("5", "f", "lost.jpg", q.IMAGE_MISSING),
        ("5", "f", "text.jpg", q.IMAGE_NONE),
        ("5", "f", "text.jpg", q.ROW_NOTHING),
        ("6", "g", "lost.jpg", q.IMAGE_MISSING),
    ]
    assert workspace.summary["further_pictures"] == 4
    assert "5 pictures and 4 further ones" in line


def test_further_pictures_leak_and_join_as_first_ones_do(workspace: Workspace) -> None:
    rows = [
        ["a", "Bag", "1.jpg|2.jpg", "", "bag", "train"],
        ["b", "Mug", "3.jpg|2.jpg", "", "mug", "test"],
        ["c", "Cap", "4.jpg|1.jpg", "", "cap", "test"],
    ]
    workspace.params["split"]["by"] = "column"
    workspace.write(table(rows, [*HEADER, "split"]), {f"{i}.jpg": jpeg(i) for i in range(1, 5)})
    workspace.run()
    assert workspace.column("component") == [0, 0, 0]
    leaks = workspace.summary["leaks"]
    assert (leaks["image"], leaks["phash"], leaks["near_phash"]) == (2, 2, 2)


def test_copies_of_a_picture_file_join_whatever_their_names_and_given_hashes(workspace: Workspace) -> None:
    """A hash that the table gives hides that two files are equal; pictures of one colour are all equal."""
    rows = [
        ["a", "Bag", "1.jpg", "0123456789abcdef", "bag"],
        ["b", "Mug", "copy.jpg", "", "mug"],
        ["c", "Cap", "white.png", "00ff00ff00ff00ff", "cap"],
        ["d", "Hat", "white2.png", "f0f0f0f0f0f0f0f0", "hat"],
        ["e", "Bow", "2.jpg|./1.jpg", "", "bow"],
    ]
    pictures = {
        "1.jpg": jpeg(1),
        "copy.jpg": jpeg(1),
        "2.jpg": jpeg(2),
        "white.png": flat(),
        "white2.png": flat(),
    }
    workspace.write(table(rows), pictures)
    workspace.run()
    assert workspace.column("component") == [0, 0, 1, 2, 0]
    workspace.params["split"]["by"] = "column"
    splits = ["train", "test", "train", "test", "test"]
    workspace.write(
        table([[*row, s] for row, s in zip(rows, splits, strict=True)], [*HEADER, "split"]), pictures
    )
    workspace.run()
    assert workspace.summary["leaks"]["image"] == 2


def test_one_picture_each_gives_the_same_bytes_however_it_is_named(workspace: Workspace) -> None:
    """A separator without a second name, a second column that is empty, a picture named twice: nothing changes."""
    pictures = {f"{i}.jpg": jpeg(i) for i in range(3)}

    def outs(rows: list[list[str]], header: list[str]) -> dict[str, bytes]:
        workspace.write(table(rows, header), pictures)
        workspace.run()
        return {path.name: path.read_bytes() for path in sorted(artefacts.SAMPLE.iterdir())}

    ids = "abc"
    several = outs([[ids[i], f"T{i}", f"{i}.jpg|{(i + 1) % 3}.jpg"] for i in range(3)], HEADER[:3])
    assert "pictures.parquet" in several
    plain = outs([[ids[i], f"T{i}", f"{i}.jpg"] for i in range(3)], HEADER[:3])
    assert sorted(plain) == OUTS  # what further pictures left is gone
    assert outs([[ids[i], f"T{i}", f"{i}.jpg|"] for i in range(3)], HEADER[:3]) == plain
    assert outs([[ids[i], f"T{i}", f"{i}.jpg| {i}.jpg"] for i in range(3)], HEADER[:3]) == plain
    assert outs([[ids[i], f"T{i}", f"{i}.jpg", ""] for i in range(3)], [*HEADER[:3], "image_2"]) == plain
