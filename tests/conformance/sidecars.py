"""Both sidecars as processes: the same flags, the same files, each with an app of its own."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance.app import App
from conformance.http1 import Answer, exchange
from conformance.question import Fail, Group, Respond
from support.processes import free_ports

__all__ = [
    "APP_ID",
    "Program",
    "Running",
    "app_of",
    "launched",
    "log_of_a_failed_start",
    "running",
    "started",
    "stopped_together",
    "until_ready",
]

APP_ID = "conformance"
PATIENCE = 60.0
"""Seconds: no more than a bound that ends a hopeless wait."""


@dataclass(frozen=True, slots=True)
class Program:
    """A sidecar's command without its flags."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Running:
    """One sidecar that is up."""

    name: str
    port: int
    app: App
    process: asyncio.subprocess.Process
    folder: Path
    ports: tuple[int, ...]

    @property
    def public_port(self) -> int:
        """Where metadata and health are served, too."""
        return self.ports[4]


@asynccontextmanager
async def running(program: Program, group: Group, folder: Path) -> AsyncIterator[Running]:
    """`program` with the files of `group`, ready; it is asked to stop at the end."""
    async with launched(program, group, folder) as sidecar:
        await until_ready(sidecar)
        yield sidecar


@asynccontextmanager
async def stopped_together(*sidecars: Running) -> AsyncIterator[None]:
    """At the end of the block they stop side by side: daprd takes a second, and ten where a call goes on."""
    try:
        yield
    finally:
        await asyncio.gather(*(_stop(each.process) for each in sidecars))


@asynccontextmanager
async def launched(program: Program, group: Group, folder: Path) -> AsyncIterator[Running]:
    """As `running`, but it may be not ready yet, and it may have ended."""
    async with app_of(group) as app, started(program, group, folder, app) as sidecar:
        yield sidecar


@asynccontextmanager
async def app_of(group: Group) -> AsyncIterator[App]:
    """The app that the questions of `group` are about, listening."""
    app = _app(group)
    async with app.serving():
        yield app


def _app(group: Group) -> App:
    told = group.subscribe
    if group.grpc:
        from conformance.grpc_app import GrpcApp  # with an extra

        return GrpcApp(group.subscriptions, told if isinstance(told, Fail) else None)
    if group.h2c:
        from conformance.h2c_app import H2cApp  # as above

        return H2cApp(Respond(200, json.dumps(group.subscriptions).encode()))
    return App(told if isinstance(told, Respond) else Respond(200, json.dumps(group.subscriptions).encode()))


@asynccontextmanager
async def started(program: Program, group: Group, folder: Path, app: App) -> AsyncIterator[Running]:
    """As `launched`, beside an app that is there: it may be started again in the same folder."""
    resources = _write(group, folder)
    ports = tuple(free_ports(5))
    command = [*program.command, *_flags(group, resources, ports, app.port)]
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env={**_inherited(), **group.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield Running(program.name, ports[0], app, process, folder, (*ports, app.port))
        finally:
            await _stop(process)


def _write(group: Group, folder: Path) -> Path:
    resources = folder / "resources"
    resources.mkdir(parents=True, exist_ok=True)
    for name, text in group.files.items():
        place = resources / name if "/" not in name else folder / name.removeprefix("../")
        place.write_text(text.replace("{folder}", folder.as_posix()), encoding="utf-8")
    return resources


def _flags(group: Group, resources: Path, ports: Sequence[int], app_port: int) -> list[str]:
    http, grpc, internal, metrics, public = ports
    given = [flag.replace("{folder}", resources.parent.as_posix()) for flag in group.flags]
    flags = [
        f"--app-id={APP_ID}",
        f"--dapr-http-port={http}",
        f"--dapr-grpc-port={grpc}",
        f"--dapr-internal-grpc-port={internal}",
        f"--metrics-port={metrics}",
        f"--resources-path={resources}",
        "--dapr-listen-addresses=127.0.0.1",
        "--mode=standalone",
        "--log-level=debug",
        f"--dapr-public-port={public}",
        "--dapr-public-listen-address=127.0.0.1",
        *([f"--app-port={app_port}"] if group.app else []),
        *(["--app-protocol=grpc"] if group.grpc else []),
    ]
    return [*flags, *given]


async def until_ready(sidecar: Running) -> None:
    """Wait until it says that it is healthy. Raises AssertionError, with its log, if it ends before."""
    async with asyncio.timeout(PATIENCE):
        while sidecar.process.returncode is None:
            answer = await exchange(sidecar.port, "GET", "/v1.0/healthz", b"", {})
            if isinstance(answer, Answer) and answer.status == 204:
                return
            await asyncio.sleep(0.03)
    log = (sidecar.folder / "log").read_text(encoding="utf-8")
    raise AssertionError(f"{sidecar.name} ended with {sidecar.process.returncode} at its start:\n{log}")


async def log_of_a_failed_start(program: Program, group: Group, folder: Path) -> str:
    """What `program` logged until it ended by itself, because `group` cannot be set up.

    Its exit is waited for, not its health: a daprd that is about to end may say that it is healthy. Raises
    TimeoutError if it goes on, and AssertionError if it ends without an error.
    """
    async with launched(program, group, folder) as sidecar, asyncio.timeout(PATIENCE):
        status = await sidecar.process.wait()
    assert status != 0, f"{sidecar.name} ended without an error"
    return (folder / "log").read_text(encoding="utf-8")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 10)
    except TimeoutError:
        process.kill()
        await process.wait()


def _inherited() -> dict[str, str]:
    """This process's variables, without what would change how a sidecar behaves."""
    ours = ("DAPR_", "APP_", "OTEL_", "NAMESPACE", "POD_NAME", "OUTBOARD_")
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(ours)}
