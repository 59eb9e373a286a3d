"""train_reader and rerank with a pair reader, on listings whose size their title alone tells, and a tiny BERT."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from samesku import artefacts
from samesku.params import Channel
from samesku.params.schema import Embed, Groups, Index, Machine, Match, Reader, Rerank
from stages import rerank, train_reader
from tests.fixtures import product_families
from tests.stages.test_rerank import RERANK, read_chosen, read_matches, shuffle_labels
from tests.training.conftest import make_bert

READER = artefacts.MODELS / "reader"


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return make_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def families():
    """The families; the BERT knows single letters, so a title says the size by a letter."""
    columns, channels = product_families.draw_families()
    titles = [" ".join(title.replace("250", "a").replace("500", "b")) for title in columns["title"]]
    return columns | {"title": titles}, channels


def run(folder, monkeypatch, bert, columns, channels, epochs=1):
    """Run both stages on these listings; their summaries."""
    product_families.write_families(folder, columns, channels)
    monkeypatch.chdir(folder)
    params = SimpleNamespace(
        reader=Reader(title="title", epochs=epochs, pairs=200, max_length=32, lr=1e-3),
        rerank=Rerank.model_validate(RERANK | {"reading": {"uncertain": 0.2, "pairs": 5}}),
        index=Index(k=20),
        machine=Machine(device="cpu", threads=1),
        embed=Embed(precision="fp32"),
        groups=Groups(),
        match=Match(),
        channels={
            "picture": None,
            "title": Channel(
                modality="title", backend="sentence_transformers", model="tiny", weights=str(bert)
            ),
        },
    )
    for stage in (train_reader, rerank):
        monkeypatch.setattr(stage, "load_params", lambda: params)
    return train_reader.main(), rerank.main()


def read_reader():
    return {path.name: path.read_bytes() for path in sorted(READER.iterdir())}


def uses_reader():
    return b"reader_log_odds" in (artefacts.MODELS / "rerank/full/support_0.txt").read_bytes()


def test_labels_of_test_choose_nothing(tmp_path, monkeypatch, bert, families):
    """With test labels shuffled not a byte of the reader, of models, thresholds and predictions changes."""
    columns, channels = families
    for folder in ("before", "shuffled"):
        (tmp_path / folder).mkdir()
    run(tmp_path / "before", monkeypatch, bert, columns, channels)
    before = read_reader(), read_chosen(), read_matches()
    assert uses_reader()
    run(tmp_path / "shuffled", monkeypatch, bert, shuffle_labels(columns, "test"), channels)
    assert (read_reader(), read_chosen(), read_matches()) == before


def test_it_learns_from_labels_of_train(tmp_path, monkeypatch, bert, families):
    columns, channels = families
    readers = []
    for folder, changed in (("before", columns), ("shuffled", shuffle_labels(columns, "train"))):
        (tmp_path / folder).mkdir()
        summary, _ = run(tmp_path / folder, monkeypatch, bert, changed, channels)
        assert "epoch 1 of 1, average precision 0." in summary
        readers.append(read_reader())
    assert readers[0].keys() == {"epochs.json", "reader.safetensors"}
    assert readers[0]["reader.safetensors"] != readers[1]["reader.safetensors"]
    assert json.loads(readers[0]["epochs.json"])[0]["kept"] == 1


@pytest.mark.parametrize("reason", ["reader.epochs is 0", "train has no two titles of one product"])
def test_without_a_reader_the_pair_model_is_as_before(tmp_path, monkeypatch, bert, families, reason):
    columns, channels = families
    epochs = 0
    if reason != "reader.epochs is 0":
        labels = np.where(np.array(columns["split"]) == "train", None, columns["label_group"])
        columns, epochs = columns | {"label_group": labels.tolist()}, 1
    summary, reranked = run(tmp_path, monkeypatch, bert, columns, channels, epochs)
    assert summary.startswith(f"skipped: {reason}")
    assert [path.name for path in READER.iterdir()] == [artefacts.SKIPPED]
    assert "pair model" in reranked
    assert not uses_reader()
