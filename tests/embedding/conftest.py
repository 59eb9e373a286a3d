"""An encoder of every kind of tower from a tiny random checkpoint, by the code that loads the real ones."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from samesku.embedding.encoder import Spec
from samesku.encoders.registry import load_encoder
from tests.fixtures import random_checkpoints

WIDTHS = {"timm": 96, "sbert": 16, "bert": 16, "clip_image": 16, "clip_title": 16}


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory):
    """A BERT whose tokenizer knows four words, and all others by letter; 32 tokens at most."""
    words = ("red", "shoe", "blue", "title")
    return random_checkpoints.save_bert(tmp_path_factory.mktemp("bert"), words, WIDTHS["bert"], positions=32)


@pytest.fixture(scope="session")
def sbert_folder(tmp_path_factory, bert_folder):
    """The same BERT as sentence-transformers saves it, with a final normalisation and a limit of 8 tokens."""
    folder = tmp_path_factory.mktemp("sbert")
    return random_checkpoints.save_sbert(folder, bert_folder, WIDTHS["sbert"], max_tokens=8)


@pytest.fixture(scope="session")
def timm_file(tmp_path_factory):
    """A small ResNet with its classifier, as timm saves one."""
    return random_checkpoints.save_timm(tmp_path_factory.mktemp("timm"), classifier=True)[1]


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """A small plain CLIP: the path of its config, which open_clip also knows by name, and of its weights."""
    import open_clip

    config, file = random_checkpoints.save_clip(tmp_path_factory.mktemp("clip"))
    open_clip.add_model_config(config)
    return SimpleNamespace(config=config, file=file)


@pytest.fixture(scope="session")
def specs(timm_file, bert_folder, sbert_folder, clip):
    """One spec of every kind of tower."""
    return {
        "timm": Spec("image", "timm", "test_resnet", str(timm_file)),
        "sbert": Spec("title", "sentence_transformers", "tiny", str(sbert_folder)),
        "bert": Spec("title", "sentence_transformers", "tiny", str(bert_folder), pooling="cls"),
        "clip_image": Spec("image", "open_clip", str(clip.config), str(clip.file)),
        "clip_title": Spec("title", "open_clip", str(clip.config), str(clip.file)),
    }


@pytest.fixture(scope="session")
def encoders(specs):
    return {name: load_encoder(name, spec) for name, spec in specs.items()}


@pytest.fixture(scope="session")
def images():
    """Pictures of several shapes; the third is missing."""
    random = np.random.default_rng(0)
    shapes = [(40, 60), (64, 64), None, (90, 50), (33, 200), (48, 48), (50, 40)]
    return [shape and Image.fromarray(random.integers(0, 256, (*shape, 3), np.uint8)) for shape in shapes]
