"""The moving average of the weights: by hand, as what a run is measured by, and after a stop."""

import pytest
import torch

from samesku.training.average import WeightAverage
from samesku.training.towers import Tower
from tests.training.fitting import make_run, set_up, train


def fill(tower, value):
    with torch.no_grad():
        tower.head[0].weight.fill_(value)


def test_by_hand(encoder):
    tower = Tower(encoder, head_dim=4, unfreeze_blocks=1, train_batch_norm=True)
    fill(tower, 8.0)
    average = WeightAverage({"image": tower}, 0.75)
    for value, expected in ((0.0, 6.0), (2.0, 5.0)):  # 3/4 · 8 + 1/4 · 0; 3/4 · 6 + 1/4 · 2
        fill(tower, value)
        encoder.module.blocks[2][1].num_batches_tracked += 1
        average.update()
        assert average.states["image"]["head.0.weight"].unique().tolist() == [expected]
    assert average.states["image"]["trunk.blocks.2.1.num_batches_tracked"] == 2
    assert tower.head[0].weight.unique().tolist() == [2.0]


def test_the_mean_with_the_start_by_hand(encoder):
    tower = Tower(encoder, head_dim=4, unfreeze_blocks=1, train_batch_norm=True)
    fill(tower, 8.0)
    last, average = (WeightAverage({"image": tower}, decay, start_share=0.25) for decay in (0.0, 0.75))
    for value in (0.0, 2.0):
        fill(tower, value)
        encoder.module.blocks[2][1].num_batches_tracked += 1
        last.update()
        average.update()
    # 3/4 · 2 + 1/4 · 8, and with the average 5 of the test above 3/4 · 5 + 1/4 · 8
    for mean, expected in ((last, 3.5), (average, 5.75)):
        assert mean.with_start()["image"]["head.0.weight"].unique().tolist() == [expected]
        assert mean.with_start()["image"]["trunk.blocks.2.1.num_batches_tracked"] == 2
    assert last.states["image"]["head.0.weight"].unique().tolist() == [2.0]


@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize("averages", [{"ema": 0.5}, {"start_share": 0.5}])
def test_the_average_is_measured_and_left(tmp_path, keep, averages):
    """Of one step, with decay or share 1/2: the mean of the start and of what the step gives without an average."""
    changes = {"epochs": 1, "max_steps": 1, "head_epochs": 0, "keep": keep}
    start = set_up(make_run(**changes))[0].tower_states()["image"]
    _, stepped, _ = train(make_run(**changes), tmp_path / "plain", f1s=[0.1, 0.2])
    measured = []

    def watch(tower):
        measured.append({name: tensor.clone() for name, tensor in tower.learned_state().items()})

    _, learned, _ = train(make_run(**changes, **averages), tmp_path / "average", f1s=[0.1, 0.2], watch=watch)
    for name, tensor in learned.items():
        assert torch.equal(tensor, measured[1][name])
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, (start[name] + stepped[name]) / 2)
    assert not torch.equal(start["head.0.weight"], stepped["head.0.weight"])


def test_training_goes_on_from_the_weights_themselves(tmp_path):
    losses = [
        [row["loss"] for row in train(make_run(**changes), tmp_path / str(i))[0]]
        for i, changes in enumerate(({}, {"ema": 0.9}, {"start_share": 0.5}))
    ]
    assert losses[0] == losses[1] == losses[2]


def test_a_run_that_was_stopped_ends_with_the_same_average(tmp_path):
    run = make_run(ema=0.8, start_share=0.3, epochs=3)
    rows, learned, _ = train(run, tmp_path / "whole")
    calls = []

    def stop(_):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(run, tmp_path / "stopped", watch=stop)
    again, learned_again, _ = train(run, tmp_path / "stopped")
    assert again == rows
    assert all(torch.equal(learned_again[name], tensor) for name, tensor in learned.items())
