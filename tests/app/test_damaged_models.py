"""What an index reads of a run: a file that is damaged, or another run's, is one sentence that names it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from samesku import artefacts
from samesku.app import answers
from samesku.app.open_index import open_index
from samesku.app.query_listing import QueryListing
from samesku.errors import DamagedFile, InputError
from samesku.params import load_params
from samesku.search.fusion import UNREACHABLE

RUN = artefacts.MODELS / "rerank/full"
TFIDF = artefacts.MODELS / "tfidf"


def settings(**entries):
    return lambda file: file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def text(content):
    return lambda file: file.write_text(content)


def array(change):
    return lambda file: np.save(file, change(np.load(file)))


def column(name, change):
    def edit(file):
        table = pq.read_table(file)
        values = pa.array(change(table[name].to_numpy().copy()))
        pq.write_table(table.set_column(table.column_names.index(name), name, values), file)

    return edit


def put(place, value):
    def edit(values):
        values[place] = value
        return values

    return edit


def half(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


PAIR_MODEL = {
    "a truncated model": (RUN / "pair_0.txt", half, r"pair_0\.txt: "),
    "no model": (RUN / "pair_0.txt", Path.unlink, "models of the first round and|is missing"),
    "a model of the second round": (
        RUN / "pair_0.txt",
        lambda file: shutil.copy(RUN / "support_0.txt", file),
        "features of another model",
    ),
    "a model of the first round": (
        RUN / "support_0.txt",
        lambda file: shutil.copy(RUN / "pair_0.txt", file),
        "features of another model",
    ),
    "a calibration of text": (RUN / "numbers.json", settings(calibration={"slope": "a"}), "float: 'a'"),
    "numbers that are a list": (RUN / "numbers.json", text("[]"), "rerank/full is damaged"),
    "a threshold of 7": (
        RUN / "asking.json",
        settings(threshold=7.0),
        r"threshold is 7\.0; allowed: -1 to 1",
    ),
    "an augmentation without threshold": (
        RUN / "asking.json",
        settings(augmentation_threshold=None),
        "augmentation_threshold is None",
    ),
    "an attribute that is none": (RUN / "asking.json", settings(attributes=["a"]), "attribute 'a'"),
    "a setting too many": (RUN / "asking.json", settings(more=1), "asking|more"),
    "pairs in another order": (
        RUN / "pairs.parquet",
        column("left", lambda values: values[::-1].copy()),
        r"row \d+: (left|right) is",
    ),
    "a pair outside the catalogue": (
        RUN / "pairs.parquet",
        column("right", put(3, 999)),
        "row 3: right is 999",
    ),
    "log-odds that are NaN": (
        RUN / "pairs.parquet",
        column("second", put(3, np.nan)),
        "row 3: second is nan",
    ),
    "log-odds that are text": (
        RUN / "pairs.parquet",
        column("second", lambda values: values.astype(str)),
        "rerank/full is damaged",
    ),
    "a pair that no model scored": (
        RUN / "pairs.parquet",
        column("scored_by", put(3, 0)),
        "row 3: scored_by is 0",
    ),
    "lowest scores that are NaN": (RUN / "lowest_scores.npy", array(lambda rows: rows * np.nan), "NaN in it"),
    "lowest scores of another catalogue": (
        RUN / "lowest_scores.npy",
        array(lambda rows: rows[:, :5]),
        r"shape \(\d, 5\)",
    ),
    "no neighbours of an augmentation": (RUN / "moved_by_0.parquet", Path.unlink, "steps of augmentation"),
}

MAIN = {
    "counts that are negative": (TFIDF / "counts.npy", array(lambda rows: -rows), "row 0: count is -"),
    "counts of more titles": (
        TFIDF / "counts.npy",
        array(lambda rows: rows * 1000),
        r"count is \d+; allowed: 1",
    ),
    "half of the counts": (TFIDF / "counts.npy", half, "counts.npy is damaged"),
    "one row of counts": (TFIDF / "counts.npy", array(lambda rows: rows[0]), "tfidf is damaged"),
    "titles that are text": (TFIDF / "tfidf.json", settings(titles="x"), "tfidf is damaged"),
    "no titles": (TFIDF / "tfidf.json", text("{}"), "tfidf is damaged"),
    "another dim": (TFIDF / "tfidf.json", settings(dim=10), "channel tfidf has 10 columns|tfidf"),
    "a record that is a list": (
        TFIDF.with_name("cnn") / "channel.json",
        text("[]"),
        "channel.json is damaged",
    ),
    "half a tower": (artefacts.MODELS / "pxk.safetensors", half, "channel pxk_image cannot be loaded"),
    "no fused weights": (artefacts.FUSED / "weights.json", text("{}"), "data/fused.* damaged"),
    "a threshold that is a list": (
        artefacts.METRICS / "samesku.json",
        text('{"threshold": {"full": []}}'),
        "samesku.json is damaged",
    ),
}


def ask(system):
    index = open_index(load_params(), system=system)
    answers.search_catalogue(index, QueryListing("oil best 250 ml", index.pictures[0], "", b"x"), 5)
    answers.explain_pair(index, 0, 1)


def fails(system, damage):
    file, edit, sentence = damage
    edit(file)
    with pytest.raises(InputError, match=sentence):
        ask(system)


@pytest.mark.parametrize("name", PAIR_MODEL)
def test_of_the_pair_model(built_reranked, tmp_path, monkeypatch, name):
    shutil.copytree(built_reranked, tmp_path / "shop", symlinks=True)
    monkeypatch.chdir(tmp_path / "shop")
    fails("rerank", PAIR_MODEL[name])


def test_a_threshold_that_no_score_reaches_is_no_damage(built_reranked, tmp_path, monkeypatch):
    """Val chooses one where its nearest neighbours, of score 1, are other products."""
    shutil.copytree(built_reranked, tmp_path / "shop", symlinks=True)
    monkeypatch.chdir(tmp_path / "shop")
    settings(threshold=UNREACHABLE)(RUN / "asking.json")
    ask("rerank")


@pytest.mark.parametrize("name", MAIN)
def test_of_the_main_system(shop_copy, name):
    fails("samesku", MAIN[name])


@pytest.mark.parametrize(
    "content", ["{}", '{"weights": [1]}', '{"weights": {"cnn": "a"}}', '{"weights": {"cnn": 1e300}}', "["]
)
def test_of_tuned_weights(shop_copy, content):
    artefacts.TUNED.mkdir()
    (artefacts.TUNED / "weights.json").write_text(content)
    shutil.copytree(artefacts.PREDICTIONS / "samesku", artefacts.PREDICTIONS / "tuned")
    shutil.copy(artefacts.METRICS / "samesku.json", artefacts.METRICS / "tuned.json")
    with pytest.raises(DamagedFile, match=r"data/tuned/weights\.json is damaged"):
        open_index(load_params(), system="tuned")
