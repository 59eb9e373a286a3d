"""params.yaml is checked whole, and what is wrong is one sentence: key, value, what is allowed."""

import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from samesku.errors import InputError
from samesku.params import find_entry, load_params, read_params
from samesku.params.load import parse_params
from tests.conftest import ROOT

SHIPPED = read_params(ROOT / "params.yaml")
LEARNED = SHIPPED["learned_fusion"]["gated"]


def changed(tmp_path, key, value):
    """params.yaml as shipped with one key set (created where it does not exist), as a path."""
    params = yaml.safe_load(yaml.safe_dump(SHIPPED))
    *groups, last = key.split(".")
    entry = params
    for group in groups:
        entry = entry[group]
    if value is ...:
        del entry[last]
    else:
        entry[last] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(params), "utf-8")
    return path


def test_the_shipped_params_are_right():
    assert load_params(ROOT / "params.yaml").fusion.alpha == SHIPPED["fusion"]["alpha"]


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("fusion.alpha", 1.4, "fusion.alpha is 1.4; allowed: 0 to 1"),
        ("fusion.alpha", "half", "fusion.alpha is 'half'; allowed: a number, 0 to 1"),
        ("fusion.alhpa", 0.5, "fusion.alhpa: unknown key; did you mean fusion.alpha?"),
        ("fusion.alpha", ..., "fusion.alpha is missing"),
        ("fusion.image.cnn", -1.0, "fusion.image.cnn is -1.0; allowed: 0 to 1000000"),
        ("fusion.image.cnn", float("nan"), "fusion.image.cnn is nan; allowed: "),
        (
            "fusion.image",
            {"cnn": 0.0, "phash": 0.0},
            "fusion: image weights are all zero; allowed: at least one",
        ),
        ("fusion.image.clip", 1.0, "fusion.image names clip, which is no image channel; allowed: clip_f"),
        ("fusion.title.cnn", 1.0, "fusion.title names cnn, which is no title channel; allowed: clip_f"),
        ("compare.phash.image.hash", 1.0, "compare.phash.image names hash, which is no image channel"),
        ("compare.phash.image", {"phash": 0.0}, "compare.phash: image weights are all zero"),
        ("compare.samesku_zero_shot.title", {"cnn": 1.0}, "title names cnn, which is no title channel"),
        (
            "compare.tuned_augmented",
            SHIPPED["compare"]["phash"],
            "compare.tuned_augmented has the name of a row",
        ),
        ("fusion.image.siamese_image", 1.0, "fusion names siamese_image, which is kept in data/baselines"),
        ("rerank.fusion.title.bert", 1.0, "rerank.fusion.title names bert, which is no title channel"),
        (
            "learned_fusion.attention.title.pxk",
            1.0,
            "learned_fusion.attention.title names pxk, which is no title channel",
        ),
        (
            "learned_fusion.attention.image.siamese_image",
            1.0,
            "learned_fusion.attention names siamese_image, which is kept in data/baselines",
        ),
        ("learned_fusion.gated.alpha", 1.5, "learned_fusion.gated.alpha is 1.5; allowed: 0 to 1"),
        ("learned_fusion.gated.title", {}, "learned_fusion.gated: title weights are all zero"),
        ("learned_fusion.gated.width", 6, "learned_fusion.gated.width is 6; allowed: 16"),
        (
            "learned_fusion.gated.kind",
            "mean",
            "learned_fusion.gated.kind is 'mean'; allowed: 'gated' or 'att",
        ),
        ("learned_fusion.tuned", LEARNED, "learned_fusion.tuned has the name of a row of another stage"),
        ("train.learned_fusion", SHIPPED["train"]["pxk"], "train.learned_fusion has the name of a stage"),
        (
            "compare.gated",
            SHIPPED["compare"]["phash"],
            "compare.gated has the name of a row of another stage",
        ),
        ("rerank.model.trees", 0, "rerank.model.trees is 0; allowed: 1 to 5000"),
        ("rerank.fusion.image", {"phash": 0.0}, "rerank.fusion: image weights are all zero"),
        ("reader.title", "bert", "reader.title is bert, from which no pair reader can start; allowed: cnn, "),
        (
            "reader",
            {"title": "tfidf", "epochs": 1},
            "reader.title is tfidf, from which no pair reader can start; allowed: sbert",
        ),
        ("reader.epochs", -1, "reader.epochs is -1; allowed: 0 to 100"),
        ("channels.reader", SHIPPED["channels"]["sbert"], "channels.reader has a name that is taken"),
        ("rerank.reading.uncertain", 0.5, "rerank.reading.uncertain is 0.5; allowed: above 0 to below 0.5"),
        ("tune.augmentation_steps", 6, "tune.augmentation_steps is 6; allowed: 0 to 5"),
        ("index.augmentation.threshold", 1.5, "index.augmentation.threshold is 1.5; allowed: -1 to 1"),
        ("groups.link_density", 1.2, "groups.link_density is 1.2; allowed: 0 to 1"),
        ("groups.max_size", 0, "groups.max_size is 0; allowed: 1 or more"),
        ("channels.cnn.backend", "keras", "channels.cnn: backend is 'keras'; allowed: open_clip, timm"),
        ("channels.cnn.out", "data/x", "channels.cnn.out is 'data/x'; allowed: 'data/embeddings'"),
        ("train.pxk.image", "phash", "train.pxk.image is phash, from which no image tower can start"),
        ("compare.samesku", SHIPPED["compare"]["phash"], "compare.samesku has the name of a row"),
        (
            "compare.pxk_sbert.alpha",
            [0.5],
            "allowed: a number, 0 to 1, or a list of 2 or more, each 0 to 1",
        ),
        ("data.n_listings", 0, "data.n_listings is 0; allowed: 1 or more, or null"),
        ("data.n_listings", 30.5, "data.n_listings is 30.5; allowed: a whole number, 1 or more, or null"),
        ("data.sample_by", "group", "data.sample_by is 'group'; allowed: 'product' or 'listing'"),
        ("split.shares.train", 0.9, "split.shares: train + val + test is 1.2; allowed: shares that sum to 1"),
        ("embed.engine", "onnx", "embed.engine is 'onnx'; allowed: 'torch' or 'openvino'"),
        ("decision.value", "auto", "decision.value is 'auto'; allowed: a number or 'tune'"),
        ("decision.value", 2.0, "decision: value is 2 with kind static; allowed: a score, -1 to 1, or tune"),
        ("decision.value", float("nan"), "decision.value is nan; allowed: a number or 'tune'"),
        ("rerank.value", 1.5, "rerank.value is 1.5; allowed: 0 to 1 or 'tune'"),
        ("decision.min_score", 0.5, "decision: min_score is given without at_least_one"),
        ("channels.cnn.modality", "title", "channels.cnn: modality title with backend timm; allowed: image"),
        ("channels.cnn.model", None, "channels.cnn: model is missing; backend timm needs the name of one"),
        ("channels.tfidf.dim", None, "channels.tfidf: dim is missing"),
        (
            "channels.phash.views",
            2,
            "channels.phash: views is 2 with modality image and backend phash; allowed: 1",
        ),
        ("channels.phash.weights", "x", "channels.phash: backend phash has no weights"),
        ("channels", {"a.b": SHIPPED["channels"]["cnn"]}, "channels.a.b is no name; allowed: letters"),
        ("channels.match", SHIPPED["channels"]["cnn"], "channels.match has the name of a column of matches"),
        ("channels.pxk", SHIPPED["channels"]["cnn"], "channels.pxk has a name that is taken by training"),
        ("channels.pxk_title", SHIPPED["channels"]["sbert"], "channels.pxk_title has a name that is taken"),
        ("machine.device", "gpu", "machine.device is 'gpu'; allowed: 'auto', 'cpu', 'cuda' or 'mps'"),
        ("machine.engine", "spark", "machine.engine is 'spark'; allowed: 'local' or 'ray'"),
        (
            "machine.address",
            "ray.example.com",
            "machine.address is 'ray.example.com'; allowed: auto, host:port",
        ),
        *(
            ("index.kind", kind, f"index.kind is {kind!r}; allowed: flat, ivf, hnsw, or a string of FAISS's")
            for kind in (
                "HNSW*",
                "HNSW0",
                "HNSW1",
                "NSG2,Flat",
                "IVF8_HNSW1,Flat",
                "PQ8x0",
                "IVF0,Flat",
                "PQ08",
                "flat\n",
                "A" * 101,
            )
        ),
        ("speed", 3, "speed: unknown key; allowed: data, split, embed"),
        ("desicion", {"kind": "static"}, "desicion: unknown key; did you mean decision?"),
        ("threads", 3, "threads: unknown key; did you mean machine.threads?"),
        ("machine.threads", 0, "machine.threads is 0; allowed: 1 to 1024"),
        ("train.pxk.warmup", 1.0, "train.pxk.warmup is 1.0; allowed: 0 to below 1"),
        ("train.pxk.lr", 0.0, "train.pxk.lr is 0.0; allowed: above 0"),
        ("train.pxk.augment", {"crops": 0.5}, "crops: unknown key; did you mean train.pxk.augment.crop?"),
        ("compare.phash.decision", {"knid": "static"}, "did you mean compare.phash.decision.kind?"),
        ("channels", ..., "channels is missing; it must be given"),
        ("match.link", "between", "match.link is 'between'; allowed: 'all', 'across' or 'within'"),
        (
            "match",
            {"link": "within", "one_to_one": True},
            "match.one_to_one is true with match.link within, which matches no other shop",
        ),
        ("decision.at_least_one", 1, "decision.at_least_one is 1; allowed: true or false"),
    ],
)
def test_a_fault_is_one_sentence(tmp_path, key, value, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)) as error:
        load_params(changed(tmp_path, key, value))
    assert "\n" not in str(error.value)


def test_weights_may_all_be_zero_where_alpha_leaves_them_out(tmp_path):
    path = changed(tmp_path, "fusion", {"alpha": 0.0, "image": {"cnn": 0.0}, "title": {"sbert": 1.0}})
    assert load_params(path).fusion.alpha == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a: [", "is no YAML: line 2: "),
        ("- 1", "holds no groups of params"),
        ("", "holds no groups of params"),
        (
            "data:\n  seed: 1\n  seed: 2\n",
            "line 3 gives the key seed a second time in its group; allowed: once",
        ),
        (
            "# für den Laden\n",
            "line 1 has the byte 0xfc, which is not UTF-8; save the file in the encoding UTF-8",
        ),
        ("day: !!bool abc\n", "is no YAML: 'abc'"),
        ("day: 2026-13-45\n", "is no YAML: month must be in 1..12"),
        (f"seed: {'9' * 5000}\n", "is no YAML: .*digits"),
        ("data: &data\n  columns: *data\n", "is nested too deep or too large; allowed: 20 levels"),
        (f"data: {'[' * 100}{']' * 100}\n", "is nested too deep or too large"),
        (
            "a0: &a0 {x: 1, y: 2}\n"
            + "".join(f"a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}}}\n" for i in range(1, 18)),
            "is nested too deep or too large",
        ),
    ],
)
def test_a_file_that_is_no_params(tmp_path, content, sentence):
    (tmp_path / "params.yaml").write_bytes(content.encode("cp1252"))
    with pytest.raises(InputError, match=sentence) as error:
        load_params(tmp_path / "params.yaml")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", ["1e-06", "5e-4", "1e-6", "1.0e-05"])
def test_a_number_without_a_point_is_a_number(tmp_path, number):
    text = (ROOT / "params.yaml").read_text("utf-8").replace("head_lr: 0.001", f"head_lr: {number}")
    (tmp_path / "params.yaml").write_text(text, "utf-8")
    assert load_params(tmp_path / "params.yaml").train["frozen_head"].head_lr == float(number)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text("utf-8"), "utf-8-sig")
    load_params(tmp_path / "params.yaml")


@pytest.fixture
def committed(tmp_path):
    """A repository whose last commit has params.yaml as shipped."""
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "params.yaml").read_bytes())
    git = ["git", "-c", "user.name=s", "-c", "user.email=s@localhost"]
    for command in (["init", "-q"], ["add", "params.yaml"], ["commit", "-qm", "As shipped"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    return path


@pytest.mark.parametrize(
    ("before", "after", "way_back"),
    [
        (
            "  alpha: 0.6\n",
            "  alpha: 1.5\n",
            "The file now has fusion.alpha 1.5 (last commit: 0.6); this takes it back: dvc exp run -S fusion.alpha=0.6",
        ),
        (
            "  alpha: 0.6\n",
            "  alpha: 0.6\n  alhpa: 0.5\n",
            "has fusion.alhpa 0.5 (last commit: no such key); this takes it back: dvc exp run -S '~fusion.alhpa'",
        ),
        (
            "decision:\n",
            "desicion:\n  kind: static\n\ndecision:\n",
            "did you mean decision? The file now has desicion.kind static (last commit: no such key); "
            "this takes it back: dvc exp run -S '~desicion'",
        ),
        (
            "    train: 0.70\n",
            "    train: 0.9\n",
            "has split.shares.train 0.9 (last commit: 0.7); this takes it back: dvc exp run -S split.shares.train=0.7",
        ),
        (
            "    towers:\n    - image\n    image: cnn\n",
            "    towers:\n    - titel\n    image: cnn\n",
            "this takes it back: dvc exp run -S 'train.pxk.towers=[image]'",
        ),
    ],
)
def test_a_refused_value_is_shown_with_the_way_back(committed, before, after, way_back):
    text = committed.read_text("utf-8")
    assert before in text
    committed.write_text(text.replace(before, after, 1), "utf-8")
    with pytest.raises(InputError, match=re.escape(way_back)):
        load_params(committed)
    command = shlex.split(way_back.split("dvc exp run -S ")[1])
    apply_overrides(committed, command)
    assert read_params(committed) == SHIPPED


def test_a_value_that_git_has_too_has_no_way_back(committed):
    committed.write_text(committed.read_text("utf-8").replace("  alpha: 0.6\n", "  alpha: 1.5\n", 1), "utf-8")
    subprocess.run(
        ["git", "-c", "user.name=s", "-c", "user.email=s@localhost", "commit", "-qam", "Bad"],
        cwd=committed.parent,
        check=True,
    )
    with pytest.raises(InputError, match=r"allowed: 0 to 1$"):
        load_params(committed)


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_params(tmp_path / "params.yaml")


def test_an_entry_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(InputError, match=r"compare\.x does not exist; allowed: a, b"):
        find_entry({"a": 1, "b": 2}, "x", "compare")


def test_every_fault_between_keys_is_listed(tmp_path):
    path = changed(tmp_path, "decision.min_score", 0.5)
    path.write_text(path.read_text().replace("train: 0.7", "train: 0.9"), "utf-8")
    with pytest.raises(InputError, match=r"split\.shares: .*; decision: min_score"):
        load_params(path)


def test_a_file_of_encoders_is_a_backend_without_an_entry(tmp_path):
    """docs/add-a-channel.md adds one; its file is all that the library needs."""
    for name in ("samesku/params", "samesku/encoders"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for file in (ROOT / "samesku").glob("*.py"):
        shutil.copy(file, tmp_path / "samesku")
    (tmp_path / "samesku/encoders/colour.py").touch()
    text = (ROOT / "params.yaml").read_text("utf-8")
    line = "channels:\n  colour: {modality: image, backend: colour, out: data/embeddings}\n"
    (tmp_path / "params.yaml").write_text(text.replace("channels:\n", line, 1), "utf-8")
    code = "from samesku.params import load_params; print(load_params().channels['colour'].backend)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "colour\n", done.stderr


@pytest.fixture
def shipped():
    return read_params(ROOT / "params.yaml")


@pytest.mark.parametrize(
    ("group", "key", "value", "allowed"),
    [
        ("embed", "precision", "bf16", "auto or fp32"),
        ("embed", "engine", "openvino", "torch"),
        ("machine", "device", "cuda", "auto or cpu"),
    ],
)
def test_what_gives_other_numbers_elsewhere_is_refused_with_reproducible(shipped, group, key, value, allowed):
    shipped[group][key] = value
    with pytest.raises(InputError, match=rf"{group}\.{key} is '{value}'.*allowed: {allowed}, or embed.repr"):
        parse_params(shipped)
    shipped["embed"]["reproducible"] = False
    assert getattr(getattr(parse_params(shipped), group), key) == value


def test_auto_means_the_cpu_in_fp32_with_reproducible(shipped):
    shipped["embed"]["precision"] = "auto"
    params = parse_params(shipped)
    assert (params.embed.precision, params.machine.device) == ("fp32", "cpu")
    shipped["embed"]["reproducible"] = False
    params = parse_params(shipped)
    assert (params.embed.precision, params.machine.device) == ("auto", "auto")
