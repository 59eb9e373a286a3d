"""Equal numbers on every x86-64 processor with AVX2: which instructions the libraries use, and how many threads add up.

A library takes the widest vectors that the processor has and as many threads as it has cores, and both change
the order of a sum and so its last bits. Each entry point (the scripts of stages/, the command line, the tests)
calls `cap_instruction_sets` before NumPy is imported; processes that it starts inherit the caps. `import samesku`
alone changes nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Of NumPy, of its OpenBLAS, of torch and its libraries oneDNN and MKL, and of FAISS.
CAPS = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "MKL_CBWR": "AVX2,STRICT",
    "FAISS_OPT_LEVEL": "avx2",
}
#: Threads that share one sum, however many cores there are. More work side by side, each on sums of its own.
THREADS = 2


def cap_instruction_sets(params: Path = Path("params.yaml")) -> None:
    """Cap the instruction sets of this process and of those that it starts, unless params.yaml lifts the caps.

    Caps that the caller's environment has set otherwise are replaced. A params.yaml that is missing or broken
    counts as one that does not lift them; `load_params` says what is wrong with it.
    """
    is_lifted = _lifts_caps(params)
    for name, value in CAPS.items():
        if not is_lifted:
            os.environ[name] = value
        elif os.environ.get(name) == value:  # inherited from a process that had them
            del os.environ[name]


def _lifts_caps(params: Path) -> bool:
    """Whether params.yaml has `embed.reproducible: false`."""
    try:
        text = params.read_text("utf-8")
    except (OSError, ValueError):
        return False
    # Every script does this when it starts, and a parser takes as long as NumPy's import.
    if re.findall(r"^ *reproducible: *(\S+)", text, re.MULTILINE) == ["true"] or "reproducible" not in text:
        return False
    import yaml

    try:
        return yaml.safe_load(text)["embed"]["reproducible"] is False
    except (yaml.YAMLError, KeyError, TypeError):
        return False


def are_capped() -> bool:
    """Whether the instruction sets of this process are capped."""
    return all(os.environ.get(name) == value for name, value in CAPS.items())


def sum_threads(threads: int) -> int:
    """How many threads may share one sum: THREADS under the caps, else `threads`, as machine.threads says."""
    return THREADS if are_capped() else threads


@contextmanager
def fixed_blas_threads() -> Iterator[None]:
    """Under the caps, let THREADS threads share NumPy's matrix products, also where there are fewer cores."""
    if not are_capped():
        yield
        return
    import numpy as np  # noqa: F401  (its BLAS must be loaded to be limited)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(THREADS, "blas"):
        yield
