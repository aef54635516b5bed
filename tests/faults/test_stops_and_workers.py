"""An app that is asked to stop again and again, and one of four workers: each event is applied once.

On SIGTERM the handlers in flight come to their end and the relay writes down what it has published, so that
nothing comes a second time.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, create_engine, text

from faults.sidecars import Beside, component, sidecar_beside
from support.processes import PATIENCE, Program, eventually, free_ports, running

HERE = Path(__file__).parent
KEYS = 8
WITHIN = 10.0
"""Seconds: an app that is asked to stop has ended by then."""

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program could answer"),
]


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


@contextmanager
def counting(folder: Path, url: str, workers: int = 1) -> Iterator[Counting]:
    (port,) = free_ports(1)
    with ExitStack() as stack:
        log = component(
            "pubsub",
            "pubsub.sqlite",
            connectionString=(folder / "log.db").as_posix(),
            backOffDuration="100ms",
        )
        starting = sidecar_beside(folder, {"pubsub.yaml": log}, app_port=port, ready=False)
        beside = stack.enter_context(starting)
        engine = create_engine(url)
        stack.callback(engine.dispose)
        variables = {
            "APP_ID": "shop",
            "DAPR_HTTP_PORT": str(beside.port),
            "DATABASE_URL": url,
            "RUNS": str(folder / "runs.txt"),
            "ECHOES": str(folder / "echoes.txt"),
        }
        _make_tables(folder, variables)
        yield Counting(folder, port, beside, engine, variables, workers)


def _make_tables(folder: Path, variables: dict[str, str]) -> None:
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


def test_stopping_in_the_middle_repeats_nothing(tmp_path: Path) -> None:
    url, events, stops = f"sqlite:///{tmp_path / 'shop.db'}", 60, 3
    with counting(tmp_path, url) as service:
        for turn in range(stops):
            with service.serving() as program:
                before = len(service.noted("runs"))
                service.publish(turn * events // stops, events // stops)
                eventually(lambda: len(service.noted("runs")) > before, lambda: program.output, program)  # noqa: B023
                assert sum(map(len, service.applied().values())) < (turn + 1) * events // stops
                stop(program)
        with service.serving() as program:
            wait_for_all(service, events, program)
        runs, echoes = service.noted("runs"), service.noted("echoes")

        assert sorted(runs) == sorted(f"e{number}" for number in range(events))
        assert sorted(echoes) == sorted(f"echo-e{number}" for number in range(events))
        assert sum(map(len, service.applied().values())) == events


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_four_workers_apply_each_event_once_and_in_order(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    events = 80
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    if database == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    with counting(tmp_path, url, workers=4) as service, service.serving() as program:
        service.publish(0, events)
        service.publish(0, events // 2)  # again, with the same ids
        wait_for_all(service, events, program)
        eventually(lambda: _waiting(service.engine) == 0, lambda: program.output, program)

        expected = {f"k{key}": list(range(key, events, KEYS)) for key in range(KEYS)}
        assert dict(service.applied()) == expected
        assert sorted(service.noted("echoes")) == sorted(f"echo-e{number}" for number in range(events))


def _waiting(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM outboard_outbox")).scalar_one())
