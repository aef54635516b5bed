"""The system under test: writers, relays, two services and their sidecars, over a database and a broker."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chaos.brokers import Broker, opened_broker
from chaos.databases import ROOT, Database, opened_database
from chaos.programs import Guard, Program
from chaos.proxy import CuttingProxy, proxying
from chaos.settings import Settings
from support.processes import free_ports, outboard

__all__ = ["APP_ID", "WRITERS", "System", "running_system"]

WRITERS: Final = 3
WORKERS: Final = 4
APP_ID: Final = "ledger"
IN_FLIGHT: Final = 256
"""What a relay sends before it has written down what became of it."""
RELAYS: Final = {"relay-1": 1, "relay-2": 1, "ledger-1": WORKERS}
"""How many relays each program has."""


@dataclass
class Ports:
    """Of one sidecar; `app` is where its app listens, or a proxy before it."""

    http: int
    grpc: int
    internal: int
    metrics: int
    app: int = 0
    app_host: str = "127.0.0.1"


@dataclass
class System:
    """`programs` by name; those that are `down` are not started by the supervisor."""

    folder: Path
    database: Database
    broker: Broker
    programs: Mapping[str, Program]
    ports: Mapping[str, Ports]
    app_ports: Mapping[str, int]
    publishing: tuple[CuttingProxy, ...]
    delivery: tuple[CuttingProxy, ...]
    loop: asyncio.AbstractEventLoop
    secrets: Mapping[str, str]
    environment: Mapping[str, str]
    down: set[str]

    @property
    def writers(self) -> list[str]:
        return [name for name in self.programs if name.startswith("writer")]

    @property
    def sidecars(self) -> list[str]:
        return [name for name in self.programs if name.startswith("sidecar")]

    @property
    def clients_of_the_database(self) -> list[str]:
        """All who have its files open."""
        return [name for name in self.programs if not name.startswith("sidecar")]

    def allow(self, part: float) -> None:
        """Let each writer commit so much of its share."""
        file = self.folder / "allowance"
        fresh = file.with_suffix(".new")
        fresh.write_text(f"{part:.6f}")
        fresh.replace(file)

    def mend(self) -> None:
        """From now on, what was poison can be handled."""
        (self.folder / "mended").touch()


@contextmanager
def running_system(settings: Settings, folder: Path) -> Iterator[System]:
    """All of it, started; ended at the end of the block. Raises LookupError for an engine that is missing."""
    with ExitStack() as stack:
        database = stack.enter_context(opened_database(settings.database, folder))
        broker = stack.enter_context(opened_broker(settings.broker, folder))
        guard = Guard()
        stack.callback(guard.close)
        system = _assembled(settings, folder, database, broker, guard, stack)
        system.allow(0.0)
        try:
            for program in system.programs.values():
                program.start()
            yield system
        finally:
            for program in system.programs.values():
                program.kill()


def _assembled(
    settings: Settings, folder: Path, database: Database, broker: Broker, guard: Guard, stack: ExitStack
) -> System:
    ports = {f"sidecar-{number}": _ports() for number in range(3)}
    app_ports = dict(zip(("ledger-1", "ledger-2"), free_ports(2), strict=True))
    first, second, third = free_ports(3)
    host = _own_host()
    ports["sidecar-1"].app, ports["sidecar-2"].app = app_ports["ledger-1"], third
    ports["sidecar-1"].app_host = host
    publishing = tuple(CuttingProxy(port, ports["sidecar-0"].http) for port in (first, second))
    delivery = (CuttingProxy(third, app_ports["ledger-2"], host, patient=True),)
    loop = stack.enter_context(proxying(*publishing, *delivery))
    tokens = {"DAPR_API_TOKEN": secrets.token_urlsafe(24), "APP_API_TOKEN": secrets.token_urlsafe(24)}
    environment = {**_environment(), **tokens}
    logs, resources = folder / "logs", folder / "resources"
    logs.mkdir()
    resources.mkdir()
    (resources / "pubsub.yaml").write_text(broker.component, encoding="utf-8")
    programs: dict[str, Program] = {}

    def add(name: str, command: list[str], **variables: str) -> None:
        log = logs / f"{name}.log"
        programs[name] = Program(name, command, {**environment, **variables}, log, guard)

    for name, each in ports.items():
        add(name, broker.sidecar("relays" if not each.app else APP_ID, each, resources))
    for name, sidecar, workers in (("ledger-1", "sidecar-1", WORKERS), ("ledger-2", "sidecar-2", 1)):
        more = {"ORDERS_URL": database.orders_url} if name == "ledger-1" else {"LEDGER_ASYNC": "1"}
        more |= {"LEDGER_URL": database.ledger_url, "MENDED": str(folder / "mended"), "APP_ID": APP_ID}
        more |= {"DAPR_HTTP_PORT": str(ports[sidecar].http), "MUTANT": settings.mutant}
        add(name, _uvicorn(host, app_ports[name], workers), **more)
    for name, proxy in zip(("relay-1", "relay-2"), publishing, strict=True):
        command = outboard("relay", "--dapr-http-port", str(proxy.port))
        add(name, command, OUTBOARD_DATABASE_URL=database.orders_url)
    for number in range(1, WRITERS + 1):
        add(f"writer-{number}", _writer(settings, number, folder), ORDERS_URL=database.orders_url)
    hidden = {text: f"the value of {name}" for name, text in tokens.items()}
    hidden |= dict.fromkeys(database.secrets, "the connection string, or the password in it")
    return System(
        folder, database, broker, programs, ports, app_ports, publishing, delivery, loop, hidden,
        environment, set(),
    )  # fmt: skip


def _ports() -> Ports:
    http, grpc, internal, metrics = free_ports(4)
    return Ports(http, grpc, internal, metrics)


def _own_host() -> str:
    """An address of loopback where nobody else listens, where there is more than one.

    While a service is down, a stranger may get its port: an answer of that one would count as the service's.
    """
    if not sys.platform.startswith("linux"):
        return "127.0.0.1"
    return ".".join(["127", *(str(secrets.randbelow(253) + 1) for _ in range(3))])


def _uvicorn(host: str, port: int, workers: int) -> list[str]:
    flags = ["--host", host, "--port", str(port), "--log-level", "info", "--no-access-log"]
    return [sys.executable, "-m", "uvicorn", "chaos.ledger:app", *flags, "--workers", str(workers)]


def _writer(settings: Settings, number: int, folder: Path) -> list[str]:
    share = settings.events // WRITERS + (number <= settings.events % WRITERS)
    given = {
        "number": str(number),
        "share": str(share),
        "keys": str(settings.keys),
        "seed": str(settings.seed),
        "note": str(folder / f"attempted-{number}.txt"),
        "allowance": str(folder / "allowance"),
    }
    flags = [part for name, value in given.items() for part in (f"--{name}", value)]
    return [sys.executable, "-m", "chaos.writer", *flags]


def _environment() -> dict[str, str]:
    """This process's, without what would lead a program elsewhere; with what the programs are imported by."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DAPR_", "APP_", "OUTBOARD_")) and not name.lower().endswith("_proxy")
    }
    path = os.pathsep.join([str(ROOT / "tests"), str(ROOT)])
    return {**inherited, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "NO_COLOR": "1"}
