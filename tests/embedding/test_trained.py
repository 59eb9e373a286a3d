"""A file that training wrote: both towers in one, with their heads, named by a channel's `weights`."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from samesku.embedding.encoder import Spec
from samesku.embedding.trained import Head, save_towers
from samesku.encoders.registry import load_encoder
from samesku.errors import InputError

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
    from safetensors import safe_open

    file, _ = trained_file
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    tensors = load_file(file)
    tensors["image.trunk.conv1.0.weight"] = torch.zeros(1, 3, 3, 3)
    save_file(tensors, tmp_path / "bad.safetensors", metadata)
    with pytest.raises(InputError, match=r"conv1.0.weight"):
        load_encoder("mine", Spec("image", "timm", "test_resnet", str(tmp_path / "bad.safetensors")))
