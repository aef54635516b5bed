"""The to-do system while a sidecar is away: tasks are created, and their events arrive when it is back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.kafka import KafkaBroker
from support.redis import RedisServer
from support.todo_processes import (
    BACKEND,
    BACKEND_SIDECAR,
    NOTIFICATION,
    NOTIFICATION_SIDECAR,
    TodoProcesses,
    todo_processes,
)

TASKS = 12


@dataclass(frozen=True)
class Setup:
    """`components` is the folder of the example; daprd has no log in a file, so it has Kafka."""

    components: str
    is_daprd: bool = False
    is_on_postgresql: bool = False

    def __str__(self) -> str:
        sidecar, database = "daprd" if self.is_daprd else "outboard", "-postgresql" * self.is_on_postgresql
        return f"{sidecar}-{self.components}{database}"


SETUPS = [
    Setup("local"),
    Setup("local", is_on_postgresql=True),
    Setup("kafka-redis"),
    Setup("kafka-redis", is_daprd=True, is_on_postgresql=True),
]


@pytest.fixture(params=SETUPS, ids=str)
def todo(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TodoProcesses]:
    setup: Setup = request.param
    daprd: Path | None = request.getfixturevalue("daprd") if setup.is_daprd else None
    variables: dict[str, str] = {}
    if setup.components == "kafka-redis":
        kafka: KafkaBroker = request.getfixturevalue("own_kafka")
        redis: RedisServer = request.getfixturevalue("own_redis")
        variables = {"KAFKA_BROKERS": kafka.address, "REDIS_HOST": redis.address, "REDIS_PASSWORD": ""}
    databases: Mapping[str, str] = {}
    if setup.is_on_postgresql:
        databases = dict.fromkeys((BACKEND, NOTIFICATION), request.getfixturevalue("postgresql_url"))
    with todo_processes(tmp_path, setup.components, daprd, databases, **variables) as system:
        yield system


def titles(notifications: list[dict[str, Any]]) -> list[str]:
    return [each["data"]["title"] for each in notifications]


@pytest.mark.timeout(240)
def test_todo_events_arrive_once_when_the_sidecars_are_back(todo: TodoProcesses) -> None:
    """No sidecar at first; then one is killed between two events, and then the consumer with its sidecar."""
    todo.start(NOTIFICATION)
    todo.start(BACKEND)
    before = [todo.create(f"before {number}")["title"] for number in range(TASKS)]
    assert "Published to" not in todo.said(BACKEND)
    todo.start(BACKEND_SIDECAR)
    todo.start(NOTIFICATION_SIDECAR)
    assert sorted(titles(todo.notified(TASKS))) == sorted(before)

    todo.kill(BACKEND_SIDECAR)
    between = [todo.create(f"between {number}")["title"] for number in range(TASKS)]
    todo.start(BACKEND_SIDECAR)
    todo.kill(NOTIFICATION_SIDECAR)
    todo.kill(NOTIFICATION)
    after = [todo.create(f"after {number}")["title"] for number in range(TASKS)]
    todo.start(NOTIFICATION)
    todo.start(NOTIFICATION_SIDECAR)
    notifications = todo.notified(3 * TASKS)

    assert sorted(titles(notifications)) == sorted([*before, *between, *after])
    assert len({each["event_id"] for each in notifications}) == 3 * TASKS
    assert "Published to task-events: " in todo.said(BACKEND)
    assert todo.said(NOTIFICATION).count("TASK EVENT RECEIVED") >= 3 * TASKS
    assert todo.stop(BACKEND) == todo.stop(NOTIFICATION) == 0
    assert "Traceback" not in todo.said(BACKEND) + todo.said(NOTIFICATION)
