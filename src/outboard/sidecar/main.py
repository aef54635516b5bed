"""A sidecar as a process: command line, logs, signals, exit code."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final, TextIO

from outboard.errors import OutboardError
from outboard.resources.loader import load_resources
from outboard.sidecar.api.runtime import RUNTIME_VERSION
from outboard.sidecar.app import Sidecar
from outboard.sidecar.logs import SidecarLog, install
from outboard.sidecar.options import Options, parse

__all__ = ["run", "serve", "stopping_on_signals"]

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
FAILED: Final = 1


async def run(arguments: Sequence[str], environment: Mapping[str, str], log_stream: TextIO) -> int:
    """Run the sidecar that `arguments` describe until it is told to stop: the exit code.

    Raises CommandError for a command line that cannot be served; everything later is told in the log.
    """
    return await serve(parse(arguments, environment), environment, log_stream)


async def serve(options: Options, environment: Mapping[str, str], log_stream: TextIO) -> int:
    """As `run`, for options that are parsed already."""
    with install(log_stream, as_json=options.log_as_json):
        log = SidecarLog(options.app_id, options.log_level, RUNTIME_VERSION)
        try:
            resources = load_resources(options.resources_paths, options.app_id, options.namespace)
            sidecar = Sidecar(options, resources, environment=environment)
            with stopping_on_signals(sidecar.stop, log):
                return await sidecar.serve()
        except OutboardError as error:
            log.critical("Fatal error from runtime: %s", error)
            return FAILED


@contextmanager
def stopping_on_signals(stop: Callable[[], None], log: SidecarLog) -> Iterator[None]:
    """The first SIGINT or SIGTERM calls `stop`, the second ends the process at once with exit code 1."""
    loop = asyncio.get_running_loop()
    caught: list[signal.Signals] = []

    def on_signal(number: int) -> None:
        if caught:
            os._exit(FAILED)
        caught.append(signal.Signals(number))
        log.info("Received signal '%s'; beginning shutdown", caught[0].name)
        stop()

    def from_any_thread(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(on_signal, number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        for number in SIGNALS:  # `add_signal_handler` is not there on Windows; this works everywhere
            signal.signal(number, from_any_thread)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
