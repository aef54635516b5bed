"""Resiliency policies in a whole sidecar: what the app gets, what the API answers, and what comes of it."""

from __future__ import annotations

import asyncio
import json

import pytest

from outboard.errors import ResourceError
from outboard.gojson.values import Json
from outboard.hops.record import HopKind
from outboard.resources.loader import Resources
from outboard.resources.resiliency import CircuitBreaker, CodeRange, Resiliency, RetryPolicy, Target
from outboard.sidecar.runtime.sidecar import Sidecar
from outboard.wire.http import ExchangeFailed, Response
from support.sidecars import Answer, Hops, ManyHops, ScriptedApp, call, component, json_of, sidecar_for

pytestmark = pytest.mark.anyio

COMPONENTS = (
    component("ps", "pubsub.in-memory"),
    component("st", "state.in-memory"),
)
OPEN = "circuit breaker is open"
TWO_IN_A_ROW = CircuitBreaker(trip="consecutiveFailures >= 2", name="cb")


def app_with(**more: Json) -> ScriptedApp:
    return ScriptedApp([{"pubsubname": "ps", "topic": "t", "route": "/t", **more}])


def sidecar(app: ScriptedApp, hops: Hops, resiliency: Resiliency) -> Sidecar:
    return sidecar_for(app, Resources(COMPONENTS, resiliencies=(resiliency,)), hops)


async def publish(sidecar: Sidecar) -> Answer:
    return await call(sidecar.api, "POST", "/v1.0/publish/ps/t", {}, content_type="application/json")


async def test_of_what_is_matched_everything_without_a_status_is_part() -> None:
    retry = RetryPolicy(http_codes=(CodeRange(503, 503),))
    policies = Resiliency(retries={"r": retry}, inbound={"ps": Target(retry="r")})
    app, hops = app_with(deadLetterTopic="dead"), Hops()
    app.answer(
        "/t", Response(503), ExchangeFailed("refused"), json_of("RETRY"), json_of("WHAT"), Response(400)
    )
    async with sidecar(app, hops, policies).running() as running:
        await publish(running)
        await hops.until(HopKind.DEAD_LETTERED)
    assert len(app.sent_to("/t")) == 5


async def test_where_there_are_many_deliveries_each_is_recorded_behind_those_that_came_first() -> None:
    app, hops = app_with(), ManyHops()
    app.answer("/t", Response(200), Response(200), Response(404), Response(200))
    async with sidecar(app, hops, Resiliency()).running() as running:
        for _ in range(4):
            await publish(running)
        await hops.until(HopKind.DELIVERED, 4)
    assert [hop.outcome for hop in hops.of(HopKind.DELIVERED)] == ["SUCCESS", "SUCCESS", "DROP", "SUCCESS"]


async def test_the_answers_to_a_batch_have_no_status_to_match() -> None:
    retry = RetryPolicy(max_retries=2, http_codes=(CodeRange(503, 503),))
    policies = Resiliency(retries={"r": retry}, inbound={"ps": Target(retry="r")})
    app, hops = app_with(deadLetterTopic="dead", bulkSubscribe={"enabled": True}), Hops()
    app.answer("/t", *[Response(400)] * 3)
    async with sidecar(app, hops, policies).running() as running:
        await publish(running)
        await hops.until(HopKind.DEAD_LETTERED)
    assert len(app.sent_to("/t")) == 3


async def test_an_attempt_that_takes_too_long_is_a_failed_one() -> None:
    policies = Resiliency(
        timeouts={"t": 0.001},
        retries={"r": RetryPolicy(max_retries=1)},
        inbound={"ps": Target(timeout="t", retry="r")},
    )
    app, hops = app_with(), Hops()
    app.gates["/t"] = asyncio.Event()
    async with sidecar(app, hops, policies).running() as running:
        await publish(running)
        delivered = await hops.until(HopKind.DELIVERED, 2)
        await hops.until(HopKind.LOST)
    assert [(hop.attempt, hop.outcome, hop.detail) for hop in delivered] == [
        (1, "RETRY", "context deadline exceeded"),
        (2, "RETRY", "context deadline exceeded"),
    ]


@pytest.mark.parametrize("bulk", [False, True])
async def test_while_the_breaker_is_open_events_become_dead_letters_undelivered(bulk: bool) -> None:
    policies = Resiliency(
        circuit_breakers={"cb": TWO_IN_A_ROW},
        retries={"r": RetryPolicy()},
        inbound={"ps": Target(retry="r", circuit_breaker="cb")},
    )
    app, hops = app_with(deadLetterTopic="dead", bulkSubscribe={"enabled": bulk}), Hops()
    app.answer("/t", Response(500), Response(500))
    async with sidecar(app, hops, policies).running() as running:
        await publish(running)
        await hops.until(HopKind.DEAD_LETTERED)
        assert len(app.sent_to("/t")) == 2
        await publish(running)
        await hops.until(HopKind.DEAD_LETTERED, 2)
        assert len(app.sent_to("/t")) == 2


async def test_a_breaker_of_both_directions_keeps_a_failing_app_from_publishing() -> None:
    target = Target(circuit_breaker="cb")
    policies = Resiliency(
        circuit_breakers={"cb": CircuitBreaker(trip="totalFailures >= 2")},  # a publish ends a row
        inbound={"ps": target},
        outbound={"ps": target},
    )
    app, hops = app_with(), Hops()
    app.answer("/t", Response(500), Response(500))
    async with sidecar(app, hops, policies).running() as running:
        for count in (1, 2):
            assert (await publish(running)).status == 204
            await hops.until(HopKind.LOST, count)
        refused = await publish(running)
        bulk = await call(
            running.api,
            "POST",
            "/v1.0/publish/bulk/ps/t",
            [{"entryId": "1", "event": {}, "contentType": "application/json"}],
            content_type="application/json",
        )
    assert (refused.status, refused.json["errorCode"]) == (500, "ERR_PUBSUB_PUBLISH_MESSAGE")
    assert refused.json["message"] == f"error when publishing to topic t in pubsub ps: {OPEN}"
    assert bulk.status == 500
    assert bulk.json["failedEntries"] == [{"entryId": "1", "error": OPEN}]


@pytest.mark.parametrize(
    ("method", "target", "body", "code"),
    [
        ("GET", "/v1.0/state/st/a", b"", "ERR_STATE_GET"),
        ("DELETE", "/v1.0/state/st/a", b"", "ERR_STATE_DELETE"),
        ("POST", "/v1.0/state/st", [{"key": "a", "value": 1}], "ERR_STATE_SAVE"),
        ("POST", "/v1.0/state/st/bulk", {"keys": ["a"]}, "ERR_STATE_BULK_GET"),
        (
            "POST",
            "/v1.0/state/st/transaction",
            {"operations": [{"operation": "delete", "request": {"key": "a"}}]},
            "ERR_STATE_TRANSACTION",
        ),
    ],
)
async def test_an_open_breaker_refuses_everything_of_a_state_store(
    method: str, target: str, body: Json | bytes, code: str
) -> None:
    policies = Resiliency(
        circuit_breakers={"cb": TWO_IN_A_ROW}, outbound={"st": Target(circuit_breaker="cb")}
    )
    conflict: Json = [{"key": "a", "value": 1, "etag": "another"}]
    async with sidecar(app_with(), Hops(), policies).running() as running:
        for _ in range(2):  # a conflict of ETags is a failure to the breaker, although it is not retried
            answer = await call(running.api, "POST", "/v1.0/state/st", conflict)
            assert answer.status == 409
        answer = await call(running.api, method, target, body)
    assert (answer.status, answer.json["errorCode"]) == (500, code)
    assert answer.json["message"].endswith(OPEN)


async def test_a_trip_that_cannot_be_is_told_at_the_start() -> None:
    policies = Resiliency(circuit_breakers={"unused": CircuitBreaker(trip="failures > 1")})
    with pytest.raises(ResourceError, match="there is no count `failures`"):
        async with sidecar(app_with(), Hops(), policies).running():
            pass


async def test_what_is_published_again_is_the_same_event() -> None:
    policies = Resiliency(retries={"r": RetryPolicy(max_retries=1)}, inbound={"ps": Target(retry="r")})
    app, hops = app_with(), Hops()
    app.answer("/t", Response(500))
    async with sidecar(app, hops, policies).running() as running:
        await publish(running)
        await hops.until(HopKind.DELIVERED, 2)
    first, second = (json.loads(request.body) for request in app.sent_to("/t"))
    assert first == second
