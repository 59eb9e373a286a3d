"""Tiny encoders, made here: a trunk of eight columns on pictures of 32 pixels, and a BERT of two layers."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from samesku.embedding.encoder import Spec
from samesku.embedding.network import ImageEncoder
from samesku.embedding.preprocess import Preprocess
from samesku.encoders.registry import load_encoder

SIZE = 32


class TinyTrunk(nn.Module):
    """Three blocks of convolution, norm and dropout, pooled to eight columns."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(*(self._block(i, o) for i, o in ((3, 8), (8, 8), (8, 8))))

    @staticmethod
    def _block(i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, 2, 1), nn.BatchNorm2d(o), nn.ReLU(), nn.Dropout(0.1))

    def forward(self, pixels):
        return self.blocks(pixels).mean(dim=(2, 3))


def make_encoder(seed=0):
    """An image encoder of three blocks."""
    torch.manual_seed(seed)
    return ImageEncoder(
        spec=Spec("image", "timm", "tiny"), module=TinyTrunk(), dim=8,
        block_of=lambda name: int(name.split(".")[1]), prepare=Preprocess(SIZE, (0.5,) * 3, (0.5,) * 3),
    ).to("cpu")  # fmt: skip


def make_bert(folder):
    """Save a BERT over the words a … j, mean pooled to 16 columns, as sentence-transformers does."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij"]
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=32,
    )  # fmt: skip
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder / "bert")
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder / "bert")
    parts = [Transformer(str(folder / "bert")), Pooling(16)]
    SentenceTransformer(modules=parts, device="cpu").save(str(folder / "sbert"))
    return folder / "sbert"


def make_pictures(products, each, seed=0):
    """Pictures of `products` colours with noise, product by product; and their products, int64."""
    rng = np.random.default_rng(seed)
    made = []
    for colour in rng.integers(0, 256, (products, 3)).repeat(each, axis=0):
        pixels = np.clip(colour + rng.normal(0, 40, (40, 40, 3)), 0, 255)
        made.append(Image.fromarray(pixels.astype(np.uint8)))
    return made, np.arange(products).repeat(each)


@pytest.fixture
def encoder():
    return make_encoder()


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    return make_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture
def title_encoder(bert):
    return load_encoder("tiny", Spec("title", "sentence_transformers", "tiny", weights=str(bert)))


@pytest.fixture
def pictures():
    return make_pictures(8, 4)
