"""Requests to stop that come from outside: Ctrl-C, SIGTERM, a closed terminal."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

__all__ = ["on_stop_request"]

NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""SIGHUP is the end of a terminal on POSIX; SIGBREAK is Ctrl-Break, and the window's end, on Windows."""
REASONS: Final = {"SIGINT": "Ctrl-C", "SIGBREAK": "Ctrl-Break"}


@contextmanager
def on_stop_request(callback: Callable[[str], None]) -> Iterator[None]:
    """Call `callback` with the reason, in the running loop, for each such signal while the block runs.

    Only in the main thread, as Python asks for.
    """
    numbers = [signal.Signals[name] for name in NAMES if name in signal.Signals.__members__]
    before = {number: signal.getsignal(number) for number in numbers}
    loop = asyncio.get_running_loop()
    for number in numbers:
        _install(loop, number, callback)
    try:
        yield
    finally:
        for number in numbers:
            if sys.platform != "win32":
                loop.remove_signal_handler(number)
            signal.signal(number, before[number])


def _install(
    loop: asyncio.AbstractEventLoop, number: signal.Signals, callback: Callable[[str], None]
) -> None:
    reason = REASONS.get(number.name, number.name)
    if sys.platform != "win32":
        loop.add_signal_handler(number, callback, reason)
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(callback, reason)

    signal.signal(number, handle)
