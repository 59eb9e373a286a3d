"""`samesku check`: whether this machine gives the numbers of dvc.lock."""

import platform
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from samesku.annotations.file import describe_chains, find_contradicting_chains, read_annotations
from samesku.artefacts import ANNOTATIONS
from samesku.params import Params

#: Packages whose version may change a number.
COUNTING = (
    "faiss-cpu", "lightgbm", "numpy", "open-clip-torch", "pillow", "scikit-learn", "scipy", "sentence-transformers",
    "timm", "tokenizers", "torch", "torchvision", "transformers",
)  # fmt: skip


def find_differences(params: Params, root: Path = Path()) -> list[str]:
    """Why the outs of a run here cannot be compared with those of dvc.lock, a sentence each; none if they can."""
    return [*_params(params, root), *_annotations(params, root), *_processor(), *_packages(root)]


def _params(params: Params, root: Path) -> Iterator[str]:
    lock = root / "dvc.lock"
    recorded = (
        set(re.findall(r"^ +reproducible: (\w+)$", lock.read_text("utf-8"), re.M))
        if lock.is_file()
        else set()
    )
    if not params.embed.reproducible:
        yield (
            "embed.reproducible is false: numbers depend on this machine's processor and threads; to compare them, "
            "set it to true and run `dvc repro`"
        )
    elif "false" in recorded:
        yield "the outs of dvc.lock were computed with embed.reproducible: false, on some machine's own terms"


def _annotations(params: Params, root: Path) -> Iterator[str]:
    """Annotations at which the next run stops."""
    if params.data.annotations is None:
        return
    if chains := find_contradicting_chains(read_annotations(root / ANNOTATIONS)):
        yield f"{ANNOTATIONS} contradicts itself: {describe_chains(chains)}; change one annotation of each"


def _processor() -> Iterator[str]:
    machine = platform.machine()
    if machine not in ("x86_64", "AMD64"):
        yield f"this machine is {machine}: equal numbers are promised on x86-64 alone"
    info = Path("/proc/cpuinfo")
    flags = (
        next((line for line in info.open() if line.startswith("flags")), "avx2") if info.is_file() else "avx2"
    )
    if "avx2" not in flags:
        yield "this processor lacks AVX2, which equal numbers need"


def _packages(root: Path) -> Iterator[str]:
    constraints = root / "constraints.txt"
    lines = constraints.read_text("utf-8").splitlines() if constraints.is_file() else []
    pinned = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    pinned = {name.lower().replace("_", "-"): version for name, version in pinned.items()}
    for name in COUNTING:
        try:
            version = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            version = "not installed"
        if name in pinned and version != pinned[name]:
            yield f"{name} is {version}, and the outs of dvc.lock were computed with {pinned[name]} (constraints.txt)"
