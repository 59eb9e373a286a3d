"""The groups of two runs, read from the workspace, a folder, or a commit of git by way of DVC's cache."""

import io
from pathlib import Path
from typing import IO

import pyarrow.parquet as pq

from samesku import artefacts
from samesku.app.report.changes import write_changes
from samesku.errors import InputError
from samesku.evaluation.changes import Change, describe_changes, find_changes
from samesku.reading import reading

GROUPS = "groups.parquet"


def compare_runs(before: str, after: str | None, system: str, out: Path, report: Path | None = None) -> str:
    """Write what became of the products of a system from one run to another as CSV; one line on it.

    Args:
        before, after: a commit of git, or the folder with the system's files; None: the workspace.
        report: a page to write beside it.

    Raises:
        InputError: one of the two has no groups of the system; for the page, the workspace has no sample.
    """
    groups = read_groups(before, system), read_groups(after, system)
    changes = find_changes(*groups)
    artefacts.write_csv(out, [change._asdict() for change in changes], Change._fields)
    line = f"{describe_changes(changes)}; {out}"
    if report is None:
        return line
    write_changes((before, after or "this workspace"), *groups, changes, report)
    return f"{line}; {report.resolve().as_uri()}"


def read_groups(run: str | None, system: str) -> dict[str, int]:
    """posting_id -> group, of listings that have one."""
    path = artefacts.predictions_folder(system) / GROUPS
    if run is None or Path(run).is_dir():
        file = path if run is None else Path(run) / GROUPS
        if not file.is_file():
            raise InputError(
                f"{file} is missing; run `dvc repro`, or name a folder of data/predictions that has it"
            )
        with reading(file), file.open("rb") as opened:
            return _read(opened)
    with reading(Path(f"{path} of {run}")):
        return _read(io.BytesIO(_read_commit(run, path)))


def _read_commit(commit: str, path: Path) -> bytes:
    """A file of a commit's outs."""
    from dvc.api import DVCFileSystem

    if artefacts.read_git(Path(), "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}") is None:
        raise InputError(
            f"{commit} is no commit of git, and no folder; allowed: a commit such as HEAD~1, or a folder"
        )
    try:
        return DVCFileSystem(".", rev=commit).read_bytes(f"/{path.as_posix()}")
    except Exception as error:  # DVC has many for files that its cache lacks, or has only a part of
        raise InputError(
            f"{path} of the commit {commit} is not in DVC's cache ({error}); run the pipeline on that commit, "
            "`dvc pull` its outs, or name a folder that has the file"
        ) from None


def _read(file: IO[bytes]) -> dict[str, int]:
    table = pq.read_table(file)
    pairs = zip(table["posting_id"].to_pylist(), table["group"].to_pylist(), strict=True)
    return {name: group for name, group in pairs if group >= 0}
