"""Files that a server has mapped into memory: whether they still are what it opened."""

from collections.abc import Iterable
from pathlib import Path

from starlette.exceptions import HTTPException


class OpenedFiles:
    """A stage replaces its files, and those that are mapped stay as they were. `cp` writes into them instead.

    What is read of such a file is of two runs, and reading behind its end would end the process.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._states = {path: state for path in paths if (state := _file_state(path))}

    def check(self) -> None:
        """Raise HTTPException 409 where a file was written into since it was opened."""
        for path, before in self._states.items():
            state = _file_state(path)
            if state and state[0] == before[0] and state != before:
                raise HTTPException(
                    409, f"{path} was written into while it is served; start `samesku serve` again"
                )


def _file_state(path: Path) -> tuple[int, int, int] | None:
    """The number of a file, its size and its time of change; None where there is none."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns
