"""The to-do system is one and the same on every engine: the components change, its code and answers do not.

Either sidecar, or one of each, and behind them memory, Kafka with Redis, or Redis alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.kafka import KafkaBroker
from support.processes import eventually
from support.redis import RedisServer
from support.todo import TodoSystem, todo_system, todo_system_apart

OWN, DAPRD = "outboard", "daprd"
EMBEDDED, KAFKA, REDIS = "local", "kafka-redis", "redis"


@dataclass(frozen=True)
class Setup:
    """The sidecars of the two services, and the folder of components that both load."""

    backend: str
    notification: str
    components: str

    def __str__(self) -> str:
        sidecars = (
            self.backend if self.backend == self.notification else f"{self.backend}-{self.notification}"
        )
        return f"{sidecars} on {self.components}"


SETUPS = [
    Setup(OWN, OWN, EMBEDDED),
    Setup(OWN, OWN, KAFKA),
    Setup(OWN, OWN, REDIS),
    Setup(DAPRD, DAPRD, KAFKA),
    Setup(DAPRD, DAPRD, REDIS),
    Setup(DAPRD, OWN, KAFKA),
    Setup(OWN, DAPRD, KAFKA),
]


@pytest.fixture(params=SETUPS, ids=str)
def todo(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TodoSystem]:
    """The system on one setup, its engines fresh."""
    setup: Setup = request.param
    variables = _addresses(setup, request.getfixturevalue)
    of = {OWN: [], DAPRD: ["--engine", "daprd"]}
    if DAPRD in (setup.backend, setup.notification):
        of[DAPRD] += ["--daprd-path", str(request.getfixturevalue("daprd"))]
    components = ["--resources", f"components/{setup.components}"]
    folder = tmp_path / "todo"
    if setup.backend == setup.notification:
        system = todo_system(folder, *of[setup.backend], *components, **variables)
    else:
        backend, notification = of[setup.backend] + components, of[setup.notification] + components
        system = todo_system_apart(folder, backend, notification, **variables)
    with system as running:
        yield running


def _addresses(setup: Setup, fixture: Callable[[str], Any]) -> dict[str, str]:
    """Start what the components need; the variables that they read its addresses from."""
    variables = {"REDIS_PASSWORD": ""}
    if setup.components in (KAFKA, REDIS):
        redis: RedisServer = fixture("own_redis")
        variables["REDIS_HOST"] = redis.address
    if setup.components == KAFKA:
        kafka: KafkaBroker = fixture("own_kafka")
        variables["KAFKA_BROKERS"] = kafka.address
    return variables


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client


@pytest.mark.timeout(180)
def test_todo_system_answers_the_same_on_every_engine(client: httpx.Client, todo: TodoSystem) -> None:
    _changes_arrive_in_order(client, todo)
    _preferences_are_kept(client, todo)
    assert {each.interrupt() for each in (todo.program, todo.consumer)} == {0}
    assert "Traceback" not in todo.program.output + todo.consumer.output


def _changes_arrive_in_order(client: httpx.Client, todo: TodoSystem) -> None:
    tasks = f"{todo.backend}/tasks"
    task = client.post(tasks, json={"title": "Milk", "description": "größer, 2 l"}).json()
    url = f"{tasks}/{task['id']}"
    updated = client.patch(url, json={"title": "Oat milk"}).json()
    completed = client.post(f"{url}/complete").json()
    assert client.delete(url).status_code == 204

    events = _notifications(client, todo, 4)

    assert [event["action"] for event in events] == ["created", "updated", "completed", "deleted"]
    assert [event["data"] for event in events] == [task, updated, completed, completed]
    assert {event["source"] for event in events} == {"backend"}
    todo.program.wait_for("Published to task-events: ")
    todo.consumer.wait_for("TASK EVENT RECEIVED")


def _notifications(client: httpx.Client, todo: TodoSystem, count: int) -> list[dict[str, Any]]:
    """All notifications, oldest first, once there are `count`."""

    def enough() -> list[dict[str, Any]] | None:
        latest: list[dict[str, Any]] = client.get(f"{todo.notification}/notifications").json()
        return latest[::-1] if len(latest) >= count else None

    found = eventually(enough, lambda: todo.program.output + todo.consumer.output, todo.consumer)
    assert found is not None
    return found


def _preferences_are_kept(client: httpx.Client, todo: TodoSystem) -> None:
    url = f"{todo.backend}/api/state/ana"
    value = {"theme": "dark", "nested": {"list": [1, 2.5, None, "ü"]}}
    assert client.get(url).status_code == 404
    assert client.post(url, json=value).json() == {"success": True}
    assert client.get(url).json() == value
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404
