"""The service `counting_service` on one database, beside one sidecar; started as often as wanted."""

from __future__ import annotations

import os
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import Engine, text

from faults.sidecars import Beside
from support.processes import PATIENCE, Program, eventually, running

__all__ = ["KEYS", "Counting", "make_tables", "stop", "variables_of", "wait_for_all", "waiting"]

HERE = Path(__file__).parent
KEYS = 8
WITHIN = 10.0
"""Seconds: an app that is asked to stop has ended by then."""


@dataclass
class Counting:
    """The service `counting_service`, on one database, beside one sidecar."""

    folder: Path
    port: int
    beside: Beside
    engine: Engine
    variables: dict[str, str]
    workers: int = 1

    @contextmanager
    def serving(self) -> Iterator[Program]:
        command = [sys.executable, "-m", "uvicorn", "counting_service:app", "--app-dir", str(HERE)]
        command += ["--port", str(self.port), "--log-level", "warning"]
        if self.workers > 1:  # on a busy machine they need longer than the 5 s after which uvicorn kills them
            command += ["--workers", str(self.workers), "--timeout-worker-healthcheck", "60"]
        with running(command, self.folder, **self.variables) as program:
            eventually(self._is_up, lambda: program.output, program, 4 * PATIENCE)
            yield program
            assert "dead letter" not in program.output

    def publish(self, first: int, count: int) -> None:
        for number in range(first, first + count):
            key = f"k{number % KEYS}"
            event = {"specversion": "1.0", "id": f"e{number}", "source": "test", "type": "order"}
            answer = self.beside.http.post(
                f"/v1.0/publish/pubsub/orders?metadata.partitionKey={key}",
                json={**event, "data": {"key": key, "value": number}},
                headers={"content-type": "application/cloudevents+json"},
            )
            assert answer.status_code == 204, answer.text

    def noted(self, name: str) -> list[str]:
        file = self.folder / f"{name}.txt"
        return file.read_text(encoding="utf-8").split() if file.exists() else []

    def applied(self) -> dict[str, list[int]]:
        """The values of each key, in the order in which they were applied."""
        found: dict[str, list[int]] = defaultdict(list)
        with self.engine.connect() as connection:
            for key, value in connection.execute(text("SELECT key, value FROM applied ORDER BY number")):
                found[key].append(value)
        return found

    def _is_up(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self.port}/healthz"
            return httpx.get(url, trust_env=False).is_success
        except httpx.TransportError:
            return False


def stop(program: Program) -> None:
    """As Kubernetes does it: SIGTERM, and the app ends by itself, in time."""
    os.kill(program.pid, signal.SIGTERM)
    program.wait_for_end(WITHIN)


def variables_of(folder: Path, url: str, port: int) -> dict[str, str]:
    """Of the service beside a sidecar at `port`."""
    return {
        "APP_ID": "shop",
        "DAPR_HTTP_PORT": str(port),
        "DATABASE_URL": url,
        "RUNS": str(folder / "runs.txt"),
        "ECHOES": str(folder / "echoes.txt"),
    }


def make_tables(folder: Path, variables: dict[str, str]) -> None:
    """Once, before any worker asks for them."""
    program = "import counting_service as service; service.Base.metadata.create_all(service.engine)"
    with running([sys.executable, "-c", program], folder, **variables, PYTHONPATH=str(HERE)) as made:
        eventually(lambda: made.ended, lambda: made.output)
        assert made.output == ""


def wait_for_all(service: Counting, count: int, program: Program) -> None:
    def told() -> str:
        counts = f"{len(service.noted('runs'))} runs, {len(service.noted('echoes'))} echoes of {count}"
        return f"{counts}\n{program.output}\n{service.beside.program.output}"

    while (before := len(set(service.noted("echoes")))) < count:
        eventually(lambda: len(set(service.noted("echoes"))) > before, told, program, 4 * PATIENCE)


def waiting(engine: Engine) -> int:
    """How many events are in the outbox."""
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM outboard_outbox")).scalar_one())
