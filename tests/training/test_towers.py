import pytest
import torch
from torch import nn

from samesku.errors import InputError
from samesku.training.losses import ArcFace, InfoNCE
from samesku.training.towers import Tower, group_by_length, parameter_groups

PIXELS = torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def learning(tower):
    return {name for name, p in tower.named_parameters() if p.requires_grad}


def names(tower, *blocks):
    expected = {
        f"trunk.blocks.{b}.{part}" for b in blocks for part in ("0.weight", "0.bias", "1.weight", "1.bias")
    }
    return expected | ({"head.0.weight"} if not isinstance(tower.head, nn.Identity) else set())


def step(tower):
    loss = tower(PIXELS).square().sum(dim=0)[0]
    loss.backward()
    torch.optim.SGD([p for p in tower.parameters() if p.grad is not None], lr=0.1).step()


@pytest.mark.parametrize(
    ("blocks", "unfrozen"), [(0, []), (1, [2]), (2, [1, 2]), (3, [0, 1, 2]), ("all", [0, 1, 2])]
)
def test_the_last_blocks_are_unfrozen_after_the_head(encoder, blocks, unfrozen):
    tower = Tower(encoder, head_dim=4, unfreeze_blocks=blocks)
    assert learning(tower) == names(tower)
    tower.unfreeze()
    assert learning(tower) == names(tower, *unfrozen)
    tower.freeze()
    assert learning(tower) == names(tower)


@pytest.mark.parametrize("train_batch_norm", [False, True])
def test_nothing_of_the_frozen_part_moves(encoder, train_batch_norm):
    tower = Tower(encoder, head_dim=4, unfreeze_blocks=1, train_batch_norm=train_batch_norm)
    tower.unfreeze()
    tower.train()
    before = {key: value.clone() for key, value in tower.state_dict().items()}
    step(tower)
    moved = {key for key, value in tower.state_dict().items() if not torch.equal(value, before[key])}
    statistics = {"running_mean", "running_var", "num_batches_tracked"} if train_batch_norm else set()
    weights = ("0.weight", "0.bias", "1.weight", "1.bias")
    assert moved == {"head.0.weight", *(f"trunk.blocks.2.{name}" for name in weights)} | {
        f"trunk.blocks.2.1.{name}" for name in statistics
    }


def test_dropout_acts_in_unfrozen_blocks_alone(encoder):
    tower = Tower(encoder, head_dim=None, unfreeze_blocks=1)
    tower.unfreeze()
    tower.train()
    assert [part.training for part in encoder.module.modules() if isinstance(part, nn.Dropout)] == [
        False,
        False,
        True,
    ]
    tower.eval()
    assert not any(part.training for part in tower.modules())


def test_the_frozen_part_records_no_gradient(encoder):
    tower = Tower(encoder, head_dim=4, unfreeze_blocks=1)
    tower.unfreeze()
    requires_grad = []
    encoder.module.blocks[1].register_forward_hook(
        lambda _m, _i, out: requires_grad.append(out.requires_grad)
    )
    encoder.module.blocks[2].register_forward_hook(
        lambda _m, _i, out: requires_grad.append(out.requires_grad)
    )
    tower.train()(PIXELS)
    assert requires_grad == [False, True]


def test_a_head_starts_from_the_trunks_similarities(encoder):
    with torch.inference_mode():
        trunk = Tower(encoder, head_dim=None, unfreeze_blocks=1).eval()(PIXELS)
        head = Tower(encoder, head_dim=8, unfreeze_blocks=1).eval()(PIXELS)
    torch.testing.assert_close(head @ head.T, trunk @ trunk.T, atol=1e-5, rtol=0)


def test_rows_have_norm_one_and_the_heads_width(encoder):
    rows = Tower(encoder, head_dim=5, unfreeze_blocks=0)(PIXELS)
    assert rows.shape == (6, 5)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(6))


def test_features_go_through_the_head_alone(encoder):
    tower = Tower(encoder, head_dim=5, unfreeze_blocks=0).eval()
    with torch.inference_mode():
        pixels = encoder.prepare.normalise(PIXELS)
        features = nn.functional.normalize(encoder.module(pixels), dim=1)
        torch.testing.assert_close(tower(features), tower(PIXELS))


def test_titles(title_encoder):
    tower = Tower(title_encoder, head_dim=None, unfreeze_blocks=1)
    assert tower(["a b", "c"]).shape == (2, 16)
    tower.unfreeze()
    assert {name.split("layer.")[1][0] for name in learning(tower) if "layer." in name} == {"1"}
    assert not any("embeddings" in name for name in learning(tower))


def test_titles_are_embedded_in_groups_of_similar_length(title_encoder):
    titles = ["a b c d e f g " * 3, "a", "b c " * 8, "d e f g h i j a b " * 3, "c " * 17, ""]
    tokens = title_encoder.prepare(titles)
    groups = list(group_by_length(tokens, size=2))
    assert [sorted(index.tolist()) for index, _ in groups] == [[1, 5], [2, 4], [0, 3]]
    assert [group["input_ids"].shape[1] for _, group in groups] == [
        16,
        19,
        29,
    ]  # with [CLS] and [SEP]; at least 16
    tower = Tower(title_encoder, head_dim=None, unfreeze_blocks=1).eval()
    with torch.inference_mode():
        whole = nn.functional.normalize(title_encoder.forward(tokens).float(), dim=1)
        torch.testing.assert_close(tower(titles), whole, atol=1e-5, rtol=0)


def test_tokens_without_a_mask_or_padded_on_the_left_stay_one_group():
    left = {"input_ids": torch.ones(3, 4), "attention_mask": torch.tensor([[0, 1, 1, 1], [1] * 4, [1] * 4])}
    for tokens in (left, {"text": torch.ones(3, 4)}):
        ((index, group),) = group_by_length(tokens, size=2)
        assert index.tolist() == [0, 1, 2]
        assert group is tokens


def test_what_was_learned_can_be_put_back(encoder):
    tower = Tower(encoder, head_dim=4, unfreeze_blocks=1, train_batch_norm=True)
    tower.unfreeze()
    learned = {key: value.clone() for key, value in tower.learned_state().items()}
    assert all(key.startswith(("trunk.blocks.2", "head")) for key in learned)
    before = tower.eval()(PIXELS)
    step(tower.train())
    assert not torch.equal(tower.eval()(PIXELS), before)
    tower.load_learned_state(learned)
    assert torch.equal(tower.eval()(PIXELS), before)


def test_norms_and_biases_have_no_decay(encoder):
    tower = Tower(encoder, head_dim=4, unfreeze_blocks=2)
    loss = InfoNCE(learnable=True)
    groups = parameter_groups({"image": tower}, loss, lr=1e-4, head_lr=1e-3, weight_decay=0.05)
    decays = {(g["part"], g["lr"], g["weight_decay"]): [p.ndim for p in g["params"]] for g in groups}
    assert decays == {
        ("trunk", 1e-4, 0.05): [4, 4],
        ("trunk", 1e-4, 0.0): [1] * 6,  # two biases of convolutions, two norms
        ("head", 1e-3, 0.05): [2],
        ("head", 1e-3, 0.0): [0],  # the temperature
    }
    arcface = parameter_groups({"image": tower}, ArcFace(4, 3), lr=1e-4, head_lr=1e-3, weight_decay=0.05)
    assert [p.shape for p in arcface[2]["params"]] == [(4, 8), (4, 3)]


def test_more_blocks_than_there_are_is_refused(encoder):
    with pytest.raises(InputError, match="unfreeze_blocks is 4; allowed with tiny: 0 to 3, all"):
        Tower(encoder, head_dim=None, unfreeze_blocks=4)


def test_a_second_head_is_refused(encoder):
    Tower(encoder, head_dim=4, unfreeze_blocks=1)
    with pytest.raises(InputError, match="brings a head of 4 columns"):
        Tower(encoder, head_dim=4, unfreeze_blocks=1)
