import math

import pytest
import torch
from pytorch_metric_learning.losses import SupConLoss
from torch import tensor
from torch.nn.functional import normalize

from samesku.training.losses import (
    ArcFace,
    Contrastive,
    ImageText,
    InfoNCE,
    SemiHardTriplet,
    batch_loss,
    make_loss,
)
from tests.training.fitting import make_run


def rows(n, d=8, seed=0):
    return normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=1).requires_grad_()


def log_sum_exp(*values):
    return math.log(sum(math.exp(v) for v in values))


#: Two listings of product 0, one of product 1; similarities 0.6, 0 and 0.8.
THREE = tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
LABELS = tensor([0, 0, 1])


def test_infonce_by_hand():
    # Row 0: positive row 1 (0.6), negative row 2 (0). Row 1: positive row 0 (0.6), negative row 2 (0.8).
    # Row 2 has no positive.
    t = 0.5
    expected = ((log_sum_exp(0.6 / t, 0 / t) - 0.6 / t) + (log_sum_exp(0.6 / t, 0.8 / t) - 0.6 / t)) / 2
    assert InfoNCE(t)(THREE, LABELS).item() == pytest.approx(expected, rel=1e-6)


def test_infonce_across_modalities_by_hand():
    # A row's positives are among the references, that of its listing included.
    references = tensor([[0.0, 1.0], [1.0, 0.0]])
    # Row (1, 0), label 0: reference 0 (similarity 0) is positive, reference 1 (similarity 1) is not.
    # Row (0, 1), label 1: reference 1 (similarity 0) is positive, reference 0 (similarity 1) is not.
    value = InfoNCE(1.0)(THREE[[0, 2]], tensor([0, 1]), references, tensor([0, 1]))
    expected = ((log_sum_exp(0, 1) - 0) + (log_sum_exp(1, 0) - 0)) / 2
    assert value.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("temperature", [0.05, 0.07, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_infonce_is_the_librarys_supervised_contrastive_loss(temperature, seed):
    embeddings, copies = rows(24, seed=seed), rows(24, seed=seed)
    labels = torch.randint(0, 6, (24,), generator=torch.Generator().manual_seed(seed))
    loss = InfoNCE(temperature)(normalize(embeddings, dim=1), labels)
    reference = SupConLoss(temperature)(copies, labels)  # which normalises by itself
    torch.testing.assert_close(loss, reference)
    loss.backward()
    reference.backward()
    torch.testing.assert_close(embeddings.grad, copies.grad, atol=1e-5, rtol=1e-4)


def test_infonce_across_is_the_librarys_too():
    image, title, labels = rows(12), rows(12, seed=1), torch.arange(12) // 3
    value = InfoNCE(0.07)(image, labels, title, labels)
    torch.testing.assert_close(
        value, SupConLoss(0.07)(image, labels, ref_emb=title, ref_labels=labels.clone())
    )


def test_temperature_is_learned_or_fixed():
    fixed, learned = InfoNCE(0.1), InfoNCE(0.1, learnable=True)
    assert not list(fixed.parameters())
    (log_scale,) = learned.parameters()
    learned(rows(8), torch.arange(8) // 2).backward()
    assert log_scale.grad is not None
    assert log_scale.exp().item() == pytest.approx(10)


PAIRWISE = [InfoNCE(), InfoNCE(learnable=True), SemiHardTriplet()]


@pytest.mark.parametrize("loss", PAIRWISE, ids=["infonce", "infonce-learnable", "triplet"])
def test_a_batch_without_a_positive_gives_a_zero_that_back_propagates(loss):
    batch = rows(4)
    value = loss(batch, torch.arange(4))
    assert value.item() == 0
    value.backward()
    assert torch.equal(batch.grad, torch.zeros_like(batch))


def test_contrastive_without_any_pair_gives_a_zero_that_back_propagates():
    batch = rows(1)
    value = Contrastive()(batch, tensor([0]))
    assert value.item() == 0
    value.backward()
    assert torch.equal(batch.grad, torch.zeros_like(batch))


def test_contrastive_by_hand():
    # Distances: 0–1 √0.8, 0–2 √2, 1–2 √0.4. With margin 1 only the negative pair 1–2 lies within it.
    positive, negative = math.sqrt(0.8), 1 - math.sqrt(0.4)
    assert Contrastive(1.0)(THREE, LABELS).item() == pytest.approx(positive + negative, rel=1e-5)


def test_the_siamese_batch_is_one_pair_of_each_kind():
    # (0, 1) apart by √0.8; (0, 2) by √2, within a margin of 1.5.
    value = Contrastive(1.5, one_pair_each=True)(THREE, LABELS)
    assert value.item() == pytest.approx(math.sqrt(0.8) + 1.5 - math.sqrt(2), rel=1e-5)


def test_triplet_by_hand():
    # Anchor 1, positive 0, negative 2 is no triplet: √0.4 < √0.8, harder than semi-hard.
    # Anchor 0, positive 1, negative 2: √0.8 < √2 < √0.8 + 0.6, so it is one, of √0.8 − √2 + 0.6.
    value = SemiHardTriplet(0.6)(THREE, LABELS)
    assert value.item() == pytest.approx(math.sqrt(0.8) - math.sqrt(2) + 0.6, rel=1e-5)


def test_arcface_by_hand():
    loss = ArcFace(2, 2, margin=30.0, scale=2.0)
    loss.loss.W.data = torch.eye(2)
    # Row (1, 0) of class 0: angle 0, with the margin 30°; class 1 is at 90°.
    expected = log_sum_exp(2 * math.cos(math.radians(30)), 0) - 2 * math.cos(math.radians(30))
    assert loss(tensor([[1.0, 0.0]]), tensor([0])).item() == pytest.approx(expected, rel=1e-4)


def test_image_text_by_hand():
    image, title = tensor([[1.0, 0.0], [0.0, 1.0]]), tensor([[1.0, 0.0], [0.6, 0.8]])
    # Similarities of the pictures to the titles: 1, 0.6 and 0, 0.8; of the titles to the pictures: 1, 0 and 0.6, 0.8.
    terms = [
        log_sum_exp(1, 0.6) - 1,
        log_sum_exp(0, 0.8) - 0.8,
        log_sum_exp(1, 0) - 1,
        log_sum_exp(0.6, 0.8) - 0.8,
    ]
    assert ImageText(1.0)(image, title).item() == pytest.approx(sum(terms) / 4, rel=1e-6)


def run_with(loss):
    listings = {"sampler": "listings", "batch_size": 8, "towers": ["image", "title"], "title": "tiny"}
    return make_run(loss=loss, **(listings if loss == "image_text" else {}))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("infonce", InfoNCE),
        ("arcface", ArcFace),
        ("triplet", SemiHardTriplet),
        ("contrastive", Contrastive),
        ("image_text", ImageText),
    ],
)
def test_every_loss_has_a_name_and_learns(name, kind):
    loss = make_loss(run_with(name), dim=8, n_products=4)
    assert isinstance(loss, kind)
    batch = {"image": rows(16), "title": rows(16, seed=1)}
    batch_loss(loss, batch, torch.arange(16) // 4, 0.0).backward()
    assert all(torch.isfinite(part.grad).all() and part.grad.any() for part in batch.values())


@pytest.mark.parametrize("name", ["infonce", "triplet", "contrastive"])
def test_cross_modal_terms_pull_titles_to_pictures(name):
    loss, labels = make_loss(run_with(name), dim=8, n_products=4), torch.arange(16) // 4
    batch = {"image": rows(16), "title": rows(16, seed=1)}
    image, title = batch["image"], batch["title"]
    copied = labels.clone()
    between = (loss(image, labels, title, copied) + loss(title, labels, image, copied)) / 2
    within = loss(image, labels) + loss(title, labels)
    torch.testing.assert_close(batch_loss(loss, batch, labels, 0.5), within + 0.5 * between)


@pytest.mark.parametrize("name", ["infonce", "contrastive"])
def test_the_title_of_a_listing_is_a_positive_of_its_picture(name):
    # Every product has one listing: the only positive pairs are a listing's picture and title.
    loss, labels = make_loss(run_with(name), dim=8, n_products=4), torch.arange(4)
    equal = {"image": rows(4), "title": rows(4)}
    different = {"image": rows(4), "title": rows(4, seed=1)}
    assert batch_loss(loss, equal, labels, 1.0) < batch_loss(loss, different, labels, 1.0)
