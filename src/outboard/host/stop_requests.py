"""Requests to stop that come from outside, as calls in the event loop of a program."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from outboard.host.signals import ignore_stop_signals, stop_signals

__all__ = ["on_stop_request"]

REASONS: Final = {"SIGINT": "Ctrl-C", "SIGBREAK": "Ctrl-Break"}


@contextmanager
def on_stop_request(callback: Callable[[str], None]) -> Iterator[None]:
    """Call `callback` with the reason, in the running loop, for each such signal while the block runs.

    After the block such signals are ignored: nothing runs any more that they could end, and one that comes
    late must not change the exit code. Only in the main thread, as Python asks for.
    """
    loop = asyncio.get_running_loop()
    numbers = stop_signals()
    for number in numbers:
        _install(loop, number, callback)

    def release() -> None:
        for number in numbers:
            if sys.platform != "win32":
                loop.remove_signal_handler(number)

    try:
        yield
    finally:
        ignore_stop_signals(release)


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
