"""One sidecar in one process, from the publish request to the handler, without a socket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from outboard.gojson.values import Json
from outboard.hops.record import HopKind
from outboard.resources.loader import Resources
from outboard.resources.resiliency import Resiliency, RetryPolicy, Target
from outboard.sidecar.components.context import SharedMemory
from outboard.wire.http import ExchangeFailed, Response
from support.sidecars import Hops, ScriptedApp, call, component, json_of, sidecar_for

pytestmark = pytest.mark.anyio

PUBSUB = component("kafka-pubsub", "pubsub.in-memory")
STORE = component("statestore", "state.in-memory")
EVENTS = "/v1.0/publish/kafka-pubsub/task-events"
JSON = "application/json"


def subscribed(**more: Json) -> Json:
    return [{"pubsubname": "kafka-pubsub", "topic": "task-events", "route": "/events/task", **more}]


def retrying(times: int) -> Resiliency:
    return Resiliency(
        retries={"r": RetryPolicy(duration=5.0, max_retries=times)},
        inbound={"kafka-pubsub": Target(retry="r")},
    )


async def test_a_published_event_arrives_as_a_cloud_event() -> None:
    app, hops = ScriptedApp(subscribed()), Hops()
    async with sidecar_for(app, Resources((PUBSUB,)), hops).running() as sidecar:
        answer = await call(sidecar.api, "POST", EVENTS, {"action": "created"}, content_type=JSON)
        await hops.until(HopKind.DELIVERED)
    assert (answer.status, answer.body) == (204, b"")
    [event] = app.events_at("/events/task")
    assert event == {
        "id": "id-1",
        "source": "api",
        "specversion": "1.0",
        "type": "com.dapr.event.sent",
        "datacontenttype": "application/json",
        "data": {"action": "created"},
        "topic": "task-events",
        "pubsubname": "kafka-pubsub",
        "traceid": "",
        "traceparent": "",
        "tracestate": "",
        "time": event["time"],
    }
    [request] = app.sent_to("/events/task")
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert request.headers["pubsubname"] == "kafka-pubsub"
    assert [hop.kind for hop in hops.all] == [HopKind.STORED, HopKind.DELIVERED]
    assert hops.all[0].payload == request.body


async def test_the_app_is_asked_for_its_subscriptions_with_the_app_token() -> None:
    app = ScriptedApp(subscribed())
    async with sidecar_for(app, Resources((PUBSUB,)), Hops(), app_api_token="s3cret").running():
        pass
    assert [request.target for request in app.requests] == ["/dapr/config", "/dapr/subscribe"]
    for request in app.requests:
        assert request.headers["dapr-api-token"] == "s3cret"
        assert request.headers["dapr-app-id"] == "api"


async def test_trace_context_goes_with_the_event_and_is_echoed() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    app, hops = ScriptedApp(subscribed()), Hops()
    async with sidecar_for(app, Resources((PUBSUB,)), hops).running() as sidecar:
        answer = await call(sidecar.api, "POST", EVENTS, {}, content_type=JSON, traceparent=trace)
        await hops.until(HopKind.DELIVERED)
    assert answer.headers["traceparent"] == trace
    assert app.sent_to("/events/task")[0].headers["traceparent"] == trace
    assert app.events_at("/events/task")[0]["traceparent"] == trace


async def test_retry_goes_by_the_policy_and_then_the_event_is_lost() -> None:
    app, hops = ScriptedApp(subscribed()), Hops()
    app.answer("/events/task", *[json_of("RETRY")] * 3)
    resources = Resources((PUBSUB,), resiliencies=(retrying(2),))
    async with sidecar_for(app, resources, hops).running() as sidecar:
        await call(sidecar.api, "POST", EVENTS, {}, content_type=JSON)
        [lost] = await hops.until(HopKind.LOST)
    delivered = [(hop.attempt, hop.outcome) for hop in hops.of(HopKind.DELIVERED)]
    assert delivered == [(1, "RETRY"), (2, "RETRY"), (3, "RETRY")]
    assert lost.detail == "RETRY status returned from app"


async def test_an_app_that_is_away_for_a_moment_gets_the_event_at_the_next_attempt() -> None:
    app, hops = ScriptedApp(subscribed()), Hops()
    app.answer("/events/task", ExchangeFailed("connection refused", sent=False), Response(500))
    resources = Resources((PUBSUB,), resiliencies=(retrying(-1),))
    async with sidecar_for(app, resources, hops).running() as sidecar:
        await call(sidecar.api, "POST", EVENTS, {}, content_type=JSON)
        delivered = await hops.until(HopKind.DELIVERED, 3)
    assert [hop.outcome for hop in delivered] == ["RETRY", "RETRY", "SUCCESS"]
    assert not hops.of(HopKind.LOST)


@pytest.mark.parametrize("answer", [json_of("DROP"), Response(404), json_of("RETRY")])
async def test_what_is_not_handled_goes_unchanged_to_the_dead_letter_topic(answer: Response) -> None:
    dead: list[Json] = [{"pubsubname": "kafka-pubsub", "topic": "task-events-dead", "route": "/dead"}]
    subscriptions: Any = subscribed(deadLetterTopic="task-events-dead")
    app, hops = ScriptedApp([*subscriptions, *dead]), Hops()
    app.answer("/events/task", answer)
    async with sidecar_for(app, Resources((PUBSUB,)), hops).running() as sidecar:
        await call(sidecar.api, "POST", EVENTS, {"a": 1}, content_type=JSON)
        await hops.until(HopKind.DELIVERED, 2)
    assert app.sent_to("/dead")[0].body == app.sent_to("/events/task")[0].body
    [dead_lettered] = hops.of(HopKind.DEAD_LETTERED)
    assert dead_lettered.topic == "task-events-dead"
    assert not hops.of(HopKind.LOST)


async def test_a_dead_letter_that_may_not_be_published_is_not_silently_dropped() -> None:
    pubsub = component("kafka-pubsub", "pubsub.in-memory", publishingScopes="api=task-events")
    app, hops = ScriptedApp(subscribed(deadLetterTopic="task-events-dead")), Hops()
    app.answer("/events/task", json_of("DROP"))
    async with sidecar_for(app, Resources((pubsub,)), hops).running() as sidecar:
        await call(sidecar.api, "POST", EVENTS, {}, content_type=JSON)
        [lost] = await hops.until(HopKind.LOST)
    assert "its dead letter was not published" in lost.detail


async def test_an_expired_event_is_dropped_without_delivery() -> None:
    app, hops = ScriptedApp(subscribed()), Hops()
    event: Any = {"id": "1", "data": {}, "expiration": "2026-01-01T00:00:00Z"}
    async with sidecar_for(app, Resources((PUBSUB,)), hops).running() as sidecar:
        await call(sidecar.api, "POST", EVENTS, event, content_type="application/cloudevents+json")
        [dropped] = await hops.until(HopKind.DROPPED)
    assert dropped.detail.startswith("dropping expired pub/sub event 1")
    assert not app.sent_to("/events/task")


async def test_rules_decide_the_path_and_an_error_in_one_is_a_failure() -> None:
    rules: Any = {
        "rules": [
            {"match": "event.type == 'urgent'", "path": "/urgent"},
            {"match": "event.data.x == 1", "path": "/x"},
        ],
        "default": "/other",
    }
    subscriptions: Json = [{"pubsubname": "kafka-pubsub", "topic": "task-events", "routes": rules}]
    app, hops = ScriptedApp(subscriptions), Hops()
    async with sidecar_for(app, Resources((PUBSUB,)), hops).running() as sidecar:
        await call(sidecar.api, "POST", f"{EVENTS}?metadata.cloudevent.type=urgent", {}, content_type=JSON)
        await call(sidecar.api, "POST", EVENTS, {"x": 1}, content_type=JSON)
        await call(sidecar.api, "POST", EVENTS, {"x": 2}, content_type=JSON)
        await hops.until(HopKind.DELIVERED, 3)
        await call(sidecar.api, "POST", EVENTS, {"y": 2}, content_type=JSON)
        [lost] = await hops.until(HopKind.LOST)
    assert [len(app.sent_to(path)) for path in ("/urgent", "/x", "/other")] == [1, 1, 1]
    assert lost.detail == "no such key: x"


async def test_bulk_delivery_settles_each_entry() -> None:
    app, hops = ScriptedApp(subscribed(bulkSubscribe={"enabled": True, "maxMessagesCount": 10})), Hops()
    statuses = b'{"statuses": [{"entryId": "id-2", "status": "SUCCESS"}]}'  # id-1 is the event's own
    app.answer("/events/task", Response(200, body=statuses))
    async with sidecar_for(app, Resources((PUBSUB,)), hops).running() as sidecar:
        await call(sidecar.api, "POST", EVENTS, {"n": 1}, content_type=JSON)
        [delivered] = await hops.until(HopKind.DELIVERED)
    assert delivered.outcome == "SUCCESS"
    [request] = app.sent_to("/events/task")
    [batch] = app.events_at("/events/task")
    assert request.headers["content-type"] == JSON
    assert batch["type"] == "com.dapr.event.sent.bulk"
    assert (batch["topic"], batch["pubsubname"]) == ("task-events", "kafka-pubsub")
    [entry] = batch["entries"]
    assert entry["event"]["data"] == {"n": 1}
    assert entry["contentType"] == "application/cloudevents+json"


async def test_bulk_publish_makes_one_event_of_each_entry() -> None:
    app, hops = ScriptedApp(subscribed()), Hops()
    entries: Json = [
        {"entryId": "a", "event": {"n": 1}, "contentType": JSON},
        {"entryId": "b", "event": "aGk=", "contentType": "application/octet-stream"},
        {"entryId": "c", "event": "text", "contentType": "text/plain", "metadata": {"cloudevent.type": "q"}},
    ]
    async with sidecar_for(app, Resources((PUBSUB,)), hops).running() as sidecar:
        answer = await call(sidecar.api, "POST", "/v1.0/publish/bulk/kafka-pubsub/task-events", entries)
        await hops.until(HopKind.DELIVERED, 3)
    assert answer.status == 204
    first, second, third = app.events_at("/events/task")
    assert (first["data"], second["data_base64"], third["data"]) == ({"n": 1}, "aGk=", "text")
    assert (first["type"], third["type"]) == ("com.dapr.event.sent", "q")


async def test_two_sidecars_with_one_memory_share_their_topics() -> None:
    memory, hops = SharedMemory(), Hops()
    app = ScriptedApp(subscribed())
    consumer = sidecar_for(app, Resources((PUBSUB,)), hops, memory)
    publisher = sidecar_for(None, Resources((PUBSUB,)), hops, memory)
    async with consumer.running(), publisher.running():
        await call(publisher.api, "POST", EVENTS, {}, content_type=JSON)
        await hops.until(HopKind.DELIVERED)
    assert len(app.sent_to("/events/task")) == 1


async def test_stopping_waits_for_the_handler_and_settles_its_event() -> None:
    app, hops = ScriptedApp(subscribed()), Hops()
    app.gates["/events/task"] = asyncio.Event()
    started = asyncio.Event()

    async def life() -> None:
        async with sidecar_for(app, Resources((PUBSUB,)), hops).running() as sidecar:
            await call(sidecar.api, "POST", EVENTS, {}, content_type=JSON)
            await app.called("/events/task")
            started.set()

    task = asyncio.create_task(life())
    await started.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()
    app.gates["/events/task"].set()
    await task
    assert [hop.outcome for hop in hops.of(HopKind.DELIVERED)] == ["SUCCESS"]


async def test_a_failure_while_stopping_is_neither_dead_lettered_nor_lost() -> None:
    app, hops = ScriptedApp(subscribed(deadLetterTopic="dead")), Hops()
    gate = app.gates["/events/task"] = asyncio.Event()
    app.answer("/events/task", Response(500))

    async with sidecar_for(app, Resources((PUBSUB,)), hops).running() as sidecar:
        await call(sidecar.api, "POST", EVENTS, {}, content_type=JSON)
        await app.called("/events/task")
        asyncio.get_running_loop().call_later(0.01, gate.set)
    assert [hop.outcome for hop in hops.of(HopKind.DELIVERED)] == ["RETRY"]
    assert not hops.of(HopKind.DEAD_LETTERED)
    assert not hops.of(HopKind.LOST)


async def test_metadata_names_components_and_subscriptions() -> None:
    app = ScriptedApp(subscribed())
    async with sidecar_for(app, Resources((PUBSUB, STORE)), Hops()).running() as sidecar:
        assert (await call(sidecar.api, "PUT", "/v1.0/metadata/cli%20pid", b"42")).status == 204
        body = (await call(sidecar.api, "GET", "/v1.0/metadata")).json
    assert body["id"] == "api"
    assert body["extended"]["cli pid"] == "42"
    assert [entry["name"] for entry in body["components"]] == ["kafka-pubsub", "statestore"]
    assert body["components"][1]["capabilities"][:3] == ["ETAG", "TRANSACTIONAL", "TTL"]
    assert body["subscriptions"] == [
        {
            "pubsubname": "kafka-pubsub",
            "topic": "task-events",
            "rules": [{"path": "/events/task"}],
            "deadLetterTopic": "",
            "type": "PROGRAMMATIC",
        }
    ]


async def test_an_answer_at_dapr_subscribe_that_cannot_be_read_starts_nothing_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = ScriptedApp()
    app.answer("/dapr/subscribe", Response(200, body=b'{"not": "a list"}'))
    async with sidecar_for(app, Resources((PUBSUB,)), Hops()).running() as sidecar:
        body = (await call(sidecar.api, "GET", "/v1.0/metadata")).json
    assert "subscriptions" not in body
    answered = (
        'cannot be used: not a list; it answered {"not": "a list"}. No subscription of this app is started'
    )
    assert answered in caplog.text


async def test_subscriptions_to_what_is_absent_or_forbidden_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scoped = component("kafka-pubsub", "pubsub.in-memory", subscriptionScopes="api=other")
    missing: Any = [{"pubsubname": "nowhere", "topic": "t", "route": "/t"}]
    subscriptions: Any = subscribed()
    app = ScriptedApp([*subscriptions, *missing])
    async with sidecar_for(app, Resources((scoped,)), Hops()).running():
        pass
    assert "'task-events' on pubsub 'kafka-pubsub' is not started: this is not allowed by" in caplog.text
    assert "no pub/sub component 'nowhere' is loaded" in caplog.text
