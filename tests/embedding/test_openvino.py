"""OpenVINO in torch's place: the same rows, for every kind of tower, whatever the size of a batch."""

import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from samesku.embedding.network import Head
from samesku.embedding.openvino import compile_encoder
from samesku.encoders.registry import load_encoder
from samesku.errors import InputError
from tests.conftest import ROOT

# Looked up, not imported: the engine must import it first, or it would report.
if find_spec("openvino") is None:
    pytest.skip("the extra `engines` is not installed", allow_module_level=True)

TITLES = ["blue shoe", "", "red", "a very long title about a red bottle and its cap", "mug 42", "a"]
#: What a row's entries may differ by from torch's, in fp32: rows have norm 1.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def compiled(specs):
    return {name: load_encoder(name, spec, engine="openvino") for name, spec in specs.items()}


@pytest.mark.parametrize("size", [1, 2, 64])
@pytest.mark.parametrize("name", ["timm", "clip_image"])
def test_pictures_have_torchs_rows_in_batches_of_any_size(compiled, encoders, images, name, size):
    rows, expected = (replace(by[name], batch_size=size).embed(images) for by in (compiled, encoders))
    np.testing.assert_allclose(rows, expected, atol=TOLERANCE)
    assert not np.array_equal(rows, expected)  # another library did compute them


@pytest.mark.parametrize("size", [1, 2, 64])
@pytest.mark.parametrize("name", ["sbert", "bert", "clip_title"])
def test_titles_have_torchs_rows_at_any_length(compiled, encoders, name, size):
    rows, expected = (replace(by[name], batch_size=size).embed(TITLES) for by in (compiled, encoders))
    np.testing.assert_allclose(rows, expected, atol=TOLERANCE)
    assert not np.array_equal(rows, expected)


def test_the_head_of_a_trained_tower_is_part_of_it(encoders, images):
    torch.manual_seed(0)
    headed = replace(encoders["timm"], head=Head(encoders["timm"].dim, 8), dim=8)
    rows = compile_encoder(headed).embed(images)
    np.testing.assert_allclose(rows, headed.embed(images), atol=TOLERANCE)


def test_no_bit_depends_on_the_number_of_threads(specs, images):
    before, rows = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            encoder = load_encoder("timm", specs["timm"], engine="openvino", batch_size=2)
            rows.append(encoder.embed(images))
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(*rows)


def test_it_reports_nothing_to_anybody(compiled):
    from openvino.tools.ovc import convert_impl

    assert sys.modules["openvino_telemetry"] is None
    assert convert_impl.tm.__name__ == "openvino.tools.ovc.telemetry_stub"


def test_an_engine_that_is_not_installed_is_refused(specs, monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    sentence = (
        r"embed.engine is 'openvino', whose package is not installed; .*\.\[engines\].*embed.engine: torch"
    )
    with pytest.raises(InputError, match=sentence):
        load_encoder("timm", specs["timm"], engine="openvino")
    load_encoder("timm", specs["timm"])  # torch asks for nothing


def test_an_accelerator_is_refused(encoders):
    elsewhere = replace(encoders["timm"], device=torch.device("cuda"))
    with pytest.raises(InputError, match=r"computes on a CPU, and machine.device gives cuda; allowed: "):
        compile_encoder(elsewhere)


def test_what_cannot_be_converted_is_refused(encoders):
    class Odd(torch.nn.Module):
        def forward(self, batch):
            raise RuntimeError("no such\nthing")

    with pytest.raises(
        InputError, match="cannot convert timm model test_resnet: no such thing; way out: embed"
    ):
        compile_encoder(replace(encoders["timm"], module=Odd()))


CTRL_C = """
import gc, signal
from samesku.embedding.openvino import compile_encoder
from tests.training.conftest import make_encoder

encoders = [compile_encoder(make_encoder(seed)) for seed in range(3)]
while encoders:
    del encoders[0]
    gc.collect()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("heard")
"""


def test_ctrl_c_is_heard_after_encoders_have_come_and_gone():
    done = subprocess.run([sys.executable, "-c", CTRL_C], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr
