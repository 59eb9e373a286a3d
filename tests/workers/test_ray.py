"""What a cluster gives, a worker of it killed on the way, is what this machine gives."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import closing
from itertools import count
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from samesku import artefacts
from samesku.catalogue.images import PackedImages
from samesku.catalogue.packing import Packer
from samesku.embedding import ray_encoder
from samesku.errors import InputError
from samesku.pairs import feature_blocks
from samesku.params import read_params
from samesku.params.schema import Groups, Index, Machine, Match, Rerank
from samesku.search import approximate, exact, ray_index, ray_search
from samesku.search.exact import search_neighbours
from samesku.search.fusion import Fused
from samesku.search.galleries import open_search
from samesku.workers.ray_cluster import connect_cluster, decoding_workers, encoder_workers
from stages import embed_zero_shot, fuse, index, rerank, sample
from tests.conftest import ROOT
from tests.fixtures import product_families, random_checkpoints, val_and_test_copies
from tests.workers.conftest import Killer

pytestmark = pytest.mark.slow
LISTINGS = 120


def picture(seed):
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(coarse).resize((60, 45), Image.Resampling.BICUBIC).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A .zip of listings with pictures, some of them missing, damaged, shared or without a name."""
    folder = tmp_path_factory.mktemp("shop")
    names = [f"{i}.jpg" for i in range(LISTINGS)]
    names[5], names[30], names[31] = "", "damaged.jpg", "missing.jpg"
    names[50] = names[51]
    table = io.StringIO()
    rows = [(f"id{i:03}", f"thing {'of many words ' * (i % 5)}{i}", name) for i, name in enumerate(names)]
    csv.writer(table).writerows([("posting_id", "title", "image"), *rows])
    with zipfile.ZipFile(folder / "shop.zip", "w") as archive:
        archive.writestr("listings.csv", table.getvalue())
        for i, name in enumerate(names):
            if name == f"{i}.jpg":
                archive.writestr(f"images/{name}", picture(i))
        archive.writestr("images/damaged.jpg", picture(0)[:200])
    return folder / "shop.zip"


@pytest.fixture
def run(tmp_path, monkeypatch, shop, cluster):
    """run(stage, engine, *arguments): its outs, by name."""
    monkeypatch.chdir(tmp_path)
    weights = tmp_path / "weights"
    name, file = random_checkpoints.save_timm(weights)
    params = read_params(ROOT / "params.yaml")
    params["data"] |= {"source": str(shop), "n_listings": None, "image_size": 32, "max_quarantined": 1.0}
    params["channels"] |= {
        "cnn": {"modality": "image", "backend": "timm", "model": name, "weights": str(file)},
        "bert": {
            "modality": "title", "backend": "sentence_transformers", "model": "t",
            "weights": str(random_checkpoints.save_bert(weights / "bert")),
        },
    }  # fmt: skip
    params["embed"] |= {"batch_size": 8, "precision": "fp32"}

    def run(stage, engine, *arguments):
        here = {"device": "cpu", "workers": 0, "threads": 1, "engine": engine, "address": cluster.address}
        here["store"] = None  # each engine computes what it gives
        params["machine"] = here
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
        return stage.main(*arguments)

    return run


def test_pictures_are_packed_to_the_same_bytes(run, monkeypatch):
    def outs():
        return {file.name: file.read_bytes() for file in artefacts.SAMPLE.iterdir()}

    run(sample, "local")
    here = outs()
    killer = Killer("ray::_Worker", at=60)
    monkeypatch.setattr(Packer, "read", killer.before(Packer.read))
    run(sample, "ray")
    assert killer.killed
    assert killer.calls == LISTINGS - 2  # each file once: one has no name, one is shared
    assert outs() == here
    assert sum(image is None for image in PackedImages(artefacts.IMAGES)) == 3


@pytest.mark.long
@pytest.mark.parametrize(("channel", "kills"), [("cnn", 1), ("bert", 0)])
def test_arrays_are_the_same_to_1e_6(run, monkeypatch, channel, kills):
    run(sample, "local")
    run(embed_zero_shot, "local", channel)
    here = np.load(artefacts.embedding_path(channel))
    record = (artefacts.MODELS / channel / "channel.json").read_bytes()
    killer = Killer("ray::_Worker", at=3 if kills else 0)
    monkeypatch.setattr(ray_encoder, "take", killer.before(ray_encoder.take))
    summary = run(embed_zero_shot, "ray", channel)
    there = np.load(artefacts.embedding_path(channel))
    assert killer.calls >= LISTINGS // 8
    assert bool(killer.killed) == bool(kills)
    assert "2 workers of Ray, each cpu (1 threads), fp32" in summary
    assert np.linalg.norm(here, axis=1).sum() > 100
    np.testing.assert_allclose(there, here, atol=1e-6, rtol=0)
    assert (artefacts.MODELS / channel / "channel.json").read_bytes() == record


@pytest.mark.long
def test_an_item_that_kills_its_worker_each_time_is_lost_alone(machine):
    def work(i):
        if i == 7:
            os.kill(os.getpid(), signal.SIGSEGV)
        return i * i

    taken = count()
    items = (i for i in range(400) if next(taken) >= 0)
    with decoding_workers(machine) as map_in_order, closing(map_in_order(work, items, crashed=-1)) as results:
        assert next(results) == 0
        assert next(taken) < 400  # no more of them than is worked on
        assert list(results) == [i * i if i != 7 else -1 for i in range(1, 400)]


@pytest.mark.long
def test_an_error_there_is_raised_here(machine):
    def work(i):
        raise ValueError(f"item {i}")

    def make():
        raise InputError("channel cnn cannot be loaded")

    with connect_cluster(machine):
        from samesku.workers.ray_pool import Pool

        with Pool(lambda: work, 1, 1) as pool, pytest.raises(ValueError, match=r"^item 0$"):
            list(pool.map(range(3), lost=None))
        with (
            Pool(make, 1, 1) as pool,
            pytest.raises(InputError, match=r"^channel cnn cannot be loaded$"),
        ):
            list(pool.map(range(3), lost=None))


def fused(listings, seed=0):
    """Rows with many copies, whose inner products are exact however they are summed."""
    random = np.random.default_rng(seed)
    vectors = random.integers(-2, 3, (listings, 16)).astype(np.float32) / 8
    vectors[listings // 3 : listings // 2] = vectors[3]
    presence = np.full(listings, 3, np.uint32)
    presence[::5], presence[3::7] = 1, 2
    vectors[presence == 1, 8:] = 0
    vectors[presence == 2, :8] = 0
    return Fused(vectors, presence, np.array([0.5, 0.5]), [8, 8])


@pytest.mark.long
def test_neighbours_are_the_same(machine, monkeypatch, tmp_path):
    catalogue, k = fused(700), 20
    rows = np.arange(700, dtype=np.int32)[3:]
    here = search_neighbours(catalogue, rows, k)
    monkeypatch.setattr(ray_search, "SHARD", 50)
    monkeypatch.setattr(exact, "QUERIES", 100)
    killed, search_shard = tmp_path / "killed", ray_search._search_shard

    def dying(*args):
        if not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return search_shard(*args)

    monkeypatch.setattr(ray_search, "_search_shard", dying)
    with ray_search.open_ray_search(machine) as search_blocks:
        there = search_neighbours(catalogue, rows, k, search_blocks=search_blocks)
    assert killed.exists()
    assert np.array_equal(there.neighbour, here.neighbour)
    np.testing.assert_allclose(there.score, here.score, atol=1e-6, rtol=0)


@pytest.mark.long
@pytest.mark.parametrize("kills", [False, True])
def test_an_inverted_file_by_shards(machine, monkeypatch, tmp_path, kills):
    """One shard finds what this machine finds; several find no less, whichever worker dies."""
    rows, catalogue = np.arange(600, dtype=np.int32), fused_products(600)
    monkeypatch.setattr(approximate, "SMALL", 50)
    monkeypatch.setattr(ray_index, "QUERIES", 250)
    of_index = Index(k=10, kind="ivf", effort=3, min_recall=0.3)
    killed, search_shard = tmp_path / "killed", ray_index._search_shard

    def dying(*args):
        if kills and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return search_shard(*args)

    monkeypatch.setattr(ray_index, "_search_shard", dying)
    exact_neighbours = search_neighbours(catalogue, rows, 10)
    with open_search(of_index, Machine(threads=1), 600) as search:
        here = search(catalogue, rows, 10)
    with open_search(of_index, machine, 600) as search:
        there = search(catalogue, rows, 10)
        monkeypatch.setattr(ray_index, "SHARD", 150)
        by_shards = search(catalogue, rows, 10)
    assert killed.exists() == kills
    assert np.array_equal(there.neighbour, here.neighbour)
    np.testing.assert_allclose(there.score, here.score, atol=2e-6, rtol=0)
    recall, of_shards = (approximate.recall(nearest, exact_neighbours) for nearest in (here, by_shards))
    assert recall < of_shards <= 1
    same = by_shards.neighbour == exact_neighbours.neighbour
    np.testing.assert_allclose(by_shards.score[same], exact_neighbours.score[same], atol=2e-6, rtol=0)
    assert same.mean() > 0.9


def fused_products(listings):
    """Rows of products of ten listings, in random order."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(listings // 10, 16)).repeat(10, axis=0) + 0.4 * random.normal(
        size=(listings, 16)
    )
    vectors = random.permutation(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return Fused(vectors, np.ones(listings, np.uint32), np.array([1.0]), [16])


def test_the_stage_index_gives_the_same(tmp_path, monkeypatch, cluster):
    monkeypatch.chdir(tmp_path)
    val_and_test_copies.write(tmp_path)
    fuse.main()
    tables = []
    for engine in ("local", "ray"):
        val_and_test_copies.write_params(
            tmp_path, {"machine.threads": 1, "machine.engine": engine, "machine.address": cluster.address}
        )
        index.main()
        tables.append([pq.read_table(artefacts.NEIGHBOURS / f"{name}.parquet") for name in ("full", "split")])
    assert tables[0] == tables[1]


@pytest.mark.long
def test_the_pair_model_gives_the_same_bytes_though_a_worker_dies(tmp_path, monkeypatch, cluster):
    from samesku.workers.ray_pool import Pool

    monkeypatch.chdir(tmp_path)
    product_families.write_families(tmp_path, *product_families.draw_families(products=60))
    monkeypatch.setattr(feature_blocks, "PAIRS", 150)
    fusion = {"alpha": 0.5, "image": {"picture": 1.0}, "title": {"title": 1.0}}
    model = {"folds": 2, "trees": 10, "leaves": 6}
    killer = Killer("ray::_Worker", at=4)
    monkeypatch.setattr(Pool, "_answer", killer.before(Pool._answer))
    here = Machine(threads=1)  # searches: on a cluster, the last bits of scores may differ
    monkeypatch.setattr(rerank, "open_search", lambda index, _, n: open_search(index, here, n))
    outs = []
    for engine in ("local", "ray"):
        params = SimpleNamespace(
            rerank=Rerank.model_validate({"fusion": fusion, "k": 10, "model": model}),
            index=Index(k=20),
            machine=Machine(threads=1, engine=engine, address=cluster.address),
            groups=Groups(),
            match=Match(),
            channels={"picture": None, "title": None},
        )
        monkeypatch.setattr(rerank, "load_params", lambda params=params: params)
        assert "full: pair model taught by train and val" in rerank.main()
        places = artefacts.PREDICTIONS / "rerank", artefacts.MODELS / "rerank"
        files = [path for place in places for path in sorted(place.rglob("*")) if path.is_file()]
        outs.append({path: path.read_bytes() for path in files})
    assert killer.killed
    assert outs[0] == outs[1]


@pytest.mark.long
def test_each_accelerator_has_a_worker(machine):
    def make():
        import ray

        def work(item):
            time.sleep(0.3)
            return os.getpid(), ray.get_gpu_ids(), os.environ["CUDA_VISIBLE_DEVICES"]

        return work

    with encoder_workers(make, machine.model_copy(update={"device": "auto", "threads": 4})) as (
        n_workers,
        run,
    ):
        results = list(run(range(12)))
    assert n_workers == len({pid for pid, *_ in results}) == 2
    assert all((gpus, visible) == ([0], "0") for _, gpus, visible in results)


@pytest.mark.long
def test_from_outside_the_cluster(machine, cluster):
    """By Ray's client, in a process of its own: this one has been a part of the cluster."""
    for _ in range(3):  # on a busy machine Ray gives up on its own server for the client, which starts slowly
        done = subprocess.run(
            [sys.executable, "-c", OUTSIDE, cluster.outside],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "where no Ray answers (Initialization failure" not in done.stderr:
            break
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["client", "same", "400"]


OUTSIDE = """
import sys
import numpy as np
import ray
from samesku.search.exact import search_neighbours
from samesku.search.fusion import concatenate_channels
from samesku.workers.ray_cluster import decoding_workers
from samesku.search import ray_search
from samesku.params.schema import Machine
from samesku.pairs import feature_blocks
from samesku.params import read_params
from samesku.params.schema import Groups, Index, Machine, Match, Rerank

machine = Machine(device="cpu", workers=0, threads=1, engine="ray", address=sys.argv[1])
rows = np.random.default_rng(0).normal(size=(500, 16)).astype(np.float32)
rows /= np.linalg.norm(rows, axis=1, keepdims=True)
fused, all_ = concatenate_channels({"a": rows}, {"a": 1.0}), np.arange(500, dtype=np.int32)
here = search_neighbours(fused, all_, 9)
with ray_search.open_ray_search(machine) as search_blocks:
    print("client" if ray.util.client.ray.is_connected() else "driver")
    there = search_neighbours(fused, all_, 9, search_blocks=search_blocks)
print("same" if np.array_equal(here.neighbour, there.neighbour) else "other")
with decoding_workers(machine) as map_in_order:
    print(sum(1 for a, b in zip(map_in_order(str, range(400), crashed=""), range(400)) if a == str(b)))
"""


def test_more_threads_than_a_machine_has_are_refused(machine):
    sentence = (
        r"machine\.threads is 4, and no machine of the Ray cluster has so many.*; allowed there: up to 1"
    )
    with (
        pytest.raises(InputError, match=sentence),
        ray_search.open_ray_search(machine.model_copy(update={"threads": 4})),
    ):
        pass


def test_a_machine_that_is_lost_for_good_is_done_without(machine, cluster):
    """The last test: the cluster is one node less afterwards."""

    def work(i):
        return i

    with (
        decoding_workers(machine) as map_in_order,
        closing(map_in_order(work, range(600), crashed=-1)) as results,
    ):
        numbers = [next(results)]
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        numbers += results
    assert numbers == list(range(600))
