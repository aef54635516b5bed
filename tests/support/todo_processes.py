"""The to-do system with each service and each sidecar a program of its own, so that each can be killed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from support.processes import Program, eventually, free_ports, outboard, running
from support.todo import EXAMPLE

__all__ = [
    "BACKEND",
    "BACKEND_SIDECAR",
    "NOTIFICATION",
    "NOTIFICATION_SIDECAR",
    "TodoProcesses",
    "todo_processes",
]

BACKEND, NOTIFICATION = "backend", "notification"
BACKEND_SIDECAR, NOTIFICATION_SIDECAR = "backend's sidecar", "notification's sidecar"
SERVED = {"backend": "/tasks", "notification": "/notifications"}

Start = Callable[[], AbstractContextManager[Program]]


class TodoProcesses:
    """`programs` by name, those that run; `outputs` has what all of a name have said so far."""

    def __init__(self, starts: Mapping[str, Start], urls: Mapping[str, str], stack: ExitStack) -> None:
        self._starts = starts
        self._urls = urls
        self._stack = stack
        self._ended: dict[str, str] = {}
        self.programs: dict[str, Program] = {}
        self.http = stack.enter_context(httpx.Client(trust_env=False, timeout=20))

    def start(self, name: str) -> None:
        """Start it, and return when it serves."""
        program = self.programs[name] = self._stack.enter_context(self._starts[name]())
        if name in SERVED:
            eventually(lambda: self._serves(name), lambda: program.output, program)

    def kill(self, name: str) -> None:
        """End it at once, as SIGKILL does."""
        self.programs[name].kill()
        self._keep(name)

    def stop(self, name: str) -> int:
        """Ask it to stop; its exit code."""
        code = self.programs[name].interrupt()
        self._keep(name)
        return code

    def said(self, name: str) -> str:
        """What all programs of that name have said."""
        now = self.programs[name].output if name in self.programs else ""
        return self._ended.get(name, "") + now

    def url(self, app: str) -> str:
        """Where a service is."""
        return self._urls[app]

    def create(self, title: str) -> dict[str, Any]:
        """Create a task; the answer has to be 201."""
        answer = self.http.post(f"{self._urls[BACKEND]}/tasks", json={"title": title})
        assert answer.status_code == 201, answer.text
        task: dict[str, Any] = answer.json()
        return task

    def notified(self, count: int) -> list[dict[str, Any]]:
        """The notifications, oldest first, once there are `count`."""

        def enough() -> list[dict[str, Any]] | None:
            latest = self.http.get(f"{self._urls[NOTIFICATION]}/notifications").json()
            return latest[::-1] if len(latest) >= count else None

        found = eventually(enough, self.told)
        assert found is not None
        return found

    def told(self) -> str:
        """What everybody has said."""
        return "\n".join(f"--- {name}\n{self.said(name)}" for name in self._starts)

    def _serves(self, name: str) -> bool:
        try:
            return self.http.get(self._urls[name] + SERVED[name]).is_success
        except httpx.TransportError:
            return False

    def _keep(self, name: str) -> None:
        self._ended[name] = self.said(name)
        del self.programs[name]


@contextmanager
def todo_processes(
    folder: Path,
    components: str,
    daprd: Path | None = None,
    databases: Mapping[str, str] | None = None,
    **variables: str,
) -> Iterator[TodoProcesses]:
    """Nothing runs yet. The sidecars are ours, or those of `daprd`; both load `components` of the example.

    `databases` are URLs by app; each has a file in `folder` unless given. `variables` are for all programs.
    """
    starts: dict[str, Start] = {}
    urls: dict[str, str] = {}
    for app in (BACKEND, NOTIFICATION):
        app_port, *ports = map(str, free_ports(5))
        urls[app] = f"http://127.0.0.1:{app_port}"
        url = (databases or {}).get(app, f"sqlite:///{(folder / f'{app}.db').as_posix()}")
        own = {"APP_ID": app, "APP_PORT": app_port, "DAPR_HTTP_PORT": ports[0], "DATABASE_URL": url}
        starts[app] = _program([sys.executable, "-m", app], EXAMPLE, {**variables, **own})
        resources = str(EXAMPLE / "components" / components)
        command = _sidecar(daprd, app, app_port, ports, resources)
        starts[f"{app}'s sidecar"] = _program(command, folder, variables)
    with ExitStack() as stack:
        yield TodoProcesses(starts, urls, stack)


def _sidecar(daprd: Path | None, app: str, app_port: str, ports: list[str], resources: str) -> list[str]:
    http_port, grpc_port, internal_port, metrics_port = ports
    flags = ["--app-id", app, "--app-port", app_port, "--resources-path", resources]
    flags += ["--dapr-http-port", http_port, "--dapr-grpc-port", grpc_port]
    if daprd is None:
        return outboard("sidecar", *flags)
    flags += ["--dapr-internal-grpc-port", internal_port, "--metrics-port", metrics_port]
    return [str(daprd), *flags, "--dapr-listen-addresses", "127.0.0.1", "--mode", "standalone"]


def _program(command: list[str], folder: Path, variables: Mapping[str, str]) -> Start:
    return lambda: running(command, folder, **variables)
