"""Ctrl-C: it is noted before it is raised, and a program that it ends prints one line and has status 130."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

STATUS = 130  # as a shell has it
_noted: list[int] = []


def end_in_one_line() -> None:
    """Make Ctrl-C end this program by one line, also while it imports; an entry point calls this first."""
    if _is_replaceable():
        signal.signal(signal.SIGINT, _note)
    show = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if _noted or issubclass(kind, KeyboardInterrupt):
            print("stopped by Ctrl-C", file=sys.stderr, flush=True)
            os._exit(STATUS)  # Python would end by the signal, which is another status
        show(kind, error, traceback)

    sys.excepthook = hook


@contextmanager
def noted_interrupts(interrupts: list[int]) -> Iterator[None]:
    """Add each Ctrl-C to a list before it is raised: a library may turn the KeyboardInterrupt into another error."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupts.append(number)
        signal.default_int_handler(number, frame)

    before, replaces = signal.getsignal(signal.SIGINT), _is_replaceable()
    if replaces:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        if replaces:
            signal.signal(signal.SIGINT, before)


def _is_replaceable() -> bool:
    """Whether nobody else, such as a shell that ignores it for a job in the background, has set what Ctrl-C does."""
    ours = signal.getsignal(signal.SIGINT) in (signal.default_int_handler, _note)
    return ours and threading.current_thread() is threading.main_thread()


def _note(number: int, frame: FrameType | None) -> None:
    _noted.append(number)
    signal.default_int_handler(number, frame)
