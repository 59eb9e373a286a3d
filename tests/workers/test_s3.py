"""A catalogue in S3, and outs in a DVC remote there, against a server on this machine that speaks S3."""

import logging
import os
import shutil
import subprocess
import sys

import fsspec
import psutil
import pytest
import yaml
from moto.server import ThreadedMotoServer

from samesku.catalogue.open_source import open_source
from samesku.errors import InputError
from samesku.params import read_params
from tests.faults import broken
from tests.fixtures.small_pipeline import change, duplicate, dvc

pytestmark = pytest.mark.slow
SHOP = "s3://shop/deep/catalogue.zip"


@pytest.fixture(scope="module")
def readers():
    """Names of the processes that have read the catalogue."""
    return set()


@pytest.fixture(scope="module")
def s3(readers):
    """The file system, with the bucket `shop`; its address and key are where boto looks for them."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    answer = server._server.app

    def note(environ, start):
        if environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"].endswith("catalogue.zip"):
            readers.update(at_port(environ["REMOTE_PORT"]))
        return answer(environ, start)

    server._server.app = note
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            environment.setenv(name, value)
        files = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
        files.mkdir("shop")
        yield files
    fsspec.filesystem("s3").clear_instance_cache()
    server.stop()


def at_port(port):
    """Names of the other processes that hold this end of a connection."""
    own = {end.pid for end in psutil.net_connections("tcp") if end.laddr.port == port} - {None, os.getpid()}
    return {psutil.Process(pid).cmdline()[0] for pid in own}


@pytest.fixture
def shop(s3, pipeline, tmp_path):
    """A copy of the small pipeline, already run, whose catalogue is now read from S3."""
    folder = tmp_path / "samesku"
    duplicate(pipeline, folder)
    s3.put_file(str(folder / "data/demo/catalogue.zip"), SHOP)
    change(folder / "params.yaml", lambda params: params["data"].update(source=SHOP))
    return folder


@pytest.mark.long
def test_a_catalogue_comes_from_there_and_outs_go_there(shop, pipeline, s3):
    assert "Running stage 'sample'" in dvc(shop, "repro", "sample")
    assert broken.digests(shop, ["data/sample"]) == broken.digests(pipeline, ["data/sample"])

    s3.mkdir("store")
    dvc(shop, "remote", "add", "--default", "store", "s3://store/dvc")
    dvc(shop, "push", "sample")
    shutil.rmtree(shop / "data/sample")
    shutil.rmtree(shop / ".dvc/cache/files")
    dvc(shop, "pull", "sample")
    assert broken.digests(shop, ["data/sample"]) == broken.digests(pipeline, ["data/sample"])

    s3.pipe_file(SHOP, b"another catalogue")
    assert SHOP in dvc(shop, "status", "sample")


def run_sample(shop):
    shutil.rmtree(shop / "data/sample")
    done = subprocess.run(
        [sys.executable, "-m", "stages.sample"], cwd=shop, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_stage_reads_it_there(shop, pipeline, readers):
    readers.clear()
    run_sample(shop)
    assert readers
    assert broken.digests(shop, ["data/sample"]) == broken.digests(pipeline, ["data/sample"])


@pytest.mark.long
def test_workers_of_ray_read_there_themselves(shop, pipeline, readers):
    params = read_params(shop / "params.yaml")
    params["machine"] |= {"engine": "ray", "address": None, "workers": 2}
    (shop / "params.yaml").write_text(yaml.safe_dump(params))
    readers.clear()
    run_sample(shop)
    assert any(name.startswith("ray::") for name in readers), readers
    assert broken.digests(shop, ["data/sample"]) == broken.digests(pipeline, ["data/sample"])


def test_what_is_not_there_is_one_sentence(s3, monkeypatch):
    with pytest.raises(InputError, match=r"^data\.source: s3://shop/other\.zip does not exist"):
        open_source("s3://shop/other.zip", "listings.csv", "images")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3.clear_instance_cache()
    with pytest.raises(InputError, match=r"^data\.source: s3://shop/catalogue\.zip cannot be read"):
        open_source("s3://shop/catalogue.zip", "listings.csv", "images")
    s3.clear_instance_cache()
