"""The notification service with the real sidecar beside it: what it makes of events, good and bad."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from events import TASK_EVENTS, Task, TaskEvent
from notification.board import board, letters, task_events
from outboard.testing import Harness

pytestmark = pytest.mark.anyio


def created(task_id: int) -> TaskEvent:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    task = Task(id=task_id, title="Milk", description="", completed=False, created_at=now, updated_at=now)
    return TaskEvent.of("created", task)


async def test_subscription_is_announced(notification_client: httpx.AsyncClient) -> None:
    subscriptions = (await notification_client.get("/dapr/subscribe")).json()

    assert {"pubsubname": "kafka-pubsub", "topic": "task-events", "route": "/events/task"} in subscriptions
    assert {each["topic"] for each in subscriptions} == {"task-events", "task-events-dead"}


async def test_event_becomes_a_notification(
    outboard: Harness, notification_client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    published = await task_events.publish(created(7), key="7")
    await outboard.handled(task_events)

    (notification,) = (await notification_client.get("/notifications")).json()

    assert notification["event_id"] == published.id
    assert notification["action"] == "created"
    assert notification["task_id"] == 7
    assert notification["data"] == created(7).data.model_dump(mode="json")
    assert "TASK EVENT RECEIVED" in caplog.messages
    assert "Event: created (task 7)" in caplog.messages


async def test_event_that_arrives_twice_is_one_notification(
    outboard: Harness, notification_client: httpx.AsyncClient
) -> None:
    published = await task_events.publish(created(7))
    await task_events.publish_event(published)
    await outboard.settled()

    assert len(outboard.deliveries(task_events)) == 2
    assert len((await notification_client.get("/notifications")).json()) == 1


async def test_event_of_the_wrong_shape_becomes_a_dead_letter(
    outboard: Harness, notification_client: httpx.AsyncClient
) -> None:
    await board.publish(TASK_EVENTS, {"action": "exploded", "task_id": 7}, id="poison")
    await task_events.publish(created(8))
    letter = await outboard.dead_lettered(task_events)
    await outboard.settled()
    (collected,) = await letters.find()

    assert letter.event_id == collected.event_id == "poison"
    assert "data.action" in letter.reason
    assert [item["task_id"] for item in (await notification_client.get("/notifications")).json()] == [8]


async def test_change_in_the_backend_is_told_by_the_notification_service(
    outboard: Harness, notification_client: httpx.AsyncClient, backend_client: httpx.AsyncClient
) -> None:
    task = (await backend_client.post("/tasks", json={"title": "Milk"})).json()
    await backend_client.delete(f"/tasks/{task['id']}")
    await outboard.settled()

    notifications = (await notification_client.get("/notifications")).json()

    assert [item["action"] for item in notifications] == ["deleted", "created"]
    assert [item["data"] for item in notifications] == [task, task]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("http://localhost:8000", True), ("http://127.0.0.1:9", True), ("http://localhost.example", False)],
)
async def test_only_pages_of_this_machine_may_read(
    notification_client: httpx.AsyncClient, origin: str, allowed: bool
) -> None:
    answer = await notification_client.get("/notifications", headers={"Origin": origin})

    assert ("access-control-allow-origin" in answer.headers) is allowed
