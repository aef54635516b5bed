"""What every benchmark needs: processes that last as long as a block, free ports, one round of a system."""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import psutil

HERE: Final = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))  # for `engines`, which is not installed
SERVICES: Final = HERE / "services"
LOG: Final = HERE / "last-run.log"
MIB: Final = 2**20
PACKAGES: Final = ("fastapi", "uvicorn", "aiohttp", "httpx", "pydantic")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(url: str, method: str = "GET", timeout: float = 600) -> tuple[int, bytes]:
    """Status and body; status 0 where nobody answers yet."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


@contextmanager
def process(
    command: list[str], environment: Mapping[str, str], folder: Path = SERVICES
) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the block lasts."""
    with LOG.open("ab") as log:
        running = subprocess.Popen(command, cwd=folder, env=dict(environment), stdout=log, stderr=log)
        try:
            yield running
        finally:
            running.terminate()
            running.wait(30)


def wait_until(what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {seconds:.0f} s; see {LOG}")
        time.sleep(0.02)


@dataclass(frozen=True)
class Load:
    """`publishers` at once send `events`; with `keys` 0 each event has a key of its own.

    `rate` events fall due in a second; with 0 each publisher sends the next when it has its answer.
    """

    way: str
    handler: str
    publishers: int
    events: int
    keys: int = 0
    rate: int = 0

    def command(self) -> list[str]:
        """Of the publisher."""
        numbers = map(str, (self.publishers, self.events, self.keys, self.rate))
        return [sys.executable, "publisher.py", self.way, *numbers]


@dataclass(frozen=True)
class Sidecar:
    """What stands beside the services: ours, or the daprd of this path; `components` is a resource folder."""

    components: Path
    daprd: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    modules: Sequence[Path] = ()
    """Folders of which all three import modules."""

    def command(self, app_id: str, ports: Mapping[str, int], app_port: int | None) -> list[str]:
        ours = [sys.executable, "-m", "outboard", "sidecar"]
        program = ours if self.daprd is None else [str(self.daprd.resolve())]
        flags = {"app-id": app_id, "resources-path": self.components, "log-level": "warn", **ports}
        if self.daprd is not None:
            flags |= {"mode": "standalone", "dapr-listen-addresses": "127.0.0.1"}
        if app_port is not None:
            flags["app-port"] = app_port
        return [*program, *(text for name, value in flags.items() for text in (f"--{name}", str(value)))]


@dataclass(frozen=True)
class System:
    """A consumer beside its sidecar, both up; `folder` is where the sidecar works."""

    app_port: int
    dapr_port: int
    consumer: psutil.Process
    sidecar: psutil.Process
    environment: Mapping[str, str]
    folder: Path

    def publish(self, load: Load) -> dict[str, float]:
        """Run the publisher to its end; what it reports. The consumer measures from its start."""
        ask(f"http://127.0.0.1:{self.app_port}/reset", "POST")
        done = subprocess.run(
            load.command(),
            cwd=SERVICES, env=dict(self.environment), stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
        published: dict[str, float] = json.loads(done.stdout)
        return published

    @contextmanager
    def publishing(self, load: Load) -> Iterator[None]:
        """The publisher runs as long as the block."""
        with process(load.command(), self.environment):
            yield

    def report(self, expected: float) -> dict[str, float]:
        """What the consumer measured, once it has handled `expected` events."""
        status, body = ask(f"http://127.0.0.1:{self.app_port}/report?expected={int(expected)}")
        if status != 200:
            raise SystemExit(f"the consumer answered {status}; see {LOG}")
        handled: dict[str, float] = json.loads(body)
        return handled


@contextmanager
def system(sidecar: Sidecar, handler: str) -> Iterator[System]:
    """A consumer with `handler` and its sidecar, in a folder of their own."""
    names = ("dapr-http-port", "dapr-grpc-port", "metrics-port", "dapr-internal-grpc-port")
    app_port, ports = free_port(), {name: free_port() for name in names}
    dapr_port = ports["dapr-http-port"]
    environment = {**os.environ, **sidecar.environment, "HANDLER": handler}
    environment |= {"DAPR_HTTP_PORT": str(dapr_port), "DAPR_GRPC_PORT": str(ports["dapr-grpc-port"])}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (*sidecar.modules, SERVICES)))
    app = [sys.executable, "-m", "uvicorn", "consumer:app", "--port", str(app_port), "--no-access-log"]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        consumer = stack.enter_context(process([*app, "--log-level", "warning"], environment))
        command = sidecar.command("bench", ports, app_port)
        beside = stack.enter_context(process(command, environment, folder))
        healthz = f"http://127.0.0.1:{dapr_port}/v1.0/healthz"
        wait_until("the sidecar", lambda: ask(healthz)[0] == 204)
        processes = psutil.Process(consumer.pid), psutil.Process(beside.pid)
        yield System(app_port, dapr_port, *processes, environment, folder)


def measure(sidecar: Sidecar, load: Load) -> dict[str, float]:
    """One round: events per second from the first publish to the last event handled, and what it cost."""
    with system(sidecar, load.handler) as running:
        began, before, busy = time.monotonic(), cpu_of(running.sidecar), busy_seconds()
        published = running.publish(load)
        handled = running.report(load.events + published["warm"])
        seconds = (handled["ended"] - published["started"]) / 1e6
        return {
            "events/s": load.events / seconds,
            **{name: handled[name] for name in ("p50", "p99", "p99.9")},
            "publish p50": published["p50"],
            "publish p99": published["p99"],
            "cpu publisher": published["cpu"] / load.events * 1e6,
            "cpu sidecar": (cpu_of(running.sidecar) - before) / load.events * 1e6,
            "cpu handler": handled["cpu"] / load.events * 1e6,
            "cores busy": (busy_seconds() - busy) / (time.monotonic() - began),
            "MiB publisher": published["rss"] / MIB,
            "MiB sidecar": running.sidecar.memory_info().rss / MIB,
            "MiB handler": running.consumer.memory_info().rss / MIB,
        }


def cpu_of(process: psutil.Process) -> float:
    """Its CPU seconds so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def busy_seconds() -> float:
    """CPU seconds of the whole machine so far, a broker's and everybody else's with them."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))


def print_machine() -> None:
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(", ".join(f"{name} {_version(name)}" for name in PACKAGES))
    print("times in ms from publish to handler, CPU in µs per event, resident memory in MiB")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(absent)"


def print_table(title: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """`rows` have the same columns, all of them numbers."""
    columns = list(next(iter(rows.values())))
    width = max(map(len, rows)) + 2
    print(f"\n{title}\n{'':{width}}" + "".join(f"{name:>15}" for name in columns))
    for name, values in rows.items():
        print(f"{name:{width}}" + "".join(f"{values[column]:15,.2f}" for column in columns))
