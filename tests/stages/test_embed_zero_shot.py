"""The stage on five listings: every backend's array, what is skipped or refused, the same bytes twice."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from samesku import artefacts
from samesku.app.query_encoders import QueryEncoders
from samesku.catalogue.images import PackedImages, open_writer
from samesku.catalogue.picture import to_jpeg
from samesku.embedding.encoder import Content, Spec
from samesku.encoders.registry import load_encoder
from samesku.errors import InputError
from samesku.params import load_params, read_params
from stages import embed_zero_shot
from tests.conftest import ROOT
from tests.fixtures import random_checkpoints

TITLES = ["red shoe", "", "red shoes 42", "garden hose", "a mug"]
HASHES = ["ffffffffffffffff", "0000000000000000", "", "fffffffffffffff0", "00000000000000ff"]
PICTURES = [True, True, False, True, True]


@pytest.fixture(scope="module")
def channels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    name, file = random_checkpoints.save_timm(folder)
    config, checkpoint = random_checkpoints.save_clip(folder / "clip")
    clip = {"backend": "open_clip", "model": str(config), "weights": str(checkpoint)}
    bert = str(random_checkpoints.save_bert(folder / "bert"))
    return {
        "cnn": {"modality": "image", "backend": "timm", "model": name, "weights": str(file)},
        "clip_image": {"modality": "image", **clip},
        "clip_title": {"modality": "title", **clip},
        "bert": {
            "modality": "title", "backend": "sentence_transformers", "model": "t", "weights": bert,
            "pooling": "cls",
        },
        "tfidf": {"modality": "title", "backend": "tfidf", "dim": 64},
        "phash": {"modality": "image", "backend": "phash"},
    }  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch, channels):
    """A folder as the stage finds it; listing 2 has no picture and no hash, listing 1 no title."""
    monkeypatch.chdir(tmp_path)
    params = read_params(ROOT / "params.yaml")
    params["channels"] |= channels
    params["embed"] |= {"batch_size": 2, "precision": "fp32"}
    params["machine"] |= {"device": "cpu", "workers": 0, "threads": 2}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    write_sample(TITLES, HASHES, PICTURES)
    return tmp_path


def write_sample(titles, hashes, pictures, labels="AABBC", split=("train",) * 3 + ("val", "test")):
    artefacts.SAMPLE.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(
        {
            "row": np.arange(5, dtype=np.int32), "posting_id": list("abcde"), "title": titles,
            "image": ["x.jpg" if has else "" for has in pictures], "image_phash": hashes,
            "label_group": list(labels) if labels else [None] * 5,
            "component": np.arange(5, dtype=np.int32), "split": split, "has_image": pictures,
        }
    ).to_parquet(artefacts.LISTINGS)  # fmt: skip
    random = np.random.default_rng(0)
    with open_writer(artefacts.IMAGES) as out:
        for has in pictures if any(pictures) else ():
            picture = Image.fromarray(random.integers(0, 256, (50, 40, 3), np.uint8))
            out.append(to_jpeg(picture) if has else None)


def rows(channel):
    return np.load(artefacts.embedding_path(channel), mmap_mode="r")


def fitted(channel):
    encoder = load_encoder(channel, Spec("title", "tfidf", dim=64))
    encoder.restore(artefacts.MODELS / channel)
    return encoder


def record(channel):
    return json.loads((artefacts.MODELS / channel / "channel.json").read_text())


@pytest.mark.parametrize(
    ("channel", "width", "absent"),
    [
        ("cnn", 96, 2),
        ("clip_image", 16, 2),
        ("clip_title", 16, 1),
        ("bert", 32, 1),
        ("tfidf", 64, 1),
        ("phash", 64, 2),
    ],
)
def test_each_channel_writes_unit_rows_and_a_zero_where_the_modality_is_absent(place, channel, width, absent):
    summary = embed_zero_shot.main(channel)
    written = rows(channel)
    assert written.shape == (5, width)
    assert written.dtype == np.float32
    expected = np.ones(5)
    expected[absent] = 0
    np.testing.assert_allclose(np.linalg.norm(written, axis=1), expected, atol=1e-5)
    assert summary.startswith("5 listings, 4 with a ")
    assert "4 embedded at " in summary
    assert "/s, cpu" in summary
    assert record(channel)["dim"] == width
    if channel not in ("tfidf", "phash"):
        assert len(record(channel)["sha256"]) == 64
        assert record(channel)["weights"]


def test_equal_pictures_and_hashes_are_near(place):
    embed_zero_shot.main("phash")
    hashed = rows("phash")
    assert hashed[0] @ hashed[3] == pytest.approx(1 - 2 * 4 / 64)  # four bits differ
    assert hashed[0] @ hashed[1] == pytest.approx(-1)


def test_tfidf_is_fitted_on_labelled_train_titles_and_saved(place):
    embed_zero_shot.main("tfidf")
    saved = fitted("tfidf")
    assert saved.titles == 2  # of train's three listings, one has no title
    assert np.array_equal(saved.embed(TITLES), rows("tfidf"))
    write_sample(TITLES, HASHES, PICTURES, labels=None)
    embed_zero_shot.main("tfidf")
    assert fitted("tfidf").titles == 4  # without labels: every title


@pytest.mark.parametrize(
    ("channel", "lacks", "sample"),
    [
        ("cnn", "picture", (TITLES, HASHES, [False] * 5)),
        ("clip_title", "title", ([""] * 5, HASHES, PICTURES)),
        ("tfidf", "title", ([""] * 5, HASHES, PICTURES)),
        ("phash", "perceptual hash", (TITLES, [""] * 5, PICTURES)),
    ],
)
def test_a_channel_that_does_not_apply_is_skipped(place, channel, lacks, sample):
    write_sample(*sample)
    assert embed_zero_shot.main(channel) == f"skipped: none of 5 listings has a {lacks}"
    assert rows(channel).shape == (5, 0)
    assert record(channel)["dim"] == 0


def test_a_second_run_writes_the_same_bytes(place, channels):
    def outs():
        files = [f for folder in (artefacts.EMBEDDINGS, artefacts.MODELS) for f in folder.rglob("*")]
        return {f: f.read_bytes() for f in files if f.is_file()}

    for channel in channels:
        embed_zero_shot.main(channel)
    first = outs()
    for channel in channels:
        embed_zero_shot.main(channel)
    assert outs() == first
    assert len(first) == 2 * len(channels) + 2  # tfidf has two files of its own


def test_an_unknown_channel_is_refused(place):
    with pytest.raises(InputError, match=r"channels.nope does not exist; allowed: bert, clip_image"):
        embed_zero_shot.main("nope")


def test_pictures_of_another_sample_are_refused(place):
    with open_writer(artefacts.IMAGES) as out:
        out.append(None)
    with pytest.raises(InputError, match=r"images.arrow holds 1 pictures for 5 listings"):
        embed_zero_shot.main("cnn")


def test_weights_that_cannot_be_loaded_leave_the_last_outs(place):
    embed_zero_shot.main("cnn")
    before = artefacts.embedding_path("cnn").read_bytes()
    params = read_params(place / "params.yaml")
    params["channels"]["cnn"]["weights"] = "nowhere.safetensors"
    (place / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(InputError, match="channel cnn cannot be loaded"):
        embed_zero_shot.main("cnn")
    assert artefacts.embedding_path("cnn").read_bytes() == before
    assert sorted(p.name for p in artefacts.MODELS.iterdir()) == ["cnn"]


@pytest.mark.skipif(find_spec("openvino") is None, reason="the extra `engines` is not installed")
def test_another_engine_is_recorded_and_the_app_follows_the_record(place):
    assert embed_zero_shot.main("cnn").endswith("threads), fp32")
    by_torch = np.array(rows("cnn"))
    set_params(place, engine="openvino", reproducible=False)
    assert re.search(r"threads\), fp32, openvino \d", embed_zero_shot.main("cnn"))
    by_openvino = np.array(rows("cnn"))
    np.testing.assert_allclose(by_openvino, by_torch, atol=1e-5)
    assert not np.array_equal(by_openvino, by_torch)
    assert (
        len(list(Path("data/store").iterdir())) == 2
    )  # rows of one engine are never taken for those of another
    assert record("cnn")["engine"] == "openvino"

    set_params(place, engine="torch")  # and the catalogue not embedded anew
    pictures = [picture for picture in PackedImages(artefacts.IMAGES) if picture]
    content = Content([""] * 4, pictures, [""] * 4)
    embeddings = QueryEncoders(["cnn"], load_params()).embed(content)
    assert np.array_equal(embeddings["cnn"], by_openvino[PICTURES])


def set_params(place, **changes):
    params = read_params(place / "params.yaml")
    params["embed"] |= changes
    (place / "params.yaml").write_text(yaml.safe_dump(params))


def test_as_a_script_it_prints_one_line_or_one_sentence(place):
    def script(*args):
        command = [sys.executable, "-m", "stages.embed_zero_shot", *args]
        return subprocess.run(command, capture_output=True, text=True, env=ENV, timeout=60, check=False)

    done = script("phash")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("embed_zero_shot@phash: 5 listings, 4 with a perceptual hash")
    refused = script("nope")
    assert refused.returncode == 1
    assert refused.stderr.startswith("embed_zero_shot@nope: params.yaml: channels.nope does not exist")
    assert script().returncode != 0


ENV = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}


def test_a_baseline_whose_weights_are_missing_is_skipped_in_one_line(place):
    params = read_params(place / "params.yaml")
    params["channels"]["bert"] |= {"weights": "nowhere", "out": "data/baselines"}
    (place / "params.yaml").write_text(yaml.safe_dump(params))
    summary = embed_zero_shot.main("bert")
    assert summary.startswith("skipped: channel bert cannot be loaded")
    assert summary.endswith("; `dvc repro -sf embed_zero_shot@bert` tries again")
    assert rows("bert").shape == (5, 0)
    assert record("bert") == {
        "channel": "bert",
        "modality": "title",
        "backend": "sentence_transformers",
        "dim": 0,
    }


@pytest.mark.parametrize("channel", ["cnn", "bert", "clip_title"])
def test_only_what_is_new_is_embedded_and_every_byte_is_the_same(place, channel):
    titles, hashes, pictures = [*TITLES[:4], "a mug"], HASHES, PICTURES
    write_sample(["an old title", *titles[1:]], hashes, pictures)
    embed_zero_shot.main(channel)
    write_sample(titles, hashes, pictures)
    new = 0 if channel == "cnn" else 1
    assert f", {new} embedded at " in embed_zero_shot.main(channel)
    written = artefacts.embedding_path(channel).read_bytes()
    params = read_params(place / "params.yaml")
    params["machine"]["store"] = None
    (place / "params.yaml").write_text(yaml.safe_dump(params))
    assert ", 4 embedded at " in embed_zero_shot.main(channel)
    assert artefacts.embedding_path(channel).read_bytes() == written


def test_a_store_of_no_size_keeps_nothing(place):
    params = read_params(place / "params.yaml")
    params["machine"]["store_gb"] = 0
    (place / "params.yaml").write_text(yaml.safe_dump(params))
    for _ in range(2):
        assert ", 4 embedded at " in embed_zero_shot.main("bert")
    assert not list(Path("data/store").rglob("*.shard"))
