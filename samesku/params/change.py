"""How a command changes params.yaml: one at a time, whole, checked, and never under a running stage."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from samesku.errors import InputError
from samesku.params.load import load_params
from samesku.params.schema import Params
from samesku.replacing import replace_out

RWLOCK = Path(".dvc/tmp/rwlock")  # in which DVC names the files that its running stages read
_TRIES = 50  # DVC writes that file in place: half of it may be seen


def change_params(path: Path, change: Callable[[str], str]) -> Params:
    """Replace params.yaml by `change` of its text, and return what it says.

    It is read while no other command can write it, so that none takes back what another has changed.

    Raises:
        InputError: DVC runs a stage, or the new text is no params.yaml; then the file is as it was.
    """
    with replace_out(path) as partial:
        refuse_while_running(path)
        partial.write_text(change(path.read_text("utf-8")), "utf-8")
        try:
            return load_params(partial)
        except InputError as error:
            raise InputError(str(error).replace(str(partial), str(path), 1)) from None


def refuse_while_running(path: Path) -> None:
    """Refuse a change of params.yaml while a stage runs that reads it.

    At the end of a stage DVC writes to dvc.lock what params.yaml holds then, though the stage ran with what it held
    before. So such a change would pass an out as one of the new params.

    Raises:
        InputError: DVC runs such a stage in the folder of `path`.
    """
    import psutil  # a dependency of DVC

    params = str(path.absolute())
    for reader in _read_rwlock(path.absolute().parent / RWLOCK).get("read", {}).get(params, []):
        if psutil.pid_exists(reader["pid"]):
            raise InputError(
                f"{path}: `{reader['cmd']}` (process {reader['pid']}) runs a stage with it; wait until that ends, or "
                "stop it"
            )


def _read_rwlock(path: Path) -> dict[str, dict[str, list[dict[str, int]]]]:
    for attempt in range(_TRIES):
        try:
            return json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            if attempt + 1 < _TRIES:
                time.sleep(0.02)
    return {}  # a kill has left half of it: DVC itself asks to remove it
