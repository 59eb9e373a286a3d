"""Damaged files and impossible numbers are refused in one sentence that names the file and the row."""

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from samesku import artefacts
from samesku.app.review_pairs import read_review_pairs
from samesku.catalogue.images import PackedImages, open_writer
from samesku.catalogue.listings import Listings, read_links, read_listings
from samesku.errors import DamagedFile
from samesku.reading import check_rows, read_array
from samesku.search.fusion import Fused, load_channels, read_fused, write_fused
from samesku.search.neighbours import read_neighbours

EYE = np.eye(4, dtype=np.float32)


def changed(row, value):
    rows = EYE.copy()
    rows[row, 1] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (changed(2, np.nan), "x.npy: row 2 has NaN or infinity in it; allowed: length 1, or zero"),
        (changed(3, np.inf), "x.npy: row 3 has NaN or infinity in it; allowed: length 1, or zero"),
        (changed(1, 2.0), "x.npy: row 1 has length 2; allowed: length 1, or zero"),
        (EYE.astype(np.float64), "x.npy has shape (4, 4) and type float64; allowed: (N, columns) of float32"),
        (EYE[0], "x.npy has shape (4,) and type float32; allowed: (N, columns) of float32"),
    ],
)
def test_a_row_that_no_embedding_has_is_refused(rows, sentence):
    with pytest.raises(DamagedFile, match=f"^{re.escape(sentence)}$"):
        check_rows(rows, "x.npy")


def test_rows_of_length_1_or_zero_pass():
    check_rows(np.vstack([EYE, np.zeros((2, 4), np.float32), np.full((1, 4), 0.5, np.float32)]), "x.npy")
    check_rows(np.zeros((5, 0), np.float32), "x.npy")


def test_an_array_of_another_sample_is_refused(tmp_path):
    np.save(tmp_path / "cnn.npy", EYE)
    listings = Listings(np.array(list("abc"), object), *[np.zeros(3, np.int32)] * 2, np.full(3, "val"))
    with pytest.raises(DamagedFile, match=r"cnn\.npy has 4 rows for 3 listings"):
        load_channels(["cnn"], lambda name: tmp_path / f"{name}.npy", listings)


def garbage(path):
    """Ways in which a file is damaged: each writes one, and gives a name for it."""
    whole = path.read_bytes()
    yield "missing", path.unlink
    yield "empty", lambda: path.write_bytes(b"")
    yield "noise", lambda: path.write_bytes(np.random.default_rng(0).bytes(len(whole)))
    yield "half", lambda: path.write_bytes(whole[: len(whole) // 2])
    yield "without its end", lambda: path.write_bytes(whole[:-9])
    yield "without its head", lambda: path.write_bytes(whole[8:])


def check_each_damage(path, read):
    for name, damage in list(garbage(path)):
        damage()
        with pytest.raises(DamagedFile) as caught:
            read()
        sentence = str(caught.value)
        assert path.name in sentence, name
        assert "\n" not in sentence, name


def test_damaged_files_are_one_sentence(tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, EYE)
    check_each_damage(path, lambda: read_array(path))
    path = tmp_path / "numbers.json"
    path.write_text(json.dumps({"a": [1, 2, {"b": 3}]}))
    check_each_damage(path, lambda: artefacts.read_json(path))
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"a": list(range(100)), "b": ["x"] * 100}), path)
    check_each_damage(path, lambda: artefacts.read_columns(path, ["a", "b"]))
    path = tmp_path / "images.arrow"
    with open_writer(path) as writer:
        for i in range(100):
            writer.append(bytes([i]) * 50)
    check_each_damage(path, lambda: PackedImages(path).jpeg(99))


def test_deep_json_is_one_sentence(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 200_000)
    with pytest.raises(DamagedFile, match=r"deep\.json is damaged"):
        artefacts.read_json(path)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_json_with_a_number_that_is_none_is_one_sentence(tmp_path, number):
    path = tmp_path / "numbers.json"
    path.write_text(f'{{"threshold": {number}}}')
    with pytest.raises(
        DamagedFile, match=rf"numbers\.json is damaged \(it holds {number}; allowed: numbers\)"
    ):
        artefacts.read_json(path)


@pytest.mark.parametrize("probability", [np.nan, np.inf, -0.1, 1.1])
def test_a_probability_that_is_none_is_refused(tmp_path, probability):
    path = tmp_path / "review.parquet"
    pq.write_table(
        pa.table({"left": ["a", "b"], "right": ["b", "c"], "probability": [0.5, probability]}), path
    )
    with pytest.raises(
        DamagedFile, match=r"review\.parquet is damaged \(row 1: probability is .*allowed: 0 to 1"
    ):
        read_review_pairs(path)


def test_offsets_that_lead_out_of_a_file_of_pictures_do_not_crash(tmp_path):
    """A changed byte of an Arrow file is no damage that the format notices by itself."""
    path = tmp_path / "images.arrow"
    with open_writer(path) as writer:
        for _ in range(4):
            writer.append(b"12345678")
    offsets = np.array([0, 8, 16, 24, 32], "<i4").tobytes()
    whole = path.read_bytes()
    assert whole.count(offsets) == 1
    path.write_bytes(whole.replace(offsets, np.array([0, 8, 2**30, 24, 32], "<i4").tobytes()))
    with pytest.raises(DamagedFile, match=r"images\.arrow is damaged"):
        PackedImages(path).jpeg(1)


def test_a_picture_that_is_no_jpeg_any_more_names_its_file(tmp_path):
    path = tmp_path / "images.arrow"
    with open_writer(path) as writer:
        writer.append(b"\xff\xd8\xff\xe0 and then nothing")
    with pytest.raises(DamagedFile, match=r"images\.arrow is damaged"):
        PackedImages(path)[0]


NEIGHBOURS = {
    "query": [0, 0, 1, 2],
    "neighbour": [1, 2, 0, 1],
    "rank": [1, 2, 1, 1],
    "score": [0.9, 0.5, 0.9, 0.5],
}


@pytest.mark.parametrize(
    ("column", "row", "value", "sentence"),
    [
        ("neighbour", 0, 0, "row 0: neighbour is 0; allowed: another one: a row of its gallery of 3"),
        ("neighbour", 3, 3, "row 3: neighbour is 3; allowed: another one: a row of its gallery of 3"),
        ("neighbour", 3, -7, "row 3: neighbour is -7; allowed: another one: a row of its gallery of 3"),
        ("neighbour", 1, 1, "a query has one neighbour, or one rank, twice"),
        ("query", 2, 2**31 - 1, "row 2: query is 2147483647; allowed: a row of its gallery of 3"),
        ("rank", 1, 1, "a query has one neighbour, or one rank, twice"),
        ("rank", 1, 2**31 - 1, "row 1: rank is 2147483647; allowed: 1 to 3"),
        ("score", 2, 1.5, r"row 2: score is 1.5; allowed: -1 to 1"),
        ("score", 2, np.nan, r"row 2: score is nan; allowed: -1 to 1"),
    ],
)
def test_an_impossible_neighbour_is_refused(tmp_path, column, row, value, sentence):
    table = {name: list(values) for name, values in NEIGHBOURS.items()}
    types = {"query": np.int32, "neighbour": np.int32, "rank": np.int32, "score": np.float32}
    path, query = tmp_path / "full.parquet", np.arange(3, dtype=np.int32)

    def write():
        pq.write_table(pa.table({name: np.array(table[name], types[name]) for name in table}), path)
        return read_neighbours(path, query)

    assert write().neighbour.tolist() == [[1, 2], [0, -1], [1, -1]]
    table[column][row] = value
    with pytest.raises(DamagedFile, match=rf"full\.parquet is damaged \({re.escape(sentence)}\)"):
        write()


def test_fused_rows_that_their_weights_do_not_fit_are_refused(tmp_path):
    rows = np.hstack([EYE * np.sqrt(0.25), EYE * np.sqrt(0.75)]).astype(np.float32)
    rows[1, :4] = 0
    masks = np.array([3, 2, 3, 3], np.uint32)

    def write():
        fused = Fused(rows, masks, np.array([0.25, 0.75]), [4, 4])
        write_fused(tmp_path / "fused", [fused], 4, ["cnn", "sbert"])
        return read_fused(tmp_path / "fused")

    assert len(write()) == 4
    rows[2, 4:] *= np.float32(1.2)
    with pytest.raises(DamagedFile, match=r"row 2 has another length in channel sbert than its weight says"):
        write()
    rows[2, 4:] = np.nan
    with pytest.raises(DamagedFile, match=r"row 2 has another length in channel sbert than its weight says"):
        write()


def test_links_out_of_the_sample_are_refused(tmp_path):
    path = tmp_path / "all.parquet"
    table = {"left": [0, 1], "right": [1, 3], "must_link": [1, 0]}
    pq.write_table(pa.table({name: np.array(column, np.int32) for name, column in table.items()}), path)
    assert len(read_links(path, 4).cannot_link) == 1
    with pytest.raises(DamagedFile, match=r"row 1 links \[1, 3\]; allowed: two of 3 listings"):
        read_links(path, 3)


def test_listings_without_a_split_are_refused(tmp_path):
    path = tmp_path / "listings.parquet"
    columns = {
        "posting_id": ["a", "b"],
        "label_group": ["x", None],
        "component": np.arange(2, dtype=np.int32),
    }
    pq.write_table(pa.table(columns | {"split": ["val", "tset"]}), path)
    with pytest.raises(
        DamagedFile, match=r"listings\.parquet is damaged \(row 1 has no split, or no component\)"
    ):
        read_listings(path)
    pq.write_table(pa.table(columns), path)
    with pytest.raises(DamagedFile, match=r"it has no column split"):
        read_listings(path)
