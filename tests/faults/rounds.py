"""Rounds of commands that start at the same moment, run as `python -m tests.faults.rounds`.

Each line of standard input is one round, as JSON: {"commands": [[module, argument, …], …], "logs": [file, …],
"kill": [place of a command, seconds after the start] or null}. The answer is a line with the statuses. The libraries
are imported once and each command is a fork of this process: else the imports would take nearly all of the time.
"""

import json
import os
import runpy
import signal
import sys
import time
import traceback
from importlib import import_module

from samesku.processor import cap_instruction_sets

MODULES = (
    *(
        f"samesku.app.{name}"
        for name in ("add", "cli", "init", "open_index", "report_page", "runs", "threshold")
    ),
    "stages.embed_zero_shot",
    "stages.evaluate",
)


def start(command, log):
    """The process of a command; its output goes to the file `log`."""
    if pid := os.fork():
        return pid
    status = 1
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.argv = command
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main():
    cap_instruction_sets()
    for name in MODULES:
        import_module(name)
    for line in sys.stdin:
        a_round = json.loads(line)
        runs = [start(*run) for run in zip(a_round["commands"], a_round["logs"], strict=True)]
        if a_round["kill"]:
            place, seconds = a_round["kill"]
            time.sleep(seconds)
            os.kill(runs[place], signal.SIGKILL)
        print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(run, 0)[1]) for run in runs]), flush=True)


if __name__ == "__main__":
    main()
