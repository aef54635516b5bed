"""A sidecar as a process: command line, logs, signals, exit code."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final, TextIO

from outboard.clock import SystemClock
from outboard.errors import CommandError, OutboardError, ResourceError, ResourcesInvalid
from outboard.hops.files.recording import recording
from outboard.hops.record import Recorder
from outboard.host.private_files import make_private
from outboard.resources.configuration_reader import read_configuration
from outboard.resources.finding import refuse_errors
from outboard.resources.loader import read_resources
from outboard.sidecar.components.context import SharedMemory
from outboard.sidecar.logs import SidecarLog, install
from outboard.sidecar.metadata.service import RUNTIME_VERSION
from outboard.sidecar.process.flags import read_flags
from outboard.sidecar.process.garbage_collection import collecting_rarely, frozen
from outboard.sidecar.process.options_reader import parse
from outboard.sidecar.process.wait import until_outbound_ready
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar
from outboard.sidecar.runtime.watching import FolderWatch
from outboard.wire import dapr

__all__ = ["run", "serve", "stopping_on_signals"]

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
ANEW: Final = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()
GO_NAMES: Final[Mapping[int, str]] = {
    signal.SIGINT: "interrupt",
    signal.SIGTERM: "terminated",
    **dict.fromkeys(ANEW, "hangup"),
}
FAILED: Final = 1


async def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    output: TextIO,
    *,
    settled: Callable[[], None] = lambda: None,
) -> int:
    """Run the sidecar that `arguments` describe until it is told to stop: the exit code.

    `settled` is called before it logs why it cannot go on: whoever reads that may end the process at once,
    which must not change the exit code. With `--version`, `--build-info` or `--wait` only that is done.
    Raises CommandError for a command line that cannot be served; everything later is told in the log, which
    goes to `output` unless a file is named.
    """
    values = read_flags(arguments)
    if values.boolean("version"):
        print(RUNTIME_VERSION, file=output)
    elif values.boolean("build-info"):
        from importlib import metadata  # takes long

        print(f"Version: {RUNTIME_VERSION} (outboard {metadata.version('outboard')})", file=output)
    elif values.boolean("wait"):
        await _wait(values.integer("dapr-http-port"), output)
    else:
        return await serve(parse(arguments, environment), environment, output, settled)
    return 0


async def serve(
    options: Options, environment: Mapping[str, str], output: TextIO, settled: Callable[[], None]
) -> int:
    """As `run`, for options that are parsed already."""
    with _log_stream(options, output) as stream, install(stream, as_json=options.log_as_json):
        log, memory = SidecarLog(options.app_id, options.log_level, RUNTIME_VERSION), SharedMemory()
        try:
            with recording(environment, options.app_id, "sidecar") as recorder:
                while True:
                    sidecar = _sidecar(options, environment, memory, recorder, log)
                    with stopping_on_signals(sidecar, log), frozen(), collecting_rarely():
                        code = await sidecar.serve()
                    if not sidecar.begins_anew or code:
                        return code
        except ResourcesInvalid as several:
            settled()
            return _failed(log, several.errors)
        except OutboardError as error:
            settled()
            return _failed(log, (error,))


def _failed(log: SidecarLog, errors: Sequence[OutboardError]) -> int:
    """Log why it ends; first in daprd's words, where it has some, for who looks for them in logs."""
    told = [each.of_daprd for each in errors if isinstance(each, ResourceError) and each.of_daprd]
    if told:
        log.critical("Fatal error from runtime: failed to load components: %s", "\n".join(told))
    for error in errors:
        log.critical("Fatal error from runtime: %s", error)
    return FAILED


def _sidecar(
    options: Options,
    environment: Mapping[str, str],
    memory: SharedMemory,
    recorder: Recorder | None,
    log: SidecarLog,
) -> Sidecar:
    """One of what the files say now. Raises OutboardError."""
    watch = FolderWatch(options.resources_paths, SystemClock(), log, options.reload_interval)
    configuration = read_configuration(options.config_paths, environment)
    resources = read_resources(options.resources_paths, options.app_id, options.namespace)
    refuse_errors((*configuration.findings, *resources.findings))
    return Sidecar(
        options,
        resources,
        configuration=configuration,
        memory=memory,
        environment=environment,
        recorder=recorder,
        watch=watch,
    )


async def _wait(port: int, output: TextIO) -> None:
    def tell(line: str) -> None:
        print(line, file=output, flush=True)

    from outboard.sidecar.channel.exchange import app_url, exchange_with

    async with exchange_with(app_url("http", "localhost", port), dapr.DEFAULT_MAX_BODY_BYTES) as exchange:
        await until_outbound_ready(exchange, SystemClock(), tell)


@contextmanager
def _log_stream(options: Options, output: TextIO) -> Iterator[TextIO]:
    """The file that the log is appended to, or `output`. Raises CommandError."""
    if options.log_file is None:
        yield output
        return
    try:
        make_private(options.log_file)
        stream = options.log_file.open("a", encoding="utf-8")
    except OSError as error:
        problem = f"--log-file {options.log_file} cannot be written: {error.strerror}"
        raise CommandError(problem, "Name a file in a folder that is there") from error
    with stream:
        yield stream


@contextmanager
def stopping_on_signals(sidecar: Sidecar, log: SidecarLog) -> Iterator[None]:
    """The first SIGINT or SIGTERM stops `sidecar`, the second ends the process at once with exit code 1.

    SIGHUP, where there is one, makes it begin anew.
    """
    loop = asyncio.get_running_loop()
    caught: list[int] = []

    def on_signal(number: int) -> None:
        name = GO_NAMES.get(number, signal.Signals(number).name)
        if number not in SIGNALS:
            log.info("Received signal '%s'; restarting", name)
            sidecar.begin_anew()
            return
        if caught:
            log.critical("Received signal '%s' during shutdown; exiting immediately", name)
            os._exit(FAILED)
        caught.append(number)
        log.info("Received signal '%s'; beginning shutdown", name)
        sidecar.begins_anew = False
        sidecar.stop()

    def from_any_thread(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(on_signal, number)

    before = {number: signal.getsignal(number) for number in (*SIGNALS, *ANEW)}
    try:
        for number in (
            *SIGNALS,
            *ANEW,
        ):  # `add_signal_handler` is not there on Windows
            signal.signal(number, from_any_thread)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
