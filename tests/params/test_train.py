"""A training run is checked whole; what is wrong is one sentence."""

import re

import pytest
from pydantic import ValidationError

from samesku.params import Channel, TrainRun
from samesku.params.load import check_run, check_start

IMAGE = {"towers": ["image"], "image": "cnn"}
BOTH = {"towers": ["image", "title"], "image": "cnn", "title": "sbert"}
CLIP = BOTH | {"loss": "image_text", "sampler": "listings", "batch_size": 64}


@pytest.mark.parametrize(
    "params",
    [
        IMAGE,
        IMAGE | {"title": "sbert"},
        BOTH | {"cross_modal": 0.5, "head_dim": 128},
        CLIP | {"unfreeze_blocks": 0, "head_dim": 256, "augment": None},
        IMAGE | {"loss": "contrastive", "sampler": "pairs", "margin": 0.5},
        IMAGE | {"loss": "arcface", "margin": 45.0, "unfreeze_blocks": "all"},
        IMAGE | {"image_size": 160, "views": 2, "ema": 0.9},
    ],
)
def test_what_is_allowed(params):
    assert not list(check_run(TrainRun(**params)))


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"towers": []}, "at least 1 item"),
        ({"towers": ["sound"]}, "'image' or 'title'"),
        (IMAGE | {"towers": ["image", "image"]}, "names a tower twice"),
        ({"towers": ["title"]}, "title is missing; tower title needs the channel that it starts from"),
        (IMAGE | {"K": 1}, "greater than or equal to 2"),
        (IMAGE | {"P": 1}, "greater than or equal to 2"),
        (IMAGE | {"lr": 0.0}, "greater than 0"),
        (IMAGE | {"lr": float("nan")}, "greater than 0|finite"),
        (IMAGE | {"lr": "1e-4"}, "valid number"),
        (IMAGE | {"loss": "huber"}, "'infonce', 'arcface', 'triplet', 'contrastive' or 'image_text'"),
        (IMAGE | {"unfreeze_blocks": "some"}, "'all'"),
        (IMAGE | {"blocks": 3}, "Extra inputs"),
        (IMAGE | {"keep": "first"}, "'best' or 'last'"),
        (IMAGE | {"augment": {"crop": 0.0}}, "greater than 0"),
        (IMAGE | {"cross_modal": 0.5}, "cross_modal is 0.5 with one tower; allowed: 0, or both"),
        (BOTH | {"cross_modal": 0.5, "loss": "arcface"}, "cross_modal is 0.5 with loss arcface; allowed: 0"),
        (IMAGE | {"head_epochs": 1}, "head_epochs is 1 without a head"),
        (IMAGE | {"unfreeze_blocks": 0}, "leaves nothing to train; give a head_dim"),
        (CLIP | {"towers": ["image"]}, "loss image_text with towers ['image']; allowed: both"),
        (CLIP | {"sampler": "pk", "batch_size": None}, "loss image_text with sampler pk"),
        (IMAGE | {"sampler": "listings", "batch_size": 8}, "loss infonce with sampler listings"),
        (CLIP | {"batch_size": None}, "batch_size goes with sampler listings"),
        (IMAGE | {"batch_size": 64}, "batch_size goes with sampler listings"),
        (
            IMAGE | {"sampler": "pairs", "loss": "contrastive", "hard_negatives": 2},
            "hard_negatives is 2 with sampler pairs; allowed: 0, or pk",
        ),
        (IMAGE | {"image_size": 16}, "greater than or equal to 32"),
        (IMAGE | {"views": 3}, "1 or 2"),
        (IMAGE | {"ema": 1.0}, "less than 1"),
        (IMAGE | {"start_share": 1.0}, "less than 1"),
        ({"towers": ["title"], "title": "sbert", "views": 2}, "without the image tower; allowed: null"),
        ({"towers": ["title"], "title": "sbert", "image_size": 96}, "without the image tower; allowed: null"),
        (IMAGE | {"sampler": "pairs"}, "sampler pairs with loss infonce; allowed: contrastive"),
        (IMAGE | {"loss": "triplet", "learnable_temperature": True}, "learnable_temperature with loss trip"),
        (IMAGE | {"margin": 0.2}, "margin is 0.2 with loss infonce, which has none; allowed: null"),
        (IMAGE | {"loss": "triplet", "margin": 3.0}, "margin is 3; allowed with triplet: up to 2"),
    ],
)
def test_what_is_refused(params, sentence):
    try:
        problems = list(check_run(TrainRun(**params)))
    except ValidationError as error:
        problems = [str(error)]
    assert any(re.search(sentence if "|" in sentence else re.escape(sentence), text) for text in problems)


TITLE = {"towers": ["title"], "title": "sbert"}
OF_PICTURES, OF_TITLES = (16, 4, 0.07, 3, 1e-4, 0.0), (128, 2, 0.05, "all", 2e-4, 0.3)
NULLS = dict.fromkeys(("P", "K", "temperature", "unfreeze_blocks", "lr", "start_share"))


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (IMAGE, OF_PICTURES),
        (BOTH, OF_PICTURES),
        (TITLE, OF_TITLES),
        (IMAGE | NULLS, OF_PICTURES),
        (TITLE | NULLS, OF_TITLES),
        (TITLE | {"P": None, "K": 3, "unfreeze_blocks": 2}, (128, 3, 0.05, 2, 2e-4, 0.3)),
        (TITLE | {"P": 16, "K": 4, "temperature": 0.07, "unfreeze_blocks": 3}, (16, 4, 0.07, 3, 2e-4, 0.3)),
    ],
)
def test_defaults_depend_on_the_towers_where_a_key_is_missing_or_null(params, expected):
    run = TrainRun(**params)
    values = (run.P, run.K, run.temperature, run.unfreeze_blocks, run.lr, run.start_share)
    assert values == expected


CHANNELS = {
    "cnn": Channel(modality="image", backend="timm", model="m"),
    "clip": Channel(modality="image", backend="open_clip", model="m", out="data/baselines"),
    "phash": Channel(modality="image", backend="phash"),
    "sbert": Channel(modality="title", backend="sentence_transformers", model="m"),
    "tfidf": Channel(modality="title", backend="tfidf", dim=64),
}


@pytest.mark.parametrize("start", ["phash", "sbert", "clip", "none"])
def test_a_tower_starts_from_a_network_of_its_modality_in_data_embeddings(start):
    (problem,) = check_start("pxk", TrainRun(**IMAGE | {"image": start}), CHANNELS)
    assert re.fullmatch(rf"train\.pxk\.image is {start}, .* allowed: cnn", problem)


def test_the_start_of_a_tower_that_is_not_trained_does_not_matter():
    assert not list(check_start("pxk", TrainRun(**IMAGE | {"title": "tfidf"}), CHANNELS))
