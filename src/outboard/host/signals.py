"""Requests to stop that come from outside: Ctrl-C, SIGTERM, SIGQUIT, a closed terminal."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

__all__ = ["exit_on_stop_signals", "ignore_stop_signals", "stop_signals"]

NAMES: Final = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGBREAK")
"""On POSIX SIGQUIT is Ctrl-\\, and SIGHUP the end of a terminal; on Windows SIGBREAK is Ctrl-Break, and the
window's end."""
FATAL: Final = 128
"""What shells add to the number of the signal that ended a program."""


def stop_signals() -> list[signal.Signals]:
    """Those of this machine that are to be heard: `nohup` has SIGHUP ignored, and that stays so.

    SIGINT is heard in any case: a shell script ignores it for what it starts with `&`.
    """
    known = [signal.Signals[name] for name in NAMES if name in signal.Signals.__members__]
    return [each for each in known if each is signal.SIGINT or signal.getsignal(each) is not signal.SIG_IGN]


@contextmanager
def exit_on_stop_signals(code: int | None, *, to_the_end: bool) -> Iterator[None]:
    """Until something else takes the signals, let one end the program with `code`, without a traceback.

    None is the code that shells give a program which a signal ended: 130 for Ctrl-C. After the block signals
    are as before, or ignored where the block goes `to_the_end` of the process. In another thread than
    the main one nothing is changed, as Python asks for.
    """

    def handle(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(FATAL + number if code is None else code)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handle) for number in stop_signals()}
    try:
        yield
    finally:
        if to_the_end:
            ignore_stop_signals()
        else:
            for number, handler in before.items():
                signal.signal(number, handler)


def ignore_stop_signals(release: Callable[[], None] = lambda: None) -> None:
    """From now on, do nothing when asked to stop: everything has ended, and the exit code is settled.

    `release` takes down handlers of another kind; on POSIX no signal comes between that and this.
    """
    numbers = stop_signals()
    with _held_back(numbers):
        release()
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def _held_back(numbers: Iterable[signal.Signals]) -> Iterator[None]:
    """Let `numbers` wait while the block runs, where the machine can; one that is ignored then is gone."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
