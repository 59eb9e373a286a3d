"""Tiny checkpoints of every backend, written to disk here and loaded by the code that loads the real ones."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from samesku.embedding import Spec, load_encoder

TIMM = "test_resnet"


def save_bert(folder, layers=2, hidden=16, positions=32):
    """A random BERT with a word-piece tokenizer of a few words and all letters."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "shoe", "blue", "title", *letters]
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join([*words, *(f"##{letter}" for letter in letters)]))
    config = BertConfig(
        vocab_size=len(vocabulary.read_text().split()), hidden_size=hidden, num_hidden_layers=layers,
        num_attention_heads=2, intermediate_size=32, max_position_embeddings=positions,
    )  # fmt: skip
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(vocab=str(vocabulary), vocab_file=str(vocabulary)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    return save_bert(tmp_path_factory.mktemp("bert") / "plain")


@pytest.fixture(scope="session")
def sbert(tmp_path_factory, bert):
    """The same BERT as sentence-transformers saves it, with a final normalisation and a limit of 8 tokens."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    folder = tmp_path_factory.mktemp("sbert")
    parts = [Transformer(str(bert), max_seq_length=8), Pooling(16), Normalize()]
    SentenceTransformer(modules=parts, device="cpu").save(str(folder))
    return folder


@pytest.fixture(scope="session")
def timm_file(tmp_path_factory):
    """A small ResNet with its classifier, as timm saves one."""
    import timm

    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("timm") / "model.safetensors"
    save_file(timm.create_model(TIMM, pretrained=False).state_dict(), file)
    return file


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """A small plain CLIP: the path of its config, which open_clip is told of, and of its checkpoint."""
    import open_clip

    folder = tmp_path_factory.mktemp("clip")
    config = {
        "embed_dim": 12,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 16, "head_width": 8, "patch_size": 16},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
    }
    file = folder / "tiny-clip.json"
    file.write_text(json.dumps(config))
    open_clip.add_model_config(file)
    torch.manual_seed(0)
    model = open_clip.create_model("tiny-clip").eval()
    torch.save({"state_dict": model.state_dict()}, folder / "tiny-clip.pt")
    return SimpleNamespace(config=file, file=folder / "tiny-clip.pt", model=model)


@pytest.fixture(scope="session")
def specs(timm_file, bert, sbert, clip):
    """One spec of every kind of tower."""
    return {
        "timm": Spec("image", "timm", TIMM, str(timm_file)),
        "sbert": Spec("title", "sentence_transformers", "tiny", str(sbert)),
        "bert": Spec("title", "sentence_transformers", "tiny", str(bert), pooling="cls"),
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
