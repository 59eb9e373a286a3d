"""From a channel to its encoder: what is refused, what is loaded again for new listings, a new backend."""

import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

from samesku.catalogue.images import PackedImages, open_writer
from samesku.catalogue.picture import to_jpeg
from samesku.embedding.encoder import Content, Spec
from samesku.encoders.registry import find_channel, load_channel, load_encoder, needed_column, open_channel
from samesku.errors import InputError
from samesku.params import load_params
from samesku.params.backends import BACKENDS, Backend
from samesku.params.schema import Channel, Embed, Machine
from tests.conftest import ROOT

COLOUR = """
import numpy as np
from samesku.embedding.encoder import Encoder

class ColourEncoder(Encoder):
    def encode(self, column):
        rows = np.zeros((len(column), 3), np.float32)
        for row, picture in zip(rows, column, strict=True):
            if picture is not None:
                row[:] = np.asarray(picture).mean((0, 1))
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

def load(spec):
    return ColourEncoder(spec=spec, dim=3)
"""


def test_a_backend_that_is_unknown_is_refused():
    with pytest.raises(InputError, match="channel mine: backend is 'nope'; allowed: open_clip, timm, "):
        load_encoder("mine", Spec("title", "nope"))


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_has_a_file_with_load(name):
    assert callable(import_module(f"samesku.encoders.{name}").load)


def test_a_channel_embeds_the_column_of_its_modality_or_the_hash():
    assert needed_column(Spec("image", "open_clip")) == "image"
    assert needed_column(Spec("title", "open_clip")) == "title"
    assert needed_column(Spec("image", "phash")) == "image_phash"


def test_a_new_backend_is_one_file_and_one_entry(tmp_path, monkeypatch):
    """Packed pictures reach it without a line about it anywhere else; blocks change no row."""
    import samesku.encoders as package
    from samesku.embedding import encoder

    (tmp_path / "colour.py").write_text(COLOUR)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    monkeypatch.setitem(BACKENDS, "colour", Backend(("image",)))
    monkeypatch.setattr(encoder, "BLOCK", 2)
    with open_writer(tmp_path / "images.arrow") as out:
        for colour in ("red", None, "lime", "red"):
            out.append(colour and to_jpeg(Image.new("RGB", (40, 40), colour)))
    channel = Channel.model_construct(modality="image", backend="colour")
    pictures = PackedImages(tmp_path / "images.arrow")
    with open_channel(
        "colour", channel, Embed(), Machine(engine="ray")
    ) as opened:  # a cluster is for networks
        rows = opened.embed(pictures)
    assert np.allclose(rows @ rows[0], [1, 0, 0, 1], atol=0.02)
    assert np.array_equal(rows[1], np.zeros(3))
    again = load_channel("colour", channel, Embed(), Machine(), tmp_path / "no folder of it")
    assert np.array_equal(again.embed(list(pictures)), rows)


def test_content_knows_who_has_what(tmp_path):
    with open_writer(tmp_path / "images.arrow") as out:
        for colour in ("red", None):
            out.append(colour and to_jpeg(Image.new("RGB", (40, 40), colour)))
    packed = PackedImages(tmp_path / "images.arrow")
    for pictures in (packed, list(packed)):
        content = Content(["", "a mug"], pictures, ["f" * 16, ""])
        assert content.present("title").tolist() == [False, True]
        assert content.present("image").tolist() == [True, False]
        assert content.present("image_phash").tolist() == [True, False]
    assert Content(["", ""], packed, ["", ""], np.array([False, False])).present("image").sum() == 0


def test_a_trained_tower_is_the_channel_that_it_started_from_with_its_weights(tmp_path):
    params = load_params(ROOT / "params.yaml")
    start, tower = params.channels["cnn"], find_channel("pxk_image", params, tmp_path)
    assert (tower.backend, tower.model, tower.weights) == (
        start.backend, start.model, f"{tmp_path.as_posix()}/pxk.safetensors",
    )  # fmt: skip
    assert find_channel("cnn", params, tmp_path) is start
    two = params.model_copy(update={"channels": {"cnn": start.model_copy(update={"views": 2})}})
    assert find_channel("pxk_image", two, tmp_path).views == 1, "the run may have asked for one view"


def test_what_was_fitted_and_is_not_there_is_an_error_of_its_file(tmp_path):
    channel = Channel.model_construct(modality="title", backend="tfidf", dim=8)
    with pytest.raises(FileNotFoundError) as caught:
        load_channel("tfidf", channel, Embed(), Machine(), tmp_path)
    assert caught.value.filename == str(tmp_path / "tfidf.json")


def test_neither_tfidf_nor_phash_imports_torch():
    code = (
        "import sys, stages.embed_zero_shot;"
        "from samesku.embedding.encoder import Spec;"
        "from samesku.encoders.registry import load_encoder;"
        "load_encoder('a', Spec('title', 'tfidf', dim=8)).embed(['red shoe']);"
        "load_encoder('b', Spec('image', 'phash')).embed(['f' * 16]);"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=ROOT)
