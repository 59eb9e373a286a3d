"""The networks of learned fusion, on two channels of two columns that can be checked on paper."""

import numpy as np
import pytest
import torch

from samesku.training.fusion_networks import KINDS, AttentionFusion, GatedFusion, change_rows
from samesku.training.losses import InfoNCE
from samesku.training.towers import FeatureTower

WIDTHS, WEIGHTS = [2, 2], [3.0, 1.0]  # shares 0.75 and 0.25
BOTH, NO_PICTURE, NOTHING = [0.6, 0.8, 1.0, 0.0], [0.0, 0.0, 0.6, 0.8], [0.0] * 4


def make(kind, widths=WIDTHS, weights=WEIGHTS, width=8):
    return KINDS[kind](widths, weights, width, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_without_training_it_is_the_plain_fusion(kind):
    rows, shares = change_rows(make(kind), np.array([BOTH, NO_PICTURE, NOTHING], np.float32))
    root = np.sqrt(0.75)
    assert rows[0] == pytest.approx([root * 0.6, root * 0.8, 0.5, 0], abs=1e-6)
    assert rows[1] == pytest.approx(NO_PICTURE, abs=1e-6)  # the title has all the weight
    assert rows[2].tolist() == NOTHING
    assert shares == pytest.approx(np.array([[0.75, 0.25], [0, 1], [0, 0]]), abs=1e-6)


def test_a_gate_weighs_each_listing_by_hand():
    """One hidden unit sees the first column; gelu(10) is 10, gelu(0) is 0."""
    network = GatedFusion(WIDTHS, [1.0, 1.0], 4, 0)
    with torch.no_grad():
        network.hidden.weight.zero_()
        network.hidden.weight[0, 0] = 10.0
        network.gate.weight[0, 0] = np.log(3) / 10
    rows, shares = change_rows(network, np.array([[1, 0, 1, 0], [0, 1, 1, 0]], np.float32))
    assert shares == pytest.approx(np.array([[0.75, 0.25], [0.5, 0.5]]), abs=1e-6)
    # Σ_c √(p_c · p'_c) · cos_c: the pictures have the cosine 0, the titles 1.
    assert rows[0] @ rows[1] == pytest.approx(np.sqrt(0.25 * 0.5), abs=1e-6)


def test_attention_without_preference_is_the_mean_of_the_channels_that_are_there():
    network = AttentionFusion(WIDTHS, WEIGHTS, 4, 0)
    with torch.no_grad():
        network.attend.weight.zero_()  # of queries and keys
        network.attend.weight[8:] = torch.eye(4)  # of values
    tokens = torch.tensor([[[1.0, 2, 3, 4], [3, 2, 1, 0]]])
    mean = network.attention(tokens, torch.tensor([[True, True]]))
    assert mean.tolist() == [[[2, 2, 2, 2], [2, 2, 2, 2]]]
    alone = network.attention(tokens, torch.tensor([[False, True]]))
    assert alone[0, 1].tolist() == [3, 2, 1, 0]


def test_attention_changes_a_channel_by_the_other_one():
    network = make("attention")
    with torch.no_grad():
        network.expand[0].weight[0, 0] = 1.0
    titles = [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    rows, _ = change_rows(network, np.array([[0.6, 0.8, *title] for title in titles], np.float32))
    pictures = rows[:, :2] / np.linalg.norm(rows[:, :2], axis=1, keepdims=True)
    assert np.abs(pictures[0] - pictures[1]).max() > 0.01
    assert np.abs(pictures[0] - pictures[2]).max() > 0.01
    # What a missing channel would be plays no part.
    with torch.no_grad():
        network.place[1] += 5.0
    again, _ = change_rows(network, np.array([[0.6, 0.8, 0, 0]], np.float32))
    assert again[0] == pytest.approx(rows[2], abs=1e-6)


def randomise(network):
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_channels_changes_nothing(kind):
    widths, weights, order = [2, 3, 4], [1.0, 2.0, 3.0], [2, 0, 1]
    network = make(kind, widths, weights)
    randomise(network)
    permuted = make(kind, [widths[c] for c in order], [weights[c] for c in order])
    columns = np.concatenate([np.arange(sum(widths[:c]), sum(widths[: c + 1])) for c in order])
    state = {}
    for name, tensor in network.state_dict().items():
        stem = name.split(".")[0]
        if stem in ("project", "expand"):
            continue
        if name == "hidden.weight":
            state[name] = tensor[:, columns]
        else:
            state[name] = tensor[order] if stem in ("gate", "learned", "place") else tensor
    for part in ("project", "expand"):
        for new, old in enumerate(order):
            if kind == "attention":
                state[f"{part}.{new}.weight"] = network.state_dict()[f"{part}.{old}.weight"]
    permuted.load_state_dict(state)
    rows = np.random.default_rng(0).normal(size=(5, 9)).astype(np.float32)
    rows[1, :2] = 0
    before, after = change_rows(network, rows), change_rows(permuted, rows[:, columns])
    assert after[0] == pytest.approx(before[0][:, columns], abs=1e-5)
    assert after[1] == pytest.approx(before[1][:, order], abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_finite_where_a_channel_is_missing(kind):
    network = make(kind)
    randomise(network)
    rows = FeatureTower(network)(torch.tensor([BOTH, NO_PICTURE, [1.0, 0, 0, 0]]))
    InfoNCE()(rows, torch.tensor([0, 0, 1])).backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_tower_of_a_head_alone_puts_back_what_it_learned():
    tower = FeatureTower(make("gated"))
    before = {name: tensor.clone() for name, tensor in tower.learned_state().items()}
    randomise(tower.head)
    assert not torch.equal(tower.head.gate.bias, before["head.gate.bias"])
    tower.load_learned_state(before)
    assert torch.equal(tower.head.gate.bias, before["head.gate.bias"])
    assert tower.learning_blocks == []
