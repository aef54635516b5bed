"""The outbox of a state store, from the transaction to the app."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from outboard.gojson.values import Json
from outboard.hops.record import HopKind
from outboard.resources.loader import Resources
from outboard.sidecar.components.context import SharedMemory
from support.sidecars import Answer, Hops, ScriptedApp, call, component, sidecar_for

pytestmark = pytest.mark.anyio

PUBSUB = component("ps", "pubsub.in-memory")
SUBSCRIPTION: Json = [{"pubsubname": "ps", "topic": "orders", "route": "/orders"}]
INTERNAL = "defaultapiordersoutbox"


def store(**more: str) -> Any:
    given = {"outboxPublishPubsub": "ps", "outboxPublishTopic": "orders", **more}
    return component("st", "state.in-memory", **given)


def upsert(key: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"operation": "upsert", "request": {"key": key, "value": value, **more}}


async def transact(api: Any, *operations: dict[str, Any], query: str = "", **headers: str) -> Answer:
    return await call(
        api, "POST", f"/v1.0/state/st/transaction{query}", {"operations": list(operations)}, **headers
    )


async def test_an_upsert_is_told_to_the_app_once_it_is_done() -> None:
    app, hops = ScriptedApp(SUBSCRIPTION), Hops()
    async with sidecar_for(app, Resources((PUBSUB, store())), hops).running() as running:
        answer = await transact(
            running.api, upsert("k", {"n": 1}, metadata={"contentType": "application/json"})
        )
        await hops.until(HopKind.DELIVERED)
        stored = await call(running.api, "GET", "/v1.0/state/st/k")
    assert (answer.status, stored.json) == (204, {"n": 1})
    (event,) = app.events_at("/orders")
    assert event["id"].startswith("outbox-id-")
    assert (event["data"], event["topic"], event["pubsubname"]) == ({"n": 1}, "orders", "ps")
    published = [hop.topic for hop in hops.of(HopKind.STORED)]
    assert published == [INTERNAL, "orders"]


async def test_the_marker_is_gone_afterwards_and_has_no_prefix() -> None:
    app, hops, memory = ScriptedApp(SUBSCRIPTION), Hops(), SharedMemory()
    seen: list[str] = []
    resources = Resources((PUBSUB, store(), component("raw", "state.in-memory", keyPrefix="none")))
    async with sidecar_for(app, resources, hops, memory).running() as running:
        await transact(running.api, upsert("k", "v"))
        marker = json.loads(hops.all[0].payload)["id"]
        seen += [*_table(memory).entries]
        await hops.until(HopKind.DELIVERED)
        for _ in range(20):  # the relay goes on after the delivery
            await asyncio.sleep(0)
    assert seen == ["api||k", marker]
    assert [*_table(memory).entries] == ["api||k"]


def _table(memory: SharedMemory) -> Any:
    from outboard.sidecar.components.memory.state import Table

    return memory.of(Table, "st")


async def test_deletes_and_plain_saves_tell_nothing() -> None:
    hops = Hops()
    async with sidecar_for(
        ScriptedApp(SUBSCRIPTION), Resources((PUBSUB, store())), hops
    ).running() as running:
        saved = await call(running.api, "POST", "/v1.0/state/st", [{"key": "k", "value": 1}])
        deleted = await transact(running.api, {"operation": "delete", "request": {"key": "k"}})
    assert (saved.status, deleted.status, hops.all) == (204, 204, [])


async def test_metadata_of_the_request_counts_before_that_of_the_operation() -> None:
    app, hops = ScriptedApp(SUBSCRIPTION), Hops()
    async with sidecar_for(app, Resources((PUBSUB, store())), hops).running() as running:
        await transact(running.api, upsert("k", "v", metadata={"foo": "own"}), query="?metadata.foo=url")
        await hops.until(HopKind.DELIVERED)
    assert app.events_at("/orders")[0]["foo"] == "url"


@pytest.mark.parametrize(
    ("pubsub", "reason"),
    [
        (component("other", "pubsub.in-memory"), "pubsub 'ps' not found"),
        (
            component("ps", "pubsub.in-memory", publishingScopes="api=orders"),
            f"topic {INTERNAL} is not allowed for app id api",
        ),
    ],
)
async def test_what_cannot_be_told_is_not_done(pubsub: Any, reason: str) -> None:
    async with sidecar_for(None, Resources((pubsub, store())), Hops()).running() as running:
        answer = await transact(running.api, upsert("k", 1))
        stored = await call(running.api, "GET", "/v1.0/state/st/k")
    assert (answer.status, stored.status) == (500, 204)
    assert answer.json == {
        "errorCode": "ERR_PUBLISH_OUTBOX",
        "message": f"error while publishing outbox message: {reason}",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "domain": "dapr.io",
                "metadata": {"appID": "api", "error": reason},
                "reason": "DAPR_PUBSUB_OUTBOX",
            }
        ],
    }


@pytest.mark.parametrize("discard", ["true", "false"])
async def test_a_transaction_that_failed_is_not_told(discard: str) -> None:
    app, hops = ScriptedApp(SUBSCRIPTION), Hops()
    stores = store(outboxDiscardWhenMissingState=discard)
    async with sidecar_for(app, Resources((PUBSUB, stores)), hops).running() as running:
        failed = await transact(running.api, upsert("k", 1, etag="wrong"))
        await transact(running.api, upsert("k", "after"))
        await hops.until(HopKind.DELIVERED)
    assert failed.status == 500
    assert [event["data"] for event in app.events_at("/orders")] == ["after"]


@pytest.mark.parametrize("data", [b"no json", b"[]"])
async def test_what_is_no_event_is_passed_over_and_the_next_is_told(data: bytes) -> None:
    app, hops = ScriptedApp(SUBSCRIPTION), Hops()
    async with sidecar_for(app, Resources((PUBSUB, store())), hops).running() as running:
        raw = f"/v1.0/publish/ps/{INTERNAL}?metadata.rawPayload=true"
        published = await call(running.api, "POST", raw, data)
        await transact(running.api, upsert("k", "v"))
        await hops.until(HopKind.DELIVERED)
    assert published.status == 204
    assert [event["data"] for event in app.events_at("/orders")] == ["v"]


async def test_an_outbox_whose_pubsub_is_not_there_is_told_and_keeps_nothing_from_starting() -> None:
    async with sidecar_for(None, Resources((store(),)), Hops()).running() as running:
        answer = await call(running.api, "GET", "/v1.0/healthz")
    assert answer.status == 204
