"""BERT read without the library: its tokens, vectors and gradients, bit by bit; what is left to the library."""

import json
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from samesku.embedding.bert import read_bert
from samesku.embedding.encoder import Spec
from samesku.encoders import sentence_transformers
from samesku.encoders.registry import load_encoder
from samesku.encoders.sentence_transformers import WordPieces
from tests.conftest import ROOT

TITLES = ["red shoe 42", "É ½ 日本 [SEP] ##ing", "a" * 300, "red " * 100, "a\u200bb\tc\x00d", " ", "mug"]


@pytest.fixture(params=["bert", "sbert"])
def both(request, specs, monkeypatch):
    """The same encoder read without the library, and by it."""
    fast = load_encoder("c", specs[request.param])
    monkeypatch.setattr(sentence_transformers, "read_bert", lambda *_: None)
    return fast, load_encoder("c", specs[request.param])


def test_tokens_and_counts_are_the_librarys(both):
    fast, by_library = both
    assert isinstance(fast.prepare, WordPieces)
    assert not isinstance(by_library.prepare, WordPieces)
    assert fast.prepare.limit == by_library.prepare.limit
    assert fast.prepare.count(TITLES) == by_library.prepare.count(TITLES)
    for titles, width in ((TITLES, None), (["mug"], None), (["mug", "red"], fast.prepare.limit)):
        tokens, expected = fast.prepare(titles, width), by_library.prepare(titles, width)
        assert tokens.keys() == expected.keys()
        assert all(torch.equal(tokens[key], expected[key]) for key in expected)


def test_tensors_and_blocks_have_the_librarys_names(both):
    fast, by_library = (encoder.module.state_dict() for encoder in both)
    assert list(fast) == list(by_library)
    assert all(torch.equal(fast[name], by_library[name]) for name in fast)
    names = dict(both[0].module.named_parameters())
    assert [both[0].block_of(name) for name in names] == [both[1].block_of(name) for name in names]


@pytest.mark.parametrize("titles", [TITLES, ["mug", "red"]])
def test_vectors_and_gradients_with_dropout_have_the_librarys_bits(both, titles):
    vectors, gradients = [], []
    for encoder in both:
        tokens = encoder.prepare(titles)
        with torch.inference_mode():
            vectors.append(encoder.forward(tokens))
        torch.manual_seed(0)
        encoder.module.train()
        encoder.forward(tokens).square().sum().backward()
        gradients.append([p.grad for p in encoder.module.parameters() if p.grad is not None])
    assert torch.equal(*vectors)
    assert len(gradients[0]) == len(gradients[1]) > 20
    assert all(map(torch.equal, *gradients))


def test_no_bit_depends_on_how_many_tokens_are_multiplied_together(both):
    encoder, _ = both
    width = encoder.prepare.limit
    with torch.inference_mode():
        alone = [encoder.forward(encoder.prepare([title], width)) for title in TITLES]
        together = encoder.forward(encoder.prepare(TITLES, width))
    shorter = [row for row, count in enumerate(encoder.prepare.count(TITLES)) if count < width]
    assert len(shorter) >= 4  # the others have no mask when they are alone
    assert torch.equal(together[shorter], torch.cat([alone[row] for row in shorter]))


def read(folder):
    return read_bert(folder, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("config.json", "hidden_act", "relu"),
        ("config.json", "model_type", "roberta"),
        ("config.json", "is_decoder", True),
        ("config.json", "num_hidden_layers", 1),
        ("config.json", "pad_token_id", 3),
        ("tokenizer_config.json", "do_lower_case", False),
        ("tokenizer_config.json", "tokenizer_class", "T5Tokenizer"),
        ("tokenizer_config.json", "padding_side", "left"),
        ("tokenizer_config.json", "cls_token", {"content": "[CLS]"}),
        ("special_tokens_map.json", "sep_token", "[CLS]"),
        ("1_Pooling/config.json", "pooling_mode", "max"),
        ("1_Pooling/config.json", "pooling_mode", ["mean", "cls"]),
        ("sentence_bert_config.json", "do_lower_case", True),
        ("sentence_bert_config.json", "model_args", {}),
    ],
)
def test_another_model_is_left_to_the_library(sbert_folder, tmp_path, file, key, value):
    folder = shutil.copytree(sbert_folder, tmp_path / "model")
    assert read(folder)
    content = json.loads((folder / file).read_text()) if (folder / file).is_file() else {}
    (folder / file).write_text(json.dumps(content | {key: value}))
    assert read(folder) is None


def test_modules_and_tensors_of_another_model_are_left_to_the_library(sbert_folder, tmp_path):
    folder = shutil.copytree(sbert_folder, tmp_path / "model")
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([*modules, modules[-1] | {"idx": 3}]))
    assert read(folder) is None
    (folder / "modules.json").write_text(json.dumps(modules))
    tensors = load_file(folder / "model.safetensors")
    save_file({f"bert.{name}": tensor for name, tensor in tensors.items()}, folder / "model.safetensors")
    assert read(folder)
    del tensors["pooler.dense.bias"]
    save_file(tensors, folder / "model.safetensors")
    assert read(folder) is None


def test_pooling_of_old_versions_is_read(sbert_folder, tmp_path):
    folder = shutil.copytree(sbert_folder, tmp_path / "model")
    for mode, expected in (("mean_tokens", "mean"), ("cls_token", "cls"), ("max_tokens", None)):
        flags = dict.fromkeys(("mean_tokens", "cls_token", "max_tokens"), False) | {mode: True}
        config = {f"pooling_mode_{name}": value for name, value in flags.items()}
        (folder / "1_Pooling/config.json").write_text(json.dumps(config))
        model = read(folder)
        assert (model.pooling if model else None) == expected


def test_a_plain_bert_is_loaded_without_the_libraries(bert_folder):
    spec = Spec("title", "sentence_transformers", "t", str(bert_folder))
    code = (
        "import sys; from samesku.embedding.encoder import Spec; from samesku.encoders.registry import load_encoder;"
        f"load_encoder('t', {spec!r}).embed(['red shoe']);"
        "print(sorted({'transformers', 'sentence_transformers', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stdout + done.stderr
