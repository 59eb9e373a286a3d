"""What must never come back: code that would run what a stranger's file says, weights that are not pinned."""

import ast

import numpy as np
import pytest
import yaml

from samesku.embedding.weights import PACKAGES
from tests.conftest import ROOT
from tests.faults import broken

CODE = sorted(
    path
    for place in ("samesku", "stages", "benchmarks", "data/demo")
    for path in (ROOT / place).rglob("*.py")
)
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
#: Calls that can run code out of a file: the argument that makes each safe, its value, and what is meant
#: where it is not said. (NumPy's own default is the safe one; torch's has been since 2.6 alone.)
CALLS = {
    "torch.load": ("weights_only", "True", None),
    "np.load": ("allow_pickle", "False", "False"),
    "numpy.load": ("allow_pickle", "False", "False"),
}
FORBIDDEN = {"eval", "exec", "compile", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "torch.jit.load"}
REMOTE = {"trust_remote_code", "allow_pickle"}  # allowed as False alone


def test_there_is_code_to_look_at():
    assert len(CODE) > 80


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_of_strangers_runs(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert not MODULES & {alias.name.split(".")[0] for alias in node.names}, ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in MODULES, ast.unparse(node)
        elif isinstance(node, ast.Call):
            called, given = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
            assert called not in FORBIDDEN, ast.unparse(node)
            if called in CALLS:
                key, safe, unsaid = CALLS[called]
                assert given.get(key, unsaid) == safe, ast.unparse(node)
            for key in REMOTE & set(given):
                assert given[key] == "False", ast.unparse(node)


def test_the_rule_finds_what_it_is_for(tmp_path):
    for bad in (
        "import pickle", "from joblib import load", "torch.load(f)", "torch.load(f, weights_only=False)",
        "np.load(f, allow_pickle=True)", "AutoModel.from_pretrained(x, trust_remote_code=True)", "eval(x)",
    ):  # fmt: skip
        (tmp_path / "bad.py").write_text(bad)
        with pytest.raises(AssertionError):
            test_no_code_of_strangers_runs(tmp_path / "bad.py")


def test_ruff_holds_the_rest():
    """The bandit rules are on for everything that ships."""
    import tomllib

    lint = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    assert not any(code.startswith("S") for code in lint["ignore"])
    for place, codes in lint["per-file-ignores"].items():
        assert place == "tests/**" or not any(code.startswith("S") for code in codes)


def test_every_weight_is_pinned():
    for name in ("params.yaml", "profiles/shopee.yaml"):
        for channel, spec in yaml.safe_load((ROOT / name).read_text("utf-8"))["channels"].items():
            weights = spec.get("weights") or ("hub:" if "model" in spec else "")
            if weights.startswith("hub:"):
                assert len(spec["revision"]) == 40, f"{name}: {channel}"
                assert len(spec.get("sha256", "0" * 64)) == 64, f"{name}: {channel}"
            elif weights.startswith("package:"):
                assert len(PACKAGES[weights.removeprefix("package:")].sha256) == 64, f"{name}: {channel}"


#: What outs are made of; every kind can be read without running anything.
KINDS = {".npy", ".parquet", ".arrow", ".safetensors", ".csv", ".json", ".tsv", ".txt", ".zip"}


@pytest.mark.slow
def test_no_out_can_hold_an_object(pipeline):
    names = broken.digests(pipeline, [out for stage in broken.stages(pipeline) for out in stage.outs])
    assert len(names) > 100
    for name in names:
        file = pipeline / name
        assert file.suffix in KINDS, name
        assert not file.is_symlink(), name
        if file.suffix == ".npy":
            np.load(file, allow_pickle=False, mmap_mode="r")
        elif file.suffix in (".csv", ".json", ".tsv", ".txt"):
            file.read_text("utf-8")
        else:
            assert file.read_bytes()[:1] != b"\x80", name  # how a pickle begins
