"""The seam around handlers: every run of every kind of handler passes it, in one order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from outboard import Event, Outboard
from outboard.hops.journal import Journal
from outboard.kit.subscriptions.chain import CallHandler, Middleware, chained
from outboard.kit.subscriptions.declaration import Declaration
from outboard.kit.subscriptions.endpoint import HandlerCall
from outboard.kit.subscriptions.outcomes import Attempts, DeadLetterSettings
from outboard.kit.subscriptions.registry import Registry
from outboard.kit.subscriptions.result import ENDED, HandlerRun
from outboard.kit.telemetry.messaging import Messaging
from outboard.kit.topic import Topic
from outboard.kit.topics.connections import Connections
from support.scripted import FakeClock

pytestmark = pytest.mark.anyio

STRUCTURED = {"content-type": "application/cloudevents+json"}


def event(number: int) -> dict[str, object]:
    return {"specversion": "1.0", "id": str(number), "source": "s", "type": "t", "data": number}


def bulk(*numbers: int) -> dict[str, object]:
    entries = [{"entryId": str(number), "event": event(number)} for number in numbers]
    return {"type": "com.dapr.event.sent.bulk", "id": "b", "entries": entries}


def session() -> None: ...


class Seen:
    """What passed a middleware of this name, before and behind the handler."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def middleware(self, name: str) -> Middleware:
        def link(call_next: CallHandler, declaration: Declaration) -> CallHandler:
            async def call(call: HandlerCall) -> HandlerRun:
                ids = ",".join(received.identity()[1] for received in call.received)
                self.steps.append(f"{name} {declaration.topic} {ids}")
                run = await call_next(call)
                self.steps.append(f"{name} {'raised' if run.error else 'ended'}")
                return run

            return call

        return link


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def app() -> FastAPI:
    return FastAPI()


def dead_letter_settings(clock: FakeClock) -> DeadLetterSettings:
    telemetry = Messaging("http://127.0.0.1")
    return DeadLetterSettings(
        Connections(), Attempts(), "todo", 1.0, clock, Journal("todo", clock), telemetry
    )


@pytest.fixture
def topic(board: Outboard, clock: FakeClock, seen: Seen, app: FastAPI) -> Topic[int]:
    """A topic whose handlers have two middlewares."""
    dead_letters = dead_letter_settings(clock)
    registry = Registry(
        dead_letters, "", [seen.middleware("outer"), seen.middleware("inner")], Messaging("http://127.0.0.1")
    )
    registry.mount(app)
    return replace(board.topic("tasks", int), registry=registry)


async def deliver(app: FastAPI, body: object, content_type: str = STRUCTURED["content-type"]) -> object:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        answer = await client.post("/on", content=json.dumps(body), headers={"content-type": content_type})
    return answer.json()


async def test_a_handler_that_is_called_directly(app: FastAPI, topic: Topic[int], seen: Seen) -> None:
    @topic.subscribe("/on")
    async def on_task(event: Event[int]) -> None:
        seen.steps.append(f"handled {event.data}")

    assert await deliver(app, event(1)) == {"status": "SUCCESS"}
    assert seen.steps == ["outer tasks 1", "inner tasks 1", "handled 1", "inner ended", "outer ended"]


async def test_a_handler_with_dependencies(app: FastAPI, topic: Topic[int], seen: Seen) -> None:
    app.dependency_overrides[session] = lambda: seen.steps.append("opened")

    @topic.subscribe("/on")
    async def on_task(event: Event[int], opened: Annotated[None, Depends(session)]) -> None:
        raise RuntimeError("no")

    assert await deliver(app, event(1)) == {"status": "RETRY"}
    assert seen.steps == ["outer tasks 1", "inner tasks 1", "opened", "inner raised", "outer raised"]


async def test_each_event_of_a_bulk_delivery(app: FastAPI, topic: Topic[int], seen: Seen) -> None:
    @topic.subscribe("/on", bulk=True)
    async def on_task(event: Event[int]) -> None:
        seen.steps.append(f"handled {event.data}")

    await deliver(app, bulk(1, 2), "application/json")
    each = [
        [f"outer tasks {n}", f"inner tasks {n}", f"handled {n}", "inner ended", "outer ended"] for n in (1, 2)
    ]
    assert seen.steps == [*each[0], *each[1]]


async def test_a_batch_is_one_run(app: FastAPI, topic: Topic[int], seen: Seen) -> None:
    @topic.subscribe_batch("/on")
    async def on_tasks(events: Sequence[Event[int]]) -> None:
        seen.steps.append(f"handled {len(events)}")

    await deliver(app, bulk(1, 2), "application/json")
    assert seen.steps == ["outer tasks 1,2", "inner tasks 1,2", "handled 2", "inner ended", "outer ended"]


async def test_a_middleware_may_answer_in_place_of_the_handler(
    app: FastAPI, board: Outboard, clock: FakeClock, topic: Topic[int]
) -> None:
    def known(call_next: CallHandler, _: Declaration) -> CallHandler:
        async def call(call: HandlerCall) -> HandlerRun:
            return ENDED

        return call

    registry = Registry(dead_letter_settings(clock), "", [known], Messaging("http://127.0.0.1"))
    registry.mount(app)

    @replace(topic, registry=registry).subscribe("/on")
    async def on_task(event: Event[int]) -> None:
        raise AssertionError

    assert await deliver(app, event(1)) == {"status": "SUCCESS"}


async def test_what_cannot_be_read_never_comes_to_a_middleware(
    app: FastAPI, topic: Topic[int], seen: Seen
) -> None:
    @topic.subscribe("/on", dead_letter=None, on_invalid="drop")
    async def on_task(event: Event[int]) -> None:
        raise AssertionError

    assert await deliver(app, {**event(1), "data": "no number"}) == {"status": "DROP"}
    assert not seen.steps


def test_without_middlewares_there_is_nothing_in_between(board: Outboard, topic: Topic[int]) -> None:
    @topic.subscribe("/on")
    async def on_task(event: Event[int]) -> None: ...

    declaration = topic.registry._declared[0][0]
    found = [chained((), declaration), chained((), declaration)]
    assert found[0] is found[1]
