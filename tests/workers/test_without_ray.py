"""Ray is an extra: the engine local never imports it, the engine ray says where it is missing."""

import os
import subprocess
import sys

import pytest
from PIL import Image

from samesku.errors import InputError
from samesku.params.schema import Machine
from samesku.workers.ray_cluster import connect_cluster
from tests.conftest import ROOT
from tests.fixtures import random_checkpoints, val_and_test_copies

LOCAL = """
import sys
from stages import embed_zero_shot, fuse, index, sample
fuse.main()
index.main()
sample.main()
embed_zero_shot.main("cnn")
loaded = sorted(m for m in sys.modules if m.split(".")[0] in {"ray", "s3fs"} or m.startswith("samesku.workers.ray"))
assert not loaded, loaded
"""


@pytest.mark.slow
def test_local_imports_none_of_it(tmp_path):
    name, file = random_checkpoints.save_timm(tmp_path)
    val_and_test_copies.write(
        tmp_path,
        params={
            "data.source": "shop", "data.n_listings": None, "data.max_quarantined": 1.0, "machine.workers": 0,
            "machine.device": "cpu",
            "channels.cnn": {"modality": "image", "backend": "timm", "model": name, "weights": str(file)},
        },
    )  # fmt: skip
    (tmp_path / "shop/images").mkdir(parents=True)
    (tmp_path / "shop/listings.csv").write_text("posting_id,title,image\na,red shoe,a.png\nb,mug,\n")
    Image.new("RGB", (40, 30), "red").save(tmp_path / "shop/images/a.png")
    done = subprocess.run(
        [sys.executable, "-c", LOCAL],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_ray_that_is_not_installed_is_told_with_the_ways_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    sentence = (
        r"^machine\.engine is 'ray', and Ray is not installed; ways out: pip install 'samesku\[scale\]', "
    )
    with pytest.raises(InputError, match=sentence), connect_cluster(Machine(engine="ray")):
        pass


def test_an_address_where_nothing_answers():
    sentence = r"^machine\.address is '127\.0\.0\.1:9', where no Ray answers \([^\n]*$"
    with (
        pytest.raises(InputError, match=sentence),
        connect_cluster(Machine(engine="ray", address="127.0.0.1:9")),
    ):
        pass
