"""check: the whole of params.yaml, and the place of the catalogue, before anything runs.

DVC runs it where data.source has changed, and in the checkout of an experiment (--temp, --queue), which has only files
that git or DVC tracks. Removes the metrics of training runs that params.yaml does not have. Writes data/source.txt, the
name of the catalogue: `sample` lists it so that it runs after this.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from samesku import artefacts
from samesku.errors import InputError
from samesku.params import add_way_back, load_params


def check_source(source: str) -> None:
    """Whether there is a catalogue, unless it lies at a URL or DVC makes or fetches it.

    Raises:
        InputError: data.source does not exist.
    """
    path = Path(source).expanduser()
    tracked = any(Path(f"{place}.dvc").is_file() for place in (path, *path.parents))
    if "://" in source or path.exists() or tracked or (path.parent / "dvc.yaml").is_file():
        return
    if ".dvc/tmp/exps" in Path.cwd().as_posix():
        raise InputError(
            f"data.source: {source} is not in the checkout of this experiment, which has only files that git or DVC "
            f"tracks; track it (dvc add {source}), give its absolute path, or run without --temp and --queue"
        )
    raise InputError(
        f"data.source: {source} does not exist; allowed: a .zip, a folder or a URL; a relative path begins at the "
        "folder of params.yaml"
    )


def check_index(kind: str) -> None:
    """Whether FAISS can read an index.kind; `index` finds out whether it suits the width of the rows.

    Raises:
        InputError: it cannot.
    """
    if kind in ("flat", "ivf", "hnsw"):
        return
    import faiss  # here: a quarter of a second, which few need

    try:
        faiss.index_factory(64, kind, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        if "could not parse" in str(error):
            raise InputError(
                f"index.kind: FAISS cannot read {kind!r}; allowed: flat, ivf, hnsw, or a string of FAISS's "
                "index_factory"
            ) from error


def remove_leftovers(runs: Collection[str]) -> list[str]:
    """Remove the metrics of other training runs than these; their names."""
    leftovers = [
        file for file in sorted((artefacts.METRICS / "train").glob("*.json")) if file.stem not in runs
    ]
    for file in leftovers:
        file.unlink()
    return [file.stem for file in leftovers]


def main() -> str:
    params = load_params()
    try:
        check_source(params.data.source)
        check_index(params.index.kind)
    except InputError as error:
        raise InputError(add_way_back(str(error))) from None
    removed = remove_leftovers(params.train)
    with artefacts.replace_out(artefacts.SOURCE) as partial:
        partial.write_text(f"{params.data.source}\n", "utf-8")
    summary = f"params.yaml is right, the catalogue is {params.data.source}"
    return summary + (
        f"; removed the metrics of runs that params.yaml lacks: {', '.join(removed)}" if removed else ""
    )


if __name__ == "__main__":
    artefacts.run_stage("check", main)
