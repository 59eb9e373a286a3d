import pytest
import torch

from samesku.embedding import device
from samesku.errors import InputError

CPU = torch.device("cpu")


@pytest.fixture
def bare(monkeypatch):
    """A machine without an accelerator."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(device, "_has_nvidia", lambda: False)


def test_auto_takes_what_is_there(bare, monkeypatch, capsys):
    assert device.resolve("auto") == CPU
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device.resolve("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.resolve("auto").type == "cuda"


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(bare, name):
    with pytest.raises(
        InputError, match=f"machine.device is '{name}', which this machine lacks; allowed here: auto, cpu"
    ):
        device.resolve(name)


def test_a_cuda_machine_on_its_cpu_is_warned_of(bare, monkeypatch, capsys):
    monkeypatch.setattr(device, "_has_nvidia", lambda: True)
    device.resolve("auto")
    assert "RUNS ON ITS CPU: this build of torch cannot use it" in capsys.readouterr().err
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    device.resolve("cpu")
    assert "RUNS ON ITS CPU: machine.device says so" in capsys.readouterr().err


@pytest.mark.parametrize(("has", "expected"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_bf16_where_the_processor_has_it(monkeypatch, has, expected):
    monkeypatch.setattr(device, "computes_bf16", lambda where: has)
    assert device.precision("auto", CPU) == expected
    assert device.precision("fp32", CPU) == "fp32"
    assert device.precision("bf16", CPU) == "bf16"  # asked for by name: given


def test_a_processor_is_asked_for_either_kind_of_bf16(monkeypatch):
    for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, probe, lambda: False, raising=False)
    assert not device.computes_bf16(CPU)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    assert device.computes_bf16(CPU)


def test_half_precision_on_a_cpu_is_refused():
    with pytest.raises(
        InputError, match=r"embed.precision is 'fp16' on a CPU; allowed there: auto, fp32, bf16"
    ):
        device.precision("fp16", CPU)


def test_the_summary_names_device_and_precision():
    assert device.describe(CPU, "bf16") == f"cpu ({torch.get_num_threads()} threads), bf16"
