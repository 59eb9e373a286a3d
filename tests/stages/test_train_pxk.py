"""The stage on a small sample and tiny models: its outs, skips and refusals, and a diverged run."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from safetensors.torch import save_file

from samesku import artefacts
from samesku.catalogue.images import PackedImages, open_writer
from samesku.catalogue.picture import to_jpeg
from samesku.encoders.registry import load_encoder
from samesku.errors import InputError
from samesku.params import Channel, TrainRun
from samesku.params.schema import Machine
from samesku.training.checkpoint import checkpoint_key
from samesku.training.processes import ComputeConfig
from samesku.training.trainer import Trainer
from stages import train_pxk
from tests.conftest import ROOT
from tests.fixtures import random_checkpoints
from tests.training.conftest import make_bert, make_pictures

PRODUCTS, EACH = 16, 4
SMALL = {"P": 4, "K": 2, "epochs": 2, "unfreeze_blocks": 1, "lr": 1e-3}
IMAGE = SMALL | {"towers": ["image"], "image": "cnn"}
BOTH = IMAGE | {"towers": ["image", "title"], "title": "sbert"}
CLIP = BOTH | {
    "loss": "image_text", "sampler": "listings", "batch_size": 8, "unfreeze_blocks": 0, "head_dim": 8,
    "augment": None, "learnable_temperature": True,
}  # fmt: skip


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder with the tensors of a tiny CNN (cnn.safetensors) and a tiny BERT (sbert/)."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    save_file(timm.create_model("test_efficientnet").state_dict(), folder / "cnn.safetensors")
    make_bert(folder)
    random_checkpoints.save_clip(folder)
    return folder


@pytest.fixture
def channels(models):
    return {
        "cnn": Channel(
            modality="image",
            backend="timm",
            model="test_efficientnet",
            weights=str(models / "cnn.safetensors"),
        ),
        "vit": Channel(
            modality="image",
            backend="open_clip",
            model=str(models / "tiny-clip.json"),
            weights=str(models / "tiny-clip.pt"),
        ),
        "sbert": Channel(
            modality="title", backend="sentence_transformers", model="tiny", weights=str(models / "sbert")
        ),
    }


@pytest.fixture
def listings():
    """64 listings of 16 products, eight of them to train on, four each for val and test."""
    n = PRODUCTS * EACH
    product = np.arange(PRODUCTS).repeat(EACH)
    return pd.DataFrame(
        {
            "posting_id": [f"p{i:03}" for i in range(n)],
            "title": [f"a {'bcdefghij'[p % 9]} {'bcdefghij'[p // 9]}" for p in product],
            "label_group": [f"g{p}" for p in product],
            "component": product.astype(np.int32),
            "split": np.array(["train", "train", "val", "test"])[product % 4],
            "has_image": True,
            "image_phash": "",
        }
    )


@pytest.fixture
def run(tmp_path, monkeypatch, listings, channels):
    """run(params, changed listings): the summary of the stage, run in tmp_path."""
    monkeypatch.chdir(tmp_path)
    artefacts.SAMPLE.mkdir(parents=True)

    def stage(params, table=listings, store=None):
        table.to_parquet(artefacts.LISTINGS)
        with open_writer(artefacts.IMAGES) as file:
            for image, there in zip(make_pictures(PRODUCTS, EACH)[0], table["has_image"], strict=True):
                file.append(to_jpeg(image) if there else None)
        settings = SimpleNamespace(
            train={"r": TrainRun(**params)}, channels=channels,
            machine=Machine(device="cpu", threads=2, workers=0, processes=1, store=store),
            embed=SimpleNamespace(batch_size=16, precision="fp32"),
        )  # fmt: skip
        monkeypatch.setattr(train_pxk, "load_params", lambda: settings)
        return train_pxk.main("r")

    return stage


def rows(modality):
    return np.load(artefacts.embedding_path(f"r_{modality}"), mmap_mode="r")


def test_outs_of_an_image_tower(run, channels):
    summary = run(IMAGE)
    assert "best epoch" in summary
    assert rows("image").shape == (64, 256)
    assert rows("image").dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows("image"), axis=1), 1, atol=1e-5)
    assert rows("title").shape == (64, 0)
    epochs = artefacts.read_json(artefacts.MODELS / "r" / "epochs.json")
    assert [row["epoch"] for row in epochs] == [0, 1, 2]
    assert all(0 < row["val_f1"] <= 1 for row in epochs)
    assert (artefacts.CURVES / "r" / "plots" / "metrics" / "val_f1.tsv").is_file()
    assert not list(artefacts.CHECKPOINTS.glob("*")), "a finished run keeps no checkpoint"


def test_a_vision_transformer_learns_in_its_last_blocks(run, channels):
    run(IMAGE | {"image": "vit"})
    before, after = (
        load_encoder("vit", channels["vit"].model_copy(update={"weights": weights})).module.state_dict()
        for weights in (channels["vit"].weights, str(artefacts.MODELS / "r.safetensors"))
    )
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    assert any("resblocks.1.attn" in key for key in moved)
    assert not any(key.startswith(("conv1", "transformer.resblocks.0")) for key in moved)
    images = PackedImages(artefacts.IMAGES)
    spec = channels["vit"].model_copy(update={"weights": str(artefacts.MODELS / "r.safetensors")})
    np.testing.assert_allclose(load_encoder("r", spec).embed(images), rows("image"), atol=1e-5)


@pytest.mark.parametrize(
    "params",
    [
        IMAGE | {"head_dim": 8, "head_epochs": 1},
        IMAGE | {"head_dim": 8, "image_size": 64, "views": 2, "ema": 0.5, "start_share": 0.2},
        IMAGE | {"head_dim": 8, "unfreeze_blocks": 0, "augment": None, "views": 2},
        BOTH | {"cross_modal": 0.5, "head_dim": 8},
    ],
)
def test_the_trained_towers_embed_without_the_training_data(run, channels, listings, params):
    run(params)
    weights = str(artefacts.MODELS / "r.safetensors")
    for modality, name in (("image", "cnn"), ("title", "sbert")):
        if modality in params["towers"]:
            encoder = load_encoder("r", channels[name].model_copy(update={"weights": weights}))
            column = PackedImages(artefacts.IMAGES) if modality == "image" else listings["title"].tolist()
            np.testing.assert_allclose(encoder.embed(column), rows(modality), atol=1e-5)


@pytest.mark.parametrize(
    "params",
    [
        IMAGE | {"towers": ["title"], "title": "sbert"},
        IMAGE | {"loss": "arcface"},
        IMAGE | {"loss": "triplet", "unfreeze_blocks": "all", "batch_norm": "train"},
        IMAGE | {"loss": "contrastive", "sampler": "pairs", "max_steps": 8},
        IMAGE | {"unfreeze_blocks": 0, "head_dim": 8, "augment": None},
        BOTH | {"cross_modal": 1.0, "head_dim": 8, "unfreeze_blocks": 0, "augment": None},
    ],
    ids=["titles", "arcface", "triplet", "siamese", "frozen head", "frozen heads, cross-modal"],
)
def test_every_system_is_trained_by_the_same_stage(run, params):
    run(params)
    for modality in ("image", "title"):
        assert (rows(modality).shape[1] > 0) == (modality in params["towers"])
    epochs = artefacts.read_json(artefacts.MODELS / "r" / "epochs.json")
    assert all(np.isfinite(row["loss"]) for row in epochs[1:])


def test_a_run_that_does_not_help_says_so(run, monkeypatch, capfd):
    f1s = iter([0.9, 0.4, 0.5])
    monkeypatch.setattr(train_pxk, "measure_towers", lambda *_: {"f1": next(f1s), "threshold": 0.5})
    sentence = "training did not raise val f1, so the towers stay as they were before it"
    assert f"best epoch 0 of 2, val f1 0.9000 -> 0.9000 ({sentence})" in run(IMAGE)
    assert f"train_pxk@r: {sentence}\n" in capfd.readouterr().err


def test_a_run_that_helps_warns_of_nothing(run, monkeypatch, capfd):
    f1s = iter([0.4, 0.9, 0.5])
    monkeypatch.setattr(train_pxk, "measure_towers", lambda *_: {"f1": next(f1s), "threshold": 0.5})
    assert "did not raise" not in run(IMAGE) + capfd.readouterr().err


TITLES = SMALL | {"towers": ["title"], "title": "sbert", "keep": "last"}


@pytest.fixture
def batches(monkeypatch):
    """Every batch of training that the stage makes, in order."""
    compute_loss, batches = Trainer.compute_loss, []

    def record(self, batch):
        batches.append(batch)
        return compute_loss(self, batch)

    monkeypatch.setattr(Trainer, "compute_loss", record)
    return batches


def test_no_title_is_a_positive_of_itself(run, batches, listings):
    """Half of the products have two labelled listings: more products fill the batch, where K is 4."""
    halved = listings.index[(np.arange(64) // EACH % 2 == 0) & (np.arange(64) % EACH > 1)]
    run(
        TITLES | {"P": 4, "K": 4, "max_steps": 3},
        listings.assign(label_group=listings.label_group.drop(halved)),
    )
    assert [len(set(batch.rows.tolist())) for batch in batches] == [16, 16, 16]


def test_products_that_the_start_channel_confuses_share_a_batch(run, batches):
    """Products 0 and 1, 4 and 5, 8 and 9, 12 and 13 (those of train) lie side by side in the start channel."""
    angle = np.repeat(np.arange(PRODUCTS) // 4 * 1.0, EACH) + np.arange(64) * 1e-3
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    artefacts.write_array(artefacts.embedding_path("sbert"), vectors)
    run(TITLES | {"P": 4, "K": 2, "epochs": 3, "hard_negatives": 1})
    for batch in batches:
        products = set((batch.rows // EACH).tolist())  # of the eight in train, in pairs: 0 and 1, 2 and 3 …
        assert products == {product ^ 1 for product in products}


def test_word_dropout_changes_what_a_title_tower_learns(run, batches):
    def titles():
        return {title for batch in batches for title in batch.inputs["title"]}

    run(TITLES)
    whole, given = np.array(rows("title")), titles()
    assert {len(title.split()) for title in given} == {3}
    batches.clear()
    run(TITLES | {"augment": {"word_dropout": 0.5}})
    assert {len(title.split()) for title in titles()} == {1, 2, 3}
    assert not np.array_equal(rows("title"), whole)


def test_clip_is_saved_as_an_open_clip_model(run, listings):
    import open_clip

    run(CLIP)
    folder = artefacts.MODELS / "r"
    config = json.loads((folder / "open_clip_config.json").read_text())
    text = config["model_cfg"]["text_cfg"] | {"hf_model_name": str(folder)}
    model = open_clip.create_model(f"local-dir:{folder}", text_cfg=text).eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(listings["title"].tolist())
    with torch.inference_mode():
        embeddings = model.encode_text(tokens, normalize=True).numpy()
    np.testing.assert_allclose(embeddings, rows("title"), atol=1e-5)
    # And as channels of the project, exactly as the run embedded.
    for modality in ("image", "title"):
        spec = Channel(modality=modality, backend="open_clip", model="clip", weights=str(folder))
        encoder = load_encoder("clip", spec)
        column = PackedImages(artefacts.IMAGES) if modality == "image" else listings["title"].tolist()
        np.testing.assert_allclose(encoder.embed(column), rows(modality), atol=1e-5)
    # The best epoch is a trained one: at the start the two share no space.
    epochs = artefacts.read_json(folder / "epochs.json")
    assert epochs[0]["best"] == 0
    assert epochs[-1]["temperature"] > 0


def test_the_features_of_a_frozen_trunk_are_the_zero_shot_rows(run, channels):
    frozen = IMAGE | {"unfreeze_blocks": 0, "head_dim": 8, "augment": None}
    run(frozen)
    computed = np.array(rows("image"))
    images = PackedImages(artefacts.IMAGES)
    np.save(artefacts.embedding_path("cnn"), load_encoder("cnn", channels["cnn"]).embed(images))
    run(frozen)
    np.testing.assert_allclose(rows("image"), computed, atol=1e-5)
    np.save(artefacts.embedding_path("cnn"), np.zeros((5, 256), np.float32))
    with pytest.raises(InputError, match=r"cnn\.npy has 5 rows for 64 listings"):
        run(frozen)


def test_a_rerun_gives_the_same_bytes(run):
    run(IMAGE)
    first = outs()
    run(IMAGE)
    assert outs() == first


def test_labels_of_test_choose_nothing(run, listings):
    """With test labels shuffled not a byte of the towers, the embeddings and their metrics changes."""
    run(IMAGE)
    before = outs(), metrics()
    test = listings["split"] == "test"
    shuffled = listings["label_group"].mask(test, listings["label_group"].shift(2 * EACH - 1))
    assert set(shuffled[test]) - set(listings["label_group"][test])
    run(IMAGE, listings.assign(label_group=shuffled))
    assert (outs(), metrics()) == before


@pytest.fixture
def cnn_rows(tmp_path, listings):
    """The array of the channel cnn, from which the run starts."""
    rows = np.random.default_rng(0).normal(size=(len(listings), 256)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    artefacts.write_array(tmp_path / artefacts.embedding_path("cnn"), rows)
    return rows


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"label_group": None}, "no listing has a label_group"),
        (
            {"label_group": [f"g{i}" for i in range(64)]},
            "no product has two or more listings in the train split",
        ),
        ({"label_group": ["g", "g", *[None] * 62]}, "only one product has two or more training listings"),
    ],
)
def test_a_run_without_pairs_leaves_the_channel_that_it_starts_from(
    run, listings, cnn_rows, channels, change, why
):
    line = run(IMAGE, listings.assign(**change))
    assert line.startswith(f"skipped: {why}")
    assert line.endswith("; r_image is cnn, without training")
    np.testing.assert_array_equal(rows("image"), cnn_rows)
    assert rows("title").shape == (64, 0)
    assert artefacts.read_json(artefacts.MODELS / "r" / "epochs.json") == []
    weights = str(artefacts.MODELS / "r.safetensors")
    tower = load_encoder("r_image", channels["cnn"].model_copy(update={"weights": weights}))
    pictures = PackedImages(artefacts.IMAGES)
    np.testing.assert_array_equal(tower.embed(pictures), load_encoder("cnn", channels["cnn"]).embed(pictures))


def test_a_run_without_its_modality_is_skipped(run, listings):
    artefacts.write_array(artefacts.embedding_path("cnn"), np.zeros((64, 0), np.float32))
    assert run(IMAGE, listings.assign(has_image=False)) == "skipped: no listing has image"
    assert rows("image").shape == rows("title").shape == (64, 0)
    assert (artefacts.MODELS / "r.safetensors").is_file()
    assert (artefacts.CURVES / "r").is_dir()


def test_a_baseline_without_pairs_is_skipped_and_stops_nothing(run, listings):
    baseline = IMAGE | {"out": "data/baselines"}
    assert run(baseline, listings.assign(label_group=None)) == "skipped: no listing has a label_group"
    assert np.load("data/baselines/r_image.npy").shape == (64, 0)


def test_pairs_of_picture_and_title_need_no_labels_and_a_tower_goes_on_from_there(run, listings, channels):
    """Pre-training on the catalogue's own pairs; then P x K, from a channel with the weights that it wrote."""
    pairs = CLIP | {"unfreeze_blocks": 1, "augment": {}, "epochs": 1}
    assert "best epoch 1 of 1, no val f1" in run(pairs, listings.assign(label_group=None))
    before, pretrained = rows("image").copy(), artefacts.MODELS / "pairs.safetensors"
    (artefacts.MODELS / "r.safetensors").rename(pretrained)
    channels["domain"] = channels["cnn"].model_copy(update={"weights": str(pretrained)})
    run(IMAGE | {"image": "domain", "lr": 1e-9, "head_lr": 1e-9, "keep": "last"})
    np.testing.assert_allclose(rows("image"), before, atol=1e-4)  # at so low a rate it stays where it starts


@pytest.mark.parametrize(
    ("params", "lowered"),
    [
        (IMAGE | {"P": 9, "K": 5}, "P 9 -> 8, K 5 -> 4"),
        (CLIP | {"batch_size": 64, "epochs": 1}, "batch_size 64 -> 32"),
    ],
)
def test_batches_are_lowered_to_what_the_catalogue_can_fill(run, params, lowered):
    assert run(params | {"max_steps": 2}).endswith(f"lowered to the catalogue: {lowered}")


def test_a_listing_without_the_modality_has_a_zero_row(run, listings):
    listings.loc[[0, 33, 63], "has_image"] = False
    run(IMAGE, listings)
    assert np.flatnonzero(~rows("image").any(axis=1)).tolist() == [0, 33, 63]


@pytest.mark.parametrize(
    ("params", "change", "sentence"),
    [
        (IMAGE | {"unfreeze_blocks": 99}, {}, "unfreeze_blocks is 99; allowed with test_efficientnet: 0 to"),
        (
            IMAGE | {"image": "vit", "image_size": 96},
            {},
            "image_size is 96, which open_clip model .* allowed: 32, or",
        ),
        (BOTH | {"cross_modal": 0.5}, {}, "image 256 and title 16 columns; give a head_dim"),
    ],
)
def test_bad_input_is_one_sentence_before_training(run, listings, params, change, sentence):
    with pytest.raises(InputError, match=sentence):
        run(params, listings.assign(**change))
    assert not artefacts.EMBEDDINGS.exists()


def test_weights_of_another_architecture_are_refused(run, channels, models):
    channels["cnn"] = channels["cnn"].model_copy(update={"model": "test_resnet"})
    with pytest.raises(InputError, match="channel cnn cannot be loaded"):
        run(IMAGE)


def test_an_unknown_run_is_refused(run):
    run(IMAGE | {"max_steps": 1})
    with pytest.raises(InputError, match=r"train\.x does not exist; allowed: r"):
        train_pxk.main("x")


def test_a_diverged_run_names_the_listings_and_keeps_its_best_epoch(run, channels, monkeypatch):
    compute_loss, batches = Trainer.compute_loss, []

    def spoil(self, batch):
        batches.append(batch)
        return compute_loss(self, batch) * (float("nan") if batch.step == 5 else 1.0)

    monkeypatch.setattr(Trainer, "compute_loss", spoil)
    with pytest.raises(InputError, match="nan at step 5") as caught:
        run(IMAGE)
    in_train = [i for i in range(64) if i // EACH % 4 < 2]
    assert all(f"p{in_train[row]:03}" in str(caught.value) for row in batches[5].rows)
    (best,) = artefacts.CHECKPOINTS.rglob("best.safetensors")
    assert str(best) in str(caught.value)
    assert load_encoder("r", channels["cnn"].model_copy(update={"weights": str(best)})).dim == 256
    assert not artefacts.EMBEDDINGS.exists()


def test_params_and_data_name_the_checkpoint(run, channels, listings):
    run(IMAGE | {"max_steps": 1})
    compute = ComputeConfig(torch.device("cpu"), "fp32")
    data = (artefacts.LISTINGS, artefacts.IMAGES)

    def key(**changed):
        return checkpoint_key(TrainRun(**IMAGE | changed), channels, compute, data)

    before = key()
    assert key() == before
    assert key(lr=2e-3) != before
    listings.assign(title="a").to_parquet(artefacts.LISTINGS)
    assert key() != before


def test_a_run_imports_no_library_of_other_losses_and_backends():
    """They take seven seconds, at each start of each process."""
    heavy = {"open_clip", "pytorch_metric_learning", "sentence_transformers", "timm", "torchvision"}
    code = f"import sys, stages.train_pxk; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


REUSED = IMAGE | {"max_steps": 2, "reuse": "weights", "reuse_share": 0.1}


def outs(*, without=()):
    """The bytes of every out, by path."""
    folders = (artefacts.EMBEDDINGS, artefacts.MODELS, artefacts.CURVES)
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    return {file: file.read_bytes() for file in files if file.suffix not in without}


def metrics():
    return artefacts.read_json(artefacts.METRICS / "train" / "r.json")


@pytest.fixture
def no_training(monkeypatch):
    def fail(*arguments):
        raise AssertionError("it trains")

    return lambda: monkeypatch.setattr(train_pxk, "fit", fail)


def test_metrics_of_a_run_say_val_f1_and_that_it_was_trained(run):
    run(IMAGE)
    kept = next(e for e in artefacts.read_json(artefacts.MODELS / "r" / "epochs.json") if e["kept"])
    assert metrics() == {"val": {"f1": pytest.approx(kept["val_f1"], abs=1e-6)}, "reused": 0.0}


@pytest.mark.parametrize(
    "params", [REUSED, REUSED | {"head_dim": 8, "ema": 0.5}, CLIP | {"reuse": "weights"}], ids=str
)
def test_towers_are_reused_on_the_same_listings_and_every_out_has_the_same_bytes(run, params, no_training):
    run(params | {"reuse": "none"})
    plain = outs()
    assert "reused: 0.0 of the weights (no run of these params is kept)" in run(params, store="store")
    assert outs() == plain
    no_training()
    assert "reused: 1.0 of the weights (0 of " in run(params, store="store")
    assert outs() == plain
    assert metrics()["reused"] == 1.0
    assert metrics()["new_listings"] == 0.0


def test_new_listings_below_the_share_are_embedded_by_the_kept_tower(run, listings, no_training, channels):
    run(REUSED, store="store")
    tower = (artefacts.MODELS / "r.safetensors").read_bytes()
    no_training()
    changed = listings.assign(label_group=["new", *listings["label_group"][1:]])
    summary = run(REUSED, changed, store="store")
    assert "reused: 1.0 of the weights (1 of 32 training listings (3.12%) are new)" in summary
    assert metrics()["new_listings"] == pytest.approx(1 / 32)
    assert (artefacts.MODELS / "r.safetensors").read_bytes() == tower
    spec = channels["cnn"].model_copy(update={"weights": str(artefacts.MODELS / "r.safetensors")})
    assert np.array_equal(load_encoder("r", spec).embed(PackedImages(artefacts.IMAGES)), rows("image"))


def test_above_the_share_towers_are_trained_anew_with_the_bytes_of_a_run_without_reuse(run, listings):
    run(REUSED, store="store")
    changed = listings.assign(label_group=[*["a", "a", "b", "b"], *listings["label_group"][4:]])
    summary = run(REUSED, changed, store="store")
    assert "reused: 0.0 of the weights (4 of 32 training listings (12.50%) are new)" in summary
    assert metrics()["reused"] == 0.0
    trained = outs()
    run(REUSED | {"reuse": "none"}, changed)
    assert outs() == trained


def test_other_params_train_anew_and_their_towers_are_kept_beside_the_first_ones(run, no_training):
    run(REUSED, store="store")
    first = outs()
    assert "(no run of these params is kept)" in run(REUSED | {"lr": 2e-3}, store="store")
    assert outs() != first
    no_training()
    run(REUSED | {"reuse_share": 0.2}, store="store")
    assert outs() == first


def test_a_damaged_file_of_the_store_is_trained_anew(run, tmp_path):
    run(REUSED, store="store")
    first = outs()
    for shard in (tmp_path / "store").glob("towers-*/*.shard"):
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
    assert "(the kept towers are damaged or gone)" in run(REUSED, store="store")
    assert outs() == first
    assert "reused: 1.0" in run(REUSED, store="store"), "what was trained anew is kept"


def test_towers_taught_by_products_that_are_in_test_now_are_not_reused(run, listings):
    run(REUSED, store="store")
    moved = listings.assign(split=np.where(listings["label_group"] == "g1", "test", listings["split"]))
    assert "1 products that taught the kept towers are now in val or test" in run(
        REUSED, moved, store="store"
    )


def test_without_a_store_nothing_is_kept(run):
    run(REUSED)
    assert "reused: 0.0 of the weights (machine.store is null)" in run(REUSED)
