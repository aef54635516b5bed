from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel

from outboard import Drop, Event, Outboard, PubSubNotFound
from outboard.errors import DuplicateSubscription
from outboard.testing import HandlerHung, Harness, NotSeen
from outboard.wire.http import Request as HttpRequest

pytestmark = pytest.mark.anyio


FIVE_SECONDS = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: kafka-pubsub}
spec: {type: pubsub.in-memory, version: v1}
---
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: patient}
spec:
  policies:
    retries:
      DefaultPubsubComponentInboundRetryPolicy: {policy: constant, duration: 5s, maxRetries: -1}
"""


class Number(BaseModel):
    value: int


def board_of(app_id: str, environ: dict[str, str] | None = None) -> Outboard:
    return Outboard(app_id=app_id, pubsub="kafka-pubsub", environ=environ or {})


def app_of(board: Outboard) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What hangs is given less time."""
    monkeypatch.setattr("outboard.testing.harness.DRAIN_SECONDS", 0.05)
    monkeypatch.setattr("outboard.testing.in_flight.ENDING_SECONDS", 0.05)


async def test_an_event_goes_through_the_sidecar_to_its_handler(outboard: Harness) -> None:
    board = board_of("a")
    numbers = board.topic("numbers", Number)
    seen: list[Event[Number]] = []

    @numbers.subscribe("/numbers")
    async def handle(event: Event[Number]) -> None:
        seen.append(event)

    async with outboard.serving(app_of(board), board):
        sent = await numbers.publish(Number(value=1), key="k")
        event = await outboard.handled(numbers)
        await outboard.settled()
    assert event.id == sent.id == seen[0].id
    assert event.extensions["pubsubname"] == "kafka-pubsub"
    assert [published.data.value for published in outboard.published(numbers)] == [1]
    assert outboard.dead_letters(numbers) == []


@pytest.mark.parametrize("bulk", [False, True], ids=["alone", "in bulk"])
@pytest.mark.parametrize("policies", ["none", "five seconds"])
async def test_leaving_ends_the_attempts_of_a_handler_that_never_succeeds(
    tmp_path: Path, bulk: bool, policies: str, caplog: pytest.LogCaptureFixture
) -> None:
    folders = []
    if policies != "none":
        (tmp_path / "resources.yaml").write_text(FIVE_SECONDS, encoding="utf-8")
        folders = [tmp_path]
    board = board_of("a")
    numbers = board.topic("numbers", Number)
    attempts = 0

    @numbers.subscribe("/numbers", bulk=bulk)
    async def handle(event: Event[Number]) -> None:
        nonlocal attempts
        attempts += 1
        raise OSError("the database is away")

    outboard = Harness(folders)
    async with outboard.serving(app_of(board), board):
        await numbers.publish(Number(value=1))
        await outboard.retried(numbers, times=40)
        before = attempts
    assert attempts <= before + 10, "thirty seconds of the fixture's clock"
    assert "still being handled" not in caplog.text
    told = [record for record in caplog.records if "not handled" in record.getMessage()]
    assert len([record for record in told if record.levelno > logging.DEBUG]) <= 2 * (10 + 2)


@pytest.mark.parametrize("bulk", [False, True], ids=["alone", "in bulk"])
async def test_leaving_cancels_a_handler_that_never_returns_and_names_it(
    outboard: Harness, impatient: None, bulk: bool, caplog: pytest.LogCaptureFixture
) -> None:
    board = board_of("a")
    numbers = board.topic("numbers", Number)
    begun, ended = asyncio.Event(), asyncio.Event()

    @numbers.subscribe("/numbers", bulk=bulk)
    async def wait_for_ever(event: Event[Number]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.warns(HandlerHung, match=r"handler .*wait_for_ever \(.*\) had not returned from event 'e1'"):
        async with asyncio.timeout(10), outboard.serving(app_of(board), board):
            await numbers.publish(Number(value=1), id="e1")
            await begun.wait()
    assert ended.is_set()
    assert "still being handled after 0.05 s" in caplog.text


async def test_what_a_test_raises_has_a_note_of_the_handler_that_never_returned(
    outboard: Harness, impatient: None
) -> None:
    board = board_of("a")
    numbers = board.topic("numbers", Number)

    @numbers.subscribe("/numbers")
    async def wait_for_ever(event: Event[Number]) -> None:
        await asyncio.Event().wait()

    with pytest.raises(NotSeen) as caught:
        async with outboard.serving(app_of(board), board):
            await numbers.publish(Number(value=1), id="e1")
            await outboard.handled(numbers, timeout=0.01)
    (note,) = caught.value.__notes__
    assert "wait_for_ever" in note
    assert "event 'e1'" in note


async def test_a_handler_that_blocks_its_thread_is_left_to_it(outboard: Harness, impatient: None) -> None:
    board = board_of("a")
    numbers = board.topic("numbers", Number)
    begun, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    @numbers.subscribe("/numbers")
    def block(event: Event[Number]) -> None:
        loop.call_soon_threadsafe(begun.set)
        release.wait()

    try:
        with pytest.warns(HandlerHung, match=r"handler .*block \("):
            async with asyncio.timeout(10), outboard.serving(app_of(board), board):
                await numbers.publish(Number(value=1), id="e1")
                await begun.wait()
    finally:
        release.set()


async def test_a_handler_that_is_left_while_it_works_comes_to_its_end(outboard: Harness) -> None:
    board = board_of("a")
    numbers = board.topic("numbers", Number)
    begun, seen = asyncio.Event(), []

    @numbers.subscribe("/numbers")
    async def handle(event: Event[Number]) -> None:
        begun.set()
        await asyncio.sleep(0.05)
        seen.append(event.id)

    async with outboard.serving(app_of(board), board):
        await numbers.publish(Number(value=1), id="e1")
        await begun.wait()
    assert seen == ["e1"]


async def test_a_service_without_the_kit_that_never_answers_is_named_by_its_path(
    outboard: Harness, impatient: None
) -> None:
    begun = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        if scope["path"] == "/numbers":
            begun.set()
            await asyncio.Event().wait()
        body = b'[{"pubsubname": "kafka-pubsub", "topic": "numbers", "route": "/numbers"}]'
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    board = board_of("tester")
    with pytest.warns(HandlerHung, match=r"the handler at /numbers had not returned from event 'e1'"):
        async with asyncio.timeout(10), outboard.connected(board), outboard.serving(app, board, app_id="a"):
            await board.publish("numbers", {"value": 1}, id="e1")
            await begun.wait()


async def test_a_handler_that_ends_as_if_it_were_cancelled_gets_its_event_again(outboard: Harness) -> None:
    board = board_of("a")
    numbers = board.topic("numbers", Number)
    attempts: list[Event[Number]] = []

    @numbers.subscribe("/numbers")
    async def handle(event: Event[Number]) -> None:
        attempts.append(event)
        if len(attempts) == 1:
            raise asyncio.CancelledError  # what awaiting a task does that somebody else cancelled

    async with outboard.serving(app_of(board), board):
        await numbers.publish(Number(value=1))
        await outboard.retried(numbers)
        await outboard.handled(numbers)
    assert len(attempts) == 2


async def test_each_call_of_handled_gives_the_next_event(outboard: Harness) -> None:
    board = board_of("a")
    numbers = board.topic("numbers", Number)

    @numbers.subscribe("/numbers")
    async def handle(event: Event[Number]) -> None: ...

    async with outboard.serving(app_of(board), board):
        for value in range(3):
            await numbers.publish(Number(value=value))
        assert [(await outboard.handled(numbers)).data.value for _ in range(3)] == [0, 1, 2]


async def test_a_failing_handler_gets_the_event_again_without_delay(outboard: Harness) -> None:
    board = board_of("a")
    numbers = board.topic("numbers", Number)
    calls = 0

    @numbers.subscribe("/numbers")
    async def handle(event: Event[Number]) -> None:
        nonlocal calls
        calls += 1
        if calls < 4:
            raise ConnectionError("the database is away")

    async with outboard.serving(app_of(board), board):
        await numbers.publish(Number(value=1))
        third = await outboard.retried(numbers, times=3)
        await outboard.handled(numbers)
    assert third.attempt == 3
    assert [delivery.outcome for delivery in outboard.deliveries(numbers)] == ["RETRY"] * 3 + ["SUCCESS"]
    assert [delivery.attempt for delivery in outboard.deliveries(numbers)] == [1, 2, 3, 4]


async def test_poison_is_seen_with_its_reason(outboard: Harness) -> None:
    board = board_of("a")
    numbers = board.topic("numbers", Number)

    @numbers.subscribe("/numbers")
    async def handle(event: Event[Number]) -> None:
        raise Drop("not ours")

    async with outboard.serving(app_of(board), board):
        sent = await numbers.publish(Number(value=1))
        first = await outboard.dead_lettered(numbers)
        await board.publish("numbers", {"value": "many"})
        second = await outboard.dead_lettered(numbers)
    assert (first.event_id, first.reason, first.data, first.attempts) == (
        sent.id,
        "not ours",
        {"value": 1},
        1,
    )
    assert "data.value" in second.reason
    assert first.origin == "//a/kafka-pubsub/numbers#/numbers"


async def test_services_of_one_test_share_the_broker_and_the_store(outboard: Harness) -> None:
    one, two = board_of("one"), board_of("two")
    numbers = two.topic("numbers", Number)

    @numbers.subscribe("/numbers")
    async def handle(event: Event[Number]) -> None:
        await two.state().save("last", event.data.value)

    async with outboard.serving(app_of(one), one), outboard.serving(app_of(two), two):
        await one.publish("numbers", {"value": 7})
        await outboard.handled(numbers)
        assert await two.state().get("last") == 7
        assert await one.state().get("last") is None, "keys have the app id as prefix"


async def test_a_board_may_only_publish(outboard: Harness) -> None:
    board = board_of("script")
    numbers = board.topic("numbers", Number)
    async with outboard.connected(board):
        await numbers.publish(Number(value=1))
    assert [event.data.value for event in outboard.published(numbers)] == [1]


async def test_a_service_written_without_the_kit(outboard: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAPR_PUBSUB_NAME", "kafka-pubsub")
    monkeypatch.setenv("APP_ID", "plain")
    app = FastAPI()
    bodies: list[Any] = []

    @app.get("/dapr/subscribe")
    async def subscribe() -> list[dict[str, str]]:
        return [{"pubsubname": "kafka-pubsub", "topic": "numbers", "route": "/numbers"}]

    @app.post("/numbers")
    async def handle(request: Request) -> str:
        bodies.append(await request.json())
        return "fine"

    async with outboard.serving(app) as sidecar:
        body = json.dumps({"value": 3}).encode()
        publish = HttpRequest(
            "POST", "/v1.0/publish/kafka-pubsub/numbers", {"content-type": "application/json"}, body
        )
        answer = await sidecar(publish, 5)
        assert answer.status == 204
        await outboard.settled()
    assert bodies[0]["data"] == {"value": 3}
    assert bodies[0]["source"] == "plain"


async def test_the_app_can_publish_while_it_starts(outboard: Harness) -> None:
    board = board_of("a")
    numbers = board.topic("numbers", Number)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with board.lifespan(app):
            await numbers.publish(Number(value=1))
            yield

    app = FastAPI(lifespan=lifespan)
    board.mount(app)
    async with outboard.serving(app, board):
        pass
    assert len(outboard.published(numbers)) == 1


async def test_what_keeps_an_app_from_starting_is_raised(outboard: Harness) -> None:
    board = board_of("a")
    numbers = board.topic("numbers", Number)

    @numbers.subscribe("/one")
    async def one(event: Event[Number]) -> None: ...

    @numbers.subscribe("/two")
    async def two(event: Event[Number]) -> None: ...

    with pytest.raises(DuplicateSubscription) as caught:
        async with outboard.serving(app_of(board), board):
            pass
    assert "one" in caught.value.first
    assert "two" in caught.value.second


async def test_what_did_not_happen_is_told_with_what_did(outboard: Harness) -> None:
    board = board_of("a")
    numbers = board.topic("numbers", Number)

    repaired: list[bool] = []

    @numbers.subscribe("/numbers")
    async def handle(event: Event[Number]) -> None:
        if not repaired:
            raise ValueError("broken")

    async with outboard.serving(app_of(board), board):
        sent = await numbers.publish(Number(value=1))
        with pytest.raises(NotSeen) as caught:
            await outboard.handled(numbers, timeout=0.05)
        with pytest.raises(NotSeen, match="not every event was settled"):
            await outboard.settled(timeout=0.01)
        repaired.append(True)  # or its sidecar waits for it when it stops, as long as it would for a slow one
        await outboard.settled()
    assert f"{sent.id} of kafka-pubsub/numbers delivered RETRY" in str(caught.value)


async def test_nothing_published_is_told_too(outboard: Harness) -> None:
    board = board_of("a")
    async with outboard.connected(board):
        with pytest.raises(NotSeen, match="no event was published"):
            await outboard.handled(board.topic("numbers", Number), timeout=0.01)


async def test_a_topic_that_nobody_takes_is_told_with_the_near_one(outboard: Harness) -> None:
    board = board_of("shop")
    orders = board.topic("orders-created", Number)

    @orders.subscribe("/orders")
    async def handle(event: Event[Number]) -> None: ...

    async with outboard.serving(app_of(board), board):
        await board.publish("order-created", Number(value=1))
        with pytest.raises(NotSeen) as caught:
            await outboard.handled(orders, timeout=0.05)
    told = "no app takes 'order-created' of 'kafka-pubsub', which shop publishes to."
    assert f"{told} Did you mean `orders-created`, which shop takes?" in str(caught.value)


async def test_tokens_of_the_environment_are_those_of_the_sidecar(outboard: Harness) -> None:
    board = board_of("a", {"DAPR_API_TOKEN": "one", "APP_API_TOKEN": "two"})
    numbers = board.topic("numbers", Number)

    @numbers.subscribe("/numbers")
    async def handle(event: Event[Number]) -> None: ...

    async with outboard.serving(app_of(board), board) as sidecar:
        await numbers.publish(Number(value=1))
        await outboard.handled(numbers)
        assert (await sidecar(HttpRequest("GET", "/v1.0/metadata"), 5)).status == 401


class TestWithResourceFiles:
    @pytest.fixture
    def outboard_resources(self, tmp_path: Path) -> list[Path]:
        (tmp_path / "pubsub.yaml").write_text(
            "apiVersion: dapr.io/v1alpha1\n"
            "kind: Component\n"
            "metadata: {name: kafka-pubsub}\n"
            "spec:\n"
            "  type: pubsub.in-memory\n"
            "  version: v1\n"
            "  metadata: [{name: publishingScopes, value: 'a=numbers'}]\n",
            encoding="utf-8",
        )
        return [tmp_path]

    async def test_the_files_decide(self, outboard: Harness) -> None:
        board = board_of("a")
        async with outboard.connected(board):
            await board.publish("numbers", {"value": 1})
            with pytest.raises(PubSubNotFound, match="'other'"):
                await board.publish("numbers", {"value": 1}, pubsub="other")

    async def test_without_a_retry_policy_a_failed_event_is_lost(self, outboard: Harness) -> None:
        board = board_of("a")
        numbers = board.topic("numbers", Number)

        @numbers.subscribe("/numbers")
        async def handle(event: Event[Number]) -> None:
            raise ValueError("broken")

        async with outboard.serving(app_of(board), board):
            await numbers.publish(Number(value=1))
            await outboard.settled()
        assert [delivery.outcome for delivery in outboard.deliveries(numbers)] == ["RETRY"]


async def test_a_raw_payload_is_settled_though_each_delivery_has_another_id(outboard: Harness) -> None:
    board = board_of("a")
    raw = board.topic("raw")
    seen = []

    @raw.subscribe("/raw", metadata={"rawPayload": "true"})
    async def handle(event: Event[object]) -> None:
        seen.append(event.id)

    async with outboard.serving(app_of(board), board):
        published = await raw.publish({"n": 1}, metadata={"rawPayload": "true"})
        await outboard.settled()
    assert seen != [published.id]
    assert [each.event_id for each in outboard.deliveries(raw)] == [published.id]
