"""The engines that are programs of their own: Outboard's sidecar with SQLite, and daprd."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from outboard.clock import SystemClock
from outboard.errors import CommandError, ServiceDied
from outboard.hops.record import Hop
from outboard.host.ports import MachinePorts, reserving
from outboard.kit.client.connection import connect
from outboard.kit.client.settings import Settings
from outboard.resources.loader import SUFFIXES, load_resources
from outboard.run.plan.daprd import DaprdProgram, daprd_variables
from outboard.run.plan.daprd_executable import find_daprd
from outboard.run.plan.settings import APP_PORT, CONFIG, HTTP_PORT, RESOURCES_PATH, Value
from outboard.run.plan.sidecar_program import OutboardProgram, SidecarProgram
from outboard.run.processes.last_words import Remembering
from outboard.run.processes.process import Launch, Process, running
from outboard.run.sidecars.daprd_probe import until_healthy
from outboard.testing.engines.app_server import bound_to_loopback, served_at
from outboard.testing.engines.files import components_of_board, retried_soon, rewritten
from outboard.testing.engines.port import DAPRD, NotOnThisEngine
from outboard.testing.engines.watching import WatchedEvents
from outboard.testing.patience import patiently
from outboard.testing.project import NamedFiles, Project
from outboard.wire.http import Exchange

__all__ = ["AppDoor", "ProcessEngine", "SidecarProcess", "daprd_program"]

START_SECONDS: Final = 30.0
GRACEFUL: Final = "dapr-graceful-shutdown-seconds"
STOP_SECONDS: Final = 1
"""For what is in flight; an event that fails again and again would take all the time that there is."""
GRACE: Final = 10.0
FIRST_PORT: Final = 23600
"""Far from the default ones: a board that is not connected is not to find this sidecar by chance."""
RUNTIME_PATH: Final = "DAPR_RUNTIME_PATH"
"""The variable of the Dapr CLI for the folder that `dapr init` installs into."""
HOW_TO_GET_IT: Final = (
    "Get it with the Dapr CLI, `dapr init --slim`, put it on PATH, or name in DAPR_RUNTIME_PATH the folder "
    "that it was installed into."
)
OUTBOUND: Final = "/v1.0/healthz/outbound"
ALL: Final = "/v1.0/healthz"
IN_MEMORY: Final = "pubsub.in-memory"
OWN_TYPE: Final = "pubsub.sqlite"
ONE_BROKER: Final = (
    "Name a folder with pubsub.redis or pubsub.kafka in the ini option outboard_resources, or let the test "
    "run on the engine sqlite or memory"
)


def daprd_program(environment: Mapping[str, str], home: Path) -> Path:
    """daprd where DAPR_RUNTIME_PATH says, on PATH, or where `dapr init` puts it.

    Raises CommandError that says how to get it.
    """
    named = environment.get(RUNTIME_PATH, "")
    try:
        return find_daprd(Path(named) if named else None, environment, home)
    except CommandError as error:
        problem = f"there is no daprd in {RUNTIME_PATH}={named}" if named else error.problem
        raise CommandError(problem, HOW_TO_GET_IT) from error


class ProcessEngine:
    """Starts a process for each sidecar; the apps stay in the test's, each at a port of loopback.

    `record` is given the hops that are seen at the apps' own end.
    """

    def __init__(
        self, name: str, resources: Sequence[Path], project: Project | None, record: Callable[[Hop], None]
    ) -> None:
        self.name = name
        self._resources, self._project = resources, project
        self._events = WatchedEvents(record, SystemClock())
        self._folder = Path(tempfile.mkdtemp(prefix="outboard-testing-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._own_brokers: list[str] = []

    @asynccontextmanager
    async def sidecar(
        self, app_id: str, files_of: str, settings: Settings, channel: Exchange | None, drain: float
    ) -> AsyncIterator[SidecarProcess]:
        """As `SidecarEngine`."""
        values, directory = self._files(app_id, files_of, settings)
        async with AsyncExitStack() as stack:
            stack.enter_context(self._checked(app_id, files_of, values))
            program, command = self._program()
            if channel is None:
                door = None
            else:
                bound = stack.enter_context(bound_to_loopback())
                values[APP_PORT] = bound.getsockname()[1]
                door = AppDoor(bound, self._events.to_app(app_id, channel), drain)
            with reserving(MachinePorts()) as ports:
                picked: dict[str, int] = {}
                for flag in program.first_ports(values):
                    picked[flag] = ports.pick(FIRST_PORT, picked.values())
                arguments = program.arguments(app_id, {**values, **picked})
                launch = Launch((*command, *arguments), directory, _environment(settings))
                endpoint = f"http://127.0.0.1:{picked[HTTP_PORT]}"
                exchange = await stack.enter_async_context(connect(replace(settings, endpoint=endpoint)))
                sidecar = SidecarProcess(app_id, self._events.to_sidecar(app_id, exchange), door)
                await stack.enter_async_context(sidecar.started(launch))
            yield sidecar

    def _program(self) -> tuple[SidecarProgram, tuple[str, ...]]:
        """What decides about its command line, and how that begins. Raises CommandError."""
        if self.name == DAPRD:
            return DaprdProgram(), (str(daprd_program(os.environ, Path.home())),)
        return OutboardProgram(), (sys.executable, "-m", "outboard", "sidecar")

    def _files(self, app_id: str, files_of: str, settings: Settings) -> tuple[dict[str, Value], Path]:
        """The options that name its files, and the folder in which relative paths begin."""
        values: dict[str, Value] = {"log-level": "warn", GRACEFUL: STOP_SECONDS}
        if self._resources:
            values[RESOURCES_PATH] = tuple(str(each.absolute()) for each in self._resources)
            return values, Path.cwd()
        folder = self._folder / app_id
        folder.mkdir(exist_ok=True)
        (folder / "0-testing.yaml").write_text(retried_soon(), encoding="utf-8")
        named = self._project.named_files(files_of) if self._project is not None else NamedFiles()
        if named.configs:
            values[CONFIG] = tuple(map(str, named.configs))
        found = [file for each in named.folders for file in sorted(each.iterdir()) if file.suffix in SUFFIXES]
        for number, file in enumerate(found, 1):
            text = rewritten(file.read_text(encoding="utf-8"), self.name, self._folder)
            (folder / f"{number}-{file.name}").write_text(text, encoding="utf-8")
        if not named.folders:
            text = components_of_board(settings.pubsub, settings.state_store, self.name, self._folder)
            (folder / "1-components.yaml").write_text(text, encoding="utf-8")
        values[RESOURCES_PATH] = (str(folder),)
        return values, named.directory

    @contextmanager
    def _checked(self, app_id: str, files_of: str, values: Mapping[str, Value]) -> Iterator[None]:
        """Raise NotOnThisEngine for a component that daprd has not, and for brokers that are not shared."""
        folders = values[RESOURCES_PATH]
        assert isinstance(folders, tuple)
        loaded = load_resources([Path(each) for each in folders], files_of, os.environ.get("NAMESPACE", ""))
        types = {each.type.lower(): each.name for each in loaded.components}
        if self.name == DAPRD and OWN_TYPE in types:
            raise NotOnThisEngine(f"daprd has no {OWN_TYPE}, the type of '{types[OWN_TYPE]}'. {ONE_BROKER}")
        if IN_MEMORY not in types:
            yield
            return
        if self._own_brokers:
            raise NotOnThisEngine(
                f"the sidecars of {self._own_brokers[0]} and {app_id} are processes, each with its own "
                f"{IN_MEMORY}: neither app would see the other's events. {ONE_BROKER}"
            )
        self._own_brokers.append(app_id)
        try:
            yield
        finally:
            self._own_brokers.remove(app_id)


@dataclass(frozen=True, slots=True)
class AppDoor:
    """The port of an app, the way in from there, and the seconds for what is in hand at the end."""

    bound: socket.socket
    channel: Exchange
    drain: float


class SidecarProcess:
    """Be a `RunningSidecar`."""

    not_started: Sequence[object] = ()

    def __init__(self, app_id: str, exchange: Exchange, door: AppDoor | None) -> None:
        self._app_id = app_id
        self.exchange = exchange
        self._door = door
        self._log = Remembering(lambda line: None)
        self._scope = AsyncExitStack()
        self._process: Process | None = None

    @asynccontextmanager
    async def started(self, launch: Launch) -> AsyncIterator[None]:
        """It runs until the block ends, or `taking` does. Raises ServiceDied, OSError."""
        async with self._scope:
            starting = running(launch, self._log, asyncio.Event(), SystemClock(), GRACE)
            self._process = await self._scope.enter_async_context(starting)
            await self._until(OUTBOUND)
            yield

    @asynccontextmanager
    async def taking(self) -> AsyncIterator[None]:
        """As `RunningSidecar`; it ends the process. Raises ServiceDied."""
        async with AsyncExitStack() as stack:
            if self._door is not None:
                await stack.enter_async_context(
                    served_at(self._door.bound, self._door.channel, self._door.drain)
                )
            stack.push_async_callback(self._scope.aclose)
            await self._until(ALL)
            yield

    async def _until(self, path: str) -> None:
        """Return once it is healthy. Raises ServiceDied where it ends before, TimeoutError."""
        assert self._process is not None
        healthy = asyncio.create_task(until_healthy(self.exchange, path, SystemClock()))
        ended = asyncio.create_task(self._process.wait())
        try:
            async with patiently(START_SECONDS):
                await asyncio.wait((healthy, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (healthy, ended):
                task.cancel()
            await asyncio.wait((healthy, ended))
        if not ended.cancelled():
            service, said = f"the sidecar of {self._app_id}", self._log.last_words or "nothing"
            raise ServiceDied(service, ended.result(), said, "the test cannot go on")


def _environment(settings: Settings) -> dict[str, str]:
    """The sidecar's, without what this process was told of another one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DAPR_", "APP_"))}
    tokens = {"DAPR_API_TOKEN": settings.api_token, "APP_API_TOKEN": settings.app_token}
    return daprd_variables({**kept, **{name: value for name, value in tokens.items() if value}})
