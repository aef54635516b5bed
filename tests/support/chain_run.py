"""The chain of apps under `outboard run`, and what `outboard trace` says of one request to it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from support.processes import eventually, free_ports, outboard, running

__all__ = ["HOURS", "TracedRun", "chain_run"]

TESTS: Final = Path(__file__).parents[1]
HOURS: Final[Mapping[str, float]] = {"backend": 0.0, "billing": -1.0, "operator": 1.0, "mail": 0.5}
"""By how much the clock of each app is wrong."""


class TracedRun:
    """A run that has got one request, whose last event has come to its end. `home` is where runs are kept."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self._port = port
        self.event_id = self.post(7)

    def post(self, number: int) -> str:
        """Make one more task: the id of its event."""
        url = f"http://localhost:{self._port}/tasks/{number}"
        return str(httpx.post(url, trust_env=False, timeout=20).json())

    def trace(self, *arguments: str) -> str:
        """What `outboard trace` answers."""
        done = subprocess.run(
            outboard("trace", *arguments),
            env={**os.environ, **_home(self.home)},
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        return done.stdout

    def traced(self, *arguments: str) -> Any:
        """The same as values."""
        return json.loads(self.trace(*arguments, "-o", "json"))


@contextmanager
def chain_run(folder: Path, components: Mapping[str, str], *arguments: str) -> Iterator[TracedRun]:
    """Run the chain in `folder` with files of `components`, and `arguments` of `outboard run`."""
    (folder / "components").mkdir()
    for name, text in components.items():
        (folder / "components" / f"{name}.yaml").write_text(text, encoding="utf-8")
    port = _write(folder)
    variables = {**_home(folder), "PYTHONPATH": str(TESTS)}
    with running(outboard("run", *arguments), folder, **variables) as program:
        program.wait_for("ready\n")
        run = TracedRun(folder, port)
        eventually(lambda: _has_ended(folder), lambda: program.output, program)
        yield run


def _has_ended(home: Path) -> bool:
    files = home.glob(".outboard/runs/*/hops/*mail-kit*")
    return any(b'"outcome":"SUCCESS"' in file.read_bytes() for file in files)


def _home(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "USERPROFILE": str(home)}


def _write(folder: Path) -> int:
    """The run file; the port of the first app."""
    apps, ports = [], free_ports(3 * len(HOURS))
    for number, (name, hours) in enumerate(HOURS.items()):
        app, http, grpc = ports[3 * number : 3 * number + 3]
        apps.append(
            f"  - appID: {name}\n    appDirPath: .\n    appPort: {app}\n    daprHTTPPort: {http}\n"
            f"    daprGRPCPort: {grpc}\n"
            f"    command: [python, -m, support.chain_program, {name}, '{hours}']\n"
        )
    text = "version: 1\ncommon: {resourcesPath: components}\napps:\n" + "".join(apps)
    (folder / "dapr.yaml").write_text(text, encoding="utf-8")
    return ports[0]
