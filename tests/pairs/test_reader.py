"""The pair reader on a tiny BERT: symmetric, the same in every batch, and it learns which words matter."""

import numpy as np
import pytest
import torch

from samesku.embedding.encoder import Spec
from samesku.encoders.registry import load_encoder
from samesku.pairs.reader import PairReader
from samesku.pairs.reader_pairs import LabelledPairs
from samesku.pairs.reader_training import ReaderTrainer, measure_reader, train_reader
from samesku.params.schema import Reader
from samesku.training.processes import ComputeConfig
from samesku.training.towers import Tower
from tests.training.conftest import make_bert

COMPUTE = ComputeConfig(torch.device("cpu"), "fp32")
TITLES = ["a b c", "b c", "d e f g h i j a b c d e", "c", "j i h g f e d c b a j i h g f e d c b a"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return make_bert(tmp_path_factory.mktemp("bert"))


def load(bert, batch_size=64):
    spec = Spec("title", "sentence_transformers", "tiny", weights=str(bert))
    return load_encoder("tiny", spec, batch_size=batch_size)


@pytest.fixture
def reader(bert):
    encoder = load(bert)
    Tower(encoder, head_dim=1, unfreeze_blocks=1)
    return PairReader(encoder, 24)


def test_a_score_is_the_same_whichever_title_comes_first_and_in_every_batch(reader):
    left, right = [TITLES[i] for i in (0, 1, 2, 3, 4)], [TITLES[i] for i in (1, 2, 4, 0, 3)]
    scores = reader.score(left, right)
    assert scores.dtype == np.float32
    assert len(set(scores.tolist())) == 5
    assert reader.score(right, left).tolist() == scores.tolist()
    alone = [reader.score([a], [b])[0] for a, b in zip(left, right, strict=True)]
    assert alone == pytest.approx(scores, abs=1e-6)
    assert len(reader.score([], [])) == 0


def test_pairs_are_padded_to_few_lengths(reader):
    """[CLS] a b c [SEP] b c [SEP] are 8 tokens, the third and the fifth title more than 24."""
    tokens = reader.tokenize([TITLES[0], TITLES[2], TITLES[0]], [TITLES[1], TITLES[4], TITLES[2]])
    assert [len(ids) for ids in tokens["input_ids"]] == [8, 24, 18]
    batches = [(pairs.tolist(), length) for pairs, length in reader.batches(tokens, np.arange(3), 2)]
    assert batches == [([1, 2], 24), ([0], 16)]
    inputs = reader.pad(tokens, np.array([0]), 16)
    assert inputs["input_ids"].shape == (1, 16)
    assert inputs["attention_mask"].sum() == 8
    assert inputs["token_type_ids"][0].tolist() == [0] * 5 + [1] * 3 + [0] * 8


def make_pairs(n, seed):
    """Titles of three letters; two are of two products where the letter j is in one of them."""
    rng = np.random.default_rng(seed)
    titles = [" ".join(rng.choice(list("cdefghij"), 3)) for _ in range(n)]
    left, right = rng.integers(0, max(n, 1), (2, 3 * n))
    same = np.array(["j" not in titles[i] + titles[j] for i, j in zip(left, right, strict=True)], bool)
    return titles, LabelledPairs(left, right, same)


def train(bert, n_val=40, **keys):
    """Train a reader; it, its epochs, the titles and the pairs of val."""
    spec = Reader(**{"epochs": 3, "batch_size": 16, "lr": 1e-2, "max_length": 16} | keys)
    titles, pairs = make_pairs(60, 0)
    trainer = ReaderTrainer(load(bert), spec, spec.epochs * len(pairs), COMPUTE)
    val_titles, val = make_pairs(n_val, 1)
    val = LabelledPairs(val.left + len(titles), val.right + len(titles), val.same_product)
    history = train_reader(trainer, titles + val_titles, [pairs] * spec.epochs, val)
    return trainer, history, titles + val_titles, val


def test_it_learns_and_keeps_the_best_epoch(bert):
    trainer, history, titles, val = train(bert)
    scores = [row["val_average_precision"] for row in history]
    assert max(scores) > 0.9 > val.same_product.mean() + 0.3
    assert [row["kept"] for row in history] == [int(i == np.argmax(scores)) for i in range(3)]
    assert measure_reader(trainer.reader, titles, val) == max(scores)  # the reader is that of the best epoch


def test_the_same_weights_each_time(bert):
    first, second, other = (
        train(bert, n_val=1, epochs=1, seed=seed)[0].tower.learned_state() for seed in (0, 0, 1)
    )
    assert all(first[name].equal(second[name]) for name in first)
    assert not all(first[name].equal(other[name]) for name in first)


def test_without_pairs_of_val_the_last_epoch_stays(bert):
    _, history, _, _ = train(bert, n_val=0, epochs=2)
    assert [(row["val_average_precision"], row["kept"]) for row in history] == [(None, 0), (None, 1)]
