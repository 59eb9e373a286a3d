"""dvc.yaml against the code: deps cover the imports, params the groups that a script reads."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from samesku.params import Params
from samesku.params.schema import MODALITIES
from tests.conftest import ROOT

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
#: Plumbing that checks params and writes files: it never moves a result, so it is no dep of any stage.
PLUMBING = {"samesku/params", "samesku/artefacts.py"}
#: Does elsewhere what a stage's own code does, with the same results: no dep of any stage either.
ENGINE = "samesku/workers"


def spec(stage):
    return STAGES[stage].get("do", STAGES[stage])


def script(stage):
    return Path("stages") / f"{stage}.py"


def imported(path):
    """The project's modules that a file imports anywhere in it, as paths below the root.

    Imports under TYPE_CHECKING are none; a module imported by a computed name is not seen here.
    """
    found = set()
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.split(".")[0] != "stages":
                continue
            module = Path(*name.split("."))
            found |= {p for p in (module.with_suffix(".py"), module / "__init__.py") if (ROOT / p).is_file()}
    return found


def reached(start):
    """All modules of the project that a script runs, itself among them."""
    found, todo = set(), [start]
    while todo:
        path = todo.pop()
        if path not in found and not any(path.is_relative_to(p) for p in (*PLUMBING, ENGINE)):
            found.add(path)
            todo += imported(path)
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_cover_the_imports(stage):
    deps = [Path(dep) for dep in spec(stage)["deps"] if dep.startswith("stages")]
    run = reached(script(stage))
    if Path("samesku/embedding/registry.py") in run:  # it imports a backend by name
        backends = [Path(f"samesku/embedding/encoders/{backend}.py") for backend in MODALITIES]
        run = run.union(*map(reached, backends))
        if any("${item.backend}" in str(dep) for dep in deps):  # of the backends, the channel's own
            deps += backends
    needed = {p for p in run if (ROOT / p).stat().st_size > 0}
    missing = {
        p
        for p in needed
        if not any(p.is_relative_to(dep) for dep in deps)
        # a package's docstring decides nothing
        and not (p.name == "__init__.py" and not imported(p))
    }
    assert not missing, f"{stage}: deps lack {sorted(map(str, missing))}"
    unused = {d for d in deps if (ROOT / d).exists() and not any(p.is_relative_to(d) for p in run)}
    assert not unused, f"{stage}: deps name what is not imported: {sorted(map(str, unused))}"


def groups_read(path):
    """The groups of params.yaml that a script reads, of what `load` gave or of an argument `: Params`."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    loaded = re.compile(r"(settings\.)?load\(\)")
    held = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and loaded.fullmatch(ast.unparse(node.value))
        for target in node.targets
        if isinstance(target, ast.Name)
    } | {
        node.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.arg) and node.annotation and ast.unparse(node.annotation) == "Params"
    }
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in Params.model_fields
        and (ast.unparse(node.value) in held or loaded.fullmatch(ast.unparse(node.value)))
    }


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_the_groups_that_the_script_reads(stage):
    declared = {param.split(".")[0] for param in spec(stage).get("params", [])}
    assert groups_read(script(stage)) - {"machine"} == declared


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_described_and_its_outs_are_named_files(stage):
    assert STAGES[stage].get("desc") or spec(stage).get("desc")
    assert spec(stage)["cmd"].startswith(f"python -m stages.{stage}")
    deps = spec(stage)["deps"]
    assert "data/embeddings" not in deps
    assert str(script(stage)) in deps


def test_fusion_lists_every_array_that_fuse_depends_on():
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    listed = {f"data/embeddings/{name}.npy" for side in ("image", "title") for name in params["fusion"][side]}
    for stage in ("fuse", "evaluate", "sweep_alpha", "mix"):
        assert {dep for dep in spec(stage)["deps"] if dep.startswith("data/embeddings")} == listed


@pytest.mark.parametrize("path", ["params.yaml", "profiles/shopee.yaml"])
def test_a_mix_weighs_channels_that_it_depends_on(path):
    params = yaml.safe_load((ROOT / path).read_text("utf-8"))
    for mix in params["mixes"].values():
        for side in ("image", "title"):
            assert mix[side].keys() <= params["fusion"][side].keys()


@pytest.mark.parametrize("path", ["params.yaml", "profiles/shopee.yaml"])
def test_tune_lists_the_channels_of_fusion(path):
    """What tune says to adopt then sets every weight of the main road."""
    params = yaml.safe_load((ROOT / path).read_text("utf-8"))
    for side in ("image", "title"):
        assert params["tune"][side] == list(params["fusion"][side])


def test_rooms_keep_their_direction():
    """Scripts import rooms; a room imports no script, and of the other rooms those below it alone."""
    below = {
        "catalogue": set(),
        "scoring": set(),
        "matching": set(),
        "embedding": set(),
        "encoders": {"embedding"},
        "pxk": {"embedding"},
        "judging": {"catalogue", "matching", "scoring"},
        "reranking": {"catalogue", "judging", "matching", "scoring"},
        "training": {"catalogue", "embedding", "judging", "matching", "pxk", "scoring"},
        "scale": {"embedding", "matching"},
    }
    rooms = [
        p
        for p in (ROOT / "stages").iterdir()
        if p.is_dir() and p.name not in ("settings", "app", "__pycache__")
    ]
    assert {room.name for room in rooms} == below.keys()
    for room in rooms:
        for file in room.rglob("*.py"):
            here = file.relative_to(ROOT)
            for path in imported(here):
                allowed = {room.name, *below[room.name]}
                plumbing = any(path.is_relative_to(part) for part in PLUMBING)
                assert plumbing or path.parts[1] in allowed, f"{here} imports {path}"


def test_ranking_rooms_and_scripts_never_import_torch():
    for stage in ("fuse", "index", "evaluate", "compare", "mix", "sweep_alpha"):
        for path in reached(script(stage)):
            text = (ROOT / path).read_text("utf-8")
            assert not re.search(r"^\s*(import|from) (torch|transformers|pandas)\b", text, re.M), path
